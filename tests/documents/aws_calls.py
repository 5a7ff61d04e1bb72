"""``aws`` for a page's commands: it records how it was called, and answers what the commands around it go on with.

What was recorded is read as the AWS CLI reads it, and held against the SDK's models of the services.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import jmespath  # type: ignore[import-untyped]
from botocore import xform_name
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.validate import ParamValidator

GLOBAL = {"query", "output", "cli-binary-format"}
"""Options of every command of the AWS CLI."""
OF_THE_CLI = {
    ("logs", "tail"): {"since", "filter-pattern", "format"},
    ("s3", "ls"): {"recursive"},
}
"""Commands that are no operation of a service, with the options of theirs that the pages may use."""
_FIELD, _CALL = "\x1f", "\x1e"
_PROGRAM = r"""#!/bin/sh
{ for word; do printf '%s\037' "$word"; done; printf '\036'; } >> "$AWS_CALLS"
case "$1 $2" in
"cloudformation describe-stack-resource")
  while [ "$1" != --logical-resource-id ]; do shift; done; echo "$2" ;;
"dynamodb describe-table") echo arn:aws:dynamodb:eu-central-1:111122223333:table/EventsTable ;;
"dynamodb scan") echo w.AAAAAAAAQACAAAAAAAAAAQ ;;
esac
"""


@dataclass(frozen=True)
class Call:
    """An operation and its parameters, as the SDK takes them, and the command line's ``--query``."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    query: str = ""


def install(folder: Path) -> None:
    """Put an ``aws`` into a folder for PATH; it appends to the file that ``AWS_CALLS`` names."""
    program = folder / "aws"
    program.write_text(_PROGRAM)
    program.chmod(0o755)


def recorded(file: Path) -> Iterator[list[str]]:
    """The words of each call, in their order."""
    for call in file.read_text().split(_CALL):
        if call:
            yield call.split(_FIELD)[:-1]


def read(words: Sequence[str]) -> Call | None:
    """What a command line asks of AWS; None of a command that is the CLI's own. Raises ValueError where it is wrong."""
    service, command, *rest = words
    options, positional = _options(rest)
    if (service, command) in OF_THE_CLI:
        _refuse(set(options) - OF_THE_CLI[service, command] - GLOBAL, words)
        return None
    if command == "wait":
        waiter = positional.pop(0)
        model = _service(service)
        config = _session().get_waiter_model(service).get_waiter(_named(waiter, _waiters(service)))
        operation = model.operation_model(config.operation)
    else:
        operation = _operation(service, command)
    if operation.name == "Invoke":
        positional.pop()  # the file for the answer
        options["payload"] = [text.replace("file://", "") for text in options.get("payload", [])]
    _refuse(positional, words)
    query = options.pop("query", [""])[0]
    given = {name: values for name, values in options.items() if name not in GLOBAL}
    return Call(service, operation.name, _parameters(operation, given), query)


def method(call: Call) -> str:
    """The name of a client's method that asks it."""
    return xform_name(call.operation)


def faults(call: Call) -> list[str]:
    """What the SDK's models say against a call: missing, unknown and wrong parameters, a query that finds nothing."""
    model = _service(call.service).operation_model(call.operation)
    assert model.input_shape is not None
    report = ParamValidator().validate(dict(call.parameters), model.input_shape)
    found = [report.generate_report()] if report.has_errors() else []
    if call.query and model.output_shape is not None:
        answer = jmespath.search(call.query, _sample(model.output_shape))
        if answer in (None, [], {}) or _holes(answer):
            found.append(f"--query {call.query} finds nothing in an answer of {call.operation}")
    return found


def _options(words: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Options with their values, and the words before and after them."""
    options: dict[str, list[str]] = {}
    positional: list[str] = []
    values: list[str] | None = None
    for number, word in enumerate(words):
        if word.startswith("--"):
            values = options.setdefault(word[2:], [])
        elif values is None or (number == len(words) - 1 and values and "json" in word):
            positional.append(word)
        else:
            values.append(word)
    return options, positional


def _parameters(operation: OperationModel, options: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    shape = operation.input_shape
    assert shape is not None
    members = {xform_name(name, "-"): (name, member) for name, member in shape.members.items()}
    _refuse(set(options) - set(members), [operation.name])
    return {members[name][0]: _value(members[name][1], values) for name, values in options.items()}


def _value(shape: Shape, values: Sequence[str]) -> Any:
    """The value of an option: JSON, the CLI's shorthand ``A=1,B=2``, or plain text."""
    if isinstance(shape, ListShape):
        if values[0].startswith("["):
            return json.loads(values[0])
        return [_value(shape.member, [one]) for one in values]
    (text,) = values or [""]
    if isinstance(shape, (StructureShape, MapShape)):
        if text.startswith("{"):
            return json.loads(text)
        pairs = dict(one.split("=", 1) for one in text.split(","))
        if isinstance(shape, MapShape):
            return pairs
        return {name: _value(shape.members[name], [value]) for name, value in pairs.items()}
    if shape.type_name in ("integer", "long"):
        return int(text)
    if shape.type_name == "boolean":
        return True
    return text


def _sample(shape: Shape) -> Any:
    """An answer with something in every member; a map has whatever it is asked for."""
    if isinstance(shape, StructureShape):
        return {name: _sample(member) for name, member in _members(shape).items()}
    if isinstance(shape, ListShape):
        return [_sample(shape.member)]
    if isinstance(shape, MapShape):
        return _Anything(_sample(shape.value))
    return shape.type_name


def _members(shape: StructureShape) -> Mapping[str, Shape]:
    """A structure's members but for those that hold its own kind again, such as a DynamoDB value's lists."""
    return {
        name: member
        for name, member in shape.members.items()
        if not (shape.name == "AttributeValue" and member.type_name in ("list", "map"))
    }


class _Anything(dict[str, Any]):
    def __init__(self, value: Any) -> None:
        super().__init__({"any": value})
        self._value = value

    def get(self, _: Any, __: Any = None) -> Any:
        return self._value


def _holes(answer: Any) -> bool:
    return answer is None or (isinstance(answer, list) and any(map(_holes, answer)))


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def _service(name: str) -> Any:
    return _session().get_service_model(name)


def _operation(service: str, command: str) -> OperationModel:
    found: OperationModel = _service(service).operation_model(_named(command, _service(service).operation_names))
    return found


def _waiters(service: str) -> Sequence[str]:
    names: Sequence[str] = _session().get_waiter_model(service).waiter_names
    return names


def _named(command: str, names: Sequence[str]) -> str:
    found = [name for name in names if xform_name(name, "-") == command]
    _refuse([] if found else [command], ["aws"])
    return found[0]


def _refuse(unknown: Sequence[str] | set[str], words: Sequence[str]) -> None:
    if unknown:
        raise ValueError(f"{' '.join(words)}: the AWS CLI does not know {', '.join(sorted(unknown))}")
