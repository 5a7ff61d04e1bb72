"""The template's policies, held against every call that a function makes while tests run, as IAM would.

A call of a function under test that its own policies do not allow raises ``AccessDeniedException`` and fails the test
that made it, also where the code passes over the fault. What a test asks of storage itself is not judged.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

import local.functions
from local.template import Function, Template

DENIAL = "the template's policies do not allow"
"""What a log says of such a call."""
DENIED: list[str] = []
"""Calls that were refused since somebody last looked."""

_log = logging.getLogger(__name__)
_acting: ContextVar[str | None] = ContextVar("acting_function", default=None)
_make_api_call = BaseClient._make_api_call  # type: ignore[attr-defined]
_submit = ThreadPoolExecutor.submit
_load_handler = local.functions.load_handler

_FUNCTIONS = {one.name for one in Template.load().functions()}
_TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
_SINGLE = {"GetItem", "PutItem", "UpdateItem", "DeleteItem"}
_WORDS = re.compile(r"(?<![:\w#.])#?[A-Za-z_]\w*")
_KEYWORDS = {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN"}
_INSERT = re.compile(r"""INSERT INTO "(?P<table>\w+)" VALUE \{'pk': *(\?|'(?P<pk>[^']*)')""")


class UnknownCall(LookupError):
    """A call that no function made before; which permission it needs has to be written down here first."""


@dataclass(frozen=True, slots=True)
class Call:
    """One action on one resource: ``EventsTable``, ``EventsTable/index/by_time`` or ``EventBus``.

    ``keys`` are the partition keys that a call on a table names, ``attributes`` what an update reads and writes.
    """

    action: str
    resource: str
    keys: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    returns: str | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that allows."""

    actions: frozenset[str]
    resources: frozenset[str]
    conditions: Mapping[str, Mapping[str, Any]]

    def allows(self, call: Call) -> bool:
        """Whether the call is among what is allowed."""
        return (
            call.action in self.actions
            and call.resource in self.resources
            and all(
                _holds(operator, key, _listed(values), call)
                for operator, found in self.conditions.items()
                for key, values in found.items()
            )
        )


def _holds(operator: str, key: str, values: list[str], call: Call) -> bool:
    asked: tuple[str, ...] = {
        "dynamodb:LeadingKeys": call.keys,
        "dynamodb:Attributes": call.attributes,
        "dynamodb:ReturnValues": () if call.returns is None else (call.returns,),
    }[key]
    tests: dict[str, Callable[[str], bool]] = {
        "ForAllValues:StringEquals": lambda one: one in values,
        "ForAllValues:StringLike": lambda one: any(fnmatchcase(one, value) for value in values),
        "ForAllValues:StringNotLike": lambda one: not any(fnmatchcase(one, value) for value in values),
        "StringEqualsIfExists": lambda one: one in values,
    }
    return all(map(tests[operator], asked))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(template: Template, function: str) -> list[Statement]:
    """What the function's own policies allow."""
    return [
        Statement(
            frozenset(_listed(one["Action"])),
            frozenset(_named(resource) for resource in _listed(one["Resource"])),
            one.get("Condition", {}),
        )
        for policy in template.document["Resources"][function]["Properties"].get("Policies", ())
        for one in policy["Statement"]
        if one["Effect"] == "Allow"
    ]


def _named(resource: Mapping[str, str]) -> str:
    text = resource.get("GetAtt") or resource["Sub"].replace("${", "").replace("}", "")
    return text.replace(".Arn", "")


@cache
def _granted(function: str) -> list[Statement]:
    return statements(Template.load(), function)


def calls(service: str, operation: str, parameters: Mapping[str, Any]) -> Iterator[Call]:
    """The actions that IAM is asked about for one call of the API."""
    if service == "events":
        for entry in parameters["Entries"]:
            yield Call(f"events:{operation}", "EventBus" if entry["EventBusName"] else "default")
    elif operation in _SINGLE:
        yield _single(operation, parameters)
    elif operation == "Query":
        index = parameters.get("IndexName")
        table = _table(parameters["TableName"])
        yield Call(
            "dynamodb:Query", f"{table}/index/{index}" if index else table, () if index else (_asked(parameters),)
        )
    elif operation == "BatchGetItem":
        for name, request in parameters["RequestItems"].items():
            yield Call("dynamodb:BatchGetItem", _table(name), tuple(key["pk"]["S"] for key in request["Keys"]))
    elif operation == "TransactWriteItems":
        for item in parameters["TransactItems"]:
            ((kind, request),) = item.items()
            yield _single(_TRANSACTED[kind], request)
    elif operation == "BatchExecuteStatement":
        for one in parameters["Statements"]:
            found = _INSERT.match(one["Statement"])
            assert found is not None, one["Statement"]
            yield Call("dynamodb:PartiQLInsert", _table(found["table"]))
    else:
        raise UnknownCall(f"{service}:{operation} is asked of nobody yet: say here what IAM is asked")


def _single(operation: str, request: Mapping[str, Any]) -> Call:
    key = request["Item" if operation == "PutItem" else "Key"]
    attributes = tuple(_attributes(request)) if operation == "UpdateItem" else ()
    return Call(
        f"dynamodb:{operation}",
        _table(request["TableName"]),
        (key["pk"]["S"],),
        attributes,
        request.get("ReturnValues"),
    )


def _attributes(request: Mapping[str, Any]) -> Iterator[str]:
    names = request.get("ExpressionAttributeNames", {})
    yield from request["Key"]
    for expression in ("UpdateExpression", "ConditionExpression"):
        text = request.get(expression, "")
        for word in _WORDS.finditer(text):
            if word[0] not in _KEYWORDS and not text[word.end() :].lstrip().startswith("("):
                yield names.get(word[0], word[0])


def _asked(parameters: Mapping[str, Any]) -> str:
    found = re.match(r"pk = (:\w+)", parameters["KeyConditionExpression"])
    assert found is not None, parameters["KeyConditionExpression"]
    key: str = parameters["ExpressionAttributeValues"][found[1]]["S"]
    return key


def _table(name: str) -> str:
    """The template's name of a table; tests may put something before it."""
    return next(one for one in ("EventsTable", "UsageTable", "CatalogTable") if name.endswith(one))


def allowed(function: str, call: Call) -> bool:
    """Whether the function's policies in the template allow the call."""
    return any(statement.allows(call) for statement in _granted(function))


def acting_as(function: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, its calls judged by the function's policies."""

    def act(*arguments: Any, **options: Any) -> Any:
        token = _acting.set(function)
        try:
            return handler(*arguments, **options)
        finally:
            _acting.reset(token)

    return act


def _judged(client: Any, operation: str, parameters: Any) -> Any:
    function, service = _acting.get(), client.meta.service_model.service_name
    if function is not None:
        for call in calls(service, operation, parameters):
            if not allowed(function, call):
                DENIED.append(f"{function}: {call}")
                _log.error("%s %s: %s", DENIAL, function, call)
                fault: Any = {"Code": "AccessDeniedException", "Message": f"{function} is not allowed {call}"}
                raise ClientError({"Error": fault}, operation)
    return _make_api_call(client, operation, parameters)


def _submitted(pool: ThreadPoolExecutor, call: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
    function = _acting.get()
    return _submit(pool, call if function is None else acting_as(function, call), *arguments, **options)


def _loaded(function: Function) -> Any:
    handler = _load_handler(function)
    # Tests of the local server bring functions of their own.
    return acting_as(function.name, handler) if function.name in _FUNCTIONS else handler


def enforce() -> None:
    """Judge what functions do from now on in this process, in their pools' threads too."""
    BaseClient._make_api_call = _judged  # type: ignore[attr-defined]
    ThreadPoolExecutor.submit = _submitted  # type: ignore[method-assign, assignment]
    local.functions.load_handler = _loaded
