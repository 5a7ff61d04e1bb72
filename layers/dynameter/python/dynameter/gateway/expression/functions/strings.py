"""Functions on text. APIGate's read any value as text; expr-lang's take text only."""

from __future__ import annotations

from typing import Any, Final

from dynameter.gateway import sse
from dynameter.gateway.expression.errors import Fault
from dynameter.gateway.expression.frame import Frame
from dynameter.gateway.expression.functions.function import Function, text
from dynameter.gateway.expression.values import (
    ARRAYS,
    MAPS,
    MadeMap,
    bytes_of,
    elements,
    kind_of,
    text_of,
    to_index,
)

_GO_SPACES = " \t\n\v\f\r\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


def lower(frame: Frame, value: Any) -> str:
    return text_of(frame, value).lower()


def upper(frame: Frame, value: Any) -> str:
    return text_of(frame, value).upper()


def trim(frame: Frame, value: Any) -> str:
    return text_of(frame, value).strip(_GO_SPACES)


def trim_prefix(frame: Frame, value: Any, prefix: Any) -> str:
    return text_of(frame, value).removeprefix(text_of(frame, prefix))


def trim_suffix(frame: Frame, value: Any, suffix: Any) -> str:
    return text_of(frame, value).removesuffix(text_of(frame, suffix))


def replace(frame: Frame, value: Any, old: Any, new: Any) -> str:
    whole, old, new = text_of(frame, value), text_of(frame, old), text_of(frame, new)
    # The size is known before anything is made.
    frame.spend_text(len(whole) + whole.count(old) * len(new))
    return whole.replace(old, new)


def split(frame: Frame, value: Any, separator: Any) -> tuple[str, ...]:
    whole, separator = text_of(frame, value), text_of(frame, separator)
    frame.spend_steps(whole.count(separator) if separator else len(whole))
    return tuple(whole.split(separator)) if separator else tuple(whole)


def split_after(frame: Frame, value: Any, separator: Any) -> tuple[str, ...]:
    parts = split(frame, text(value), text(separator))
    if not separator:
        return parts
    parts = tuple(part + separator for part in parts[:-1]) + parts[-1:]
    frame.spend_text(len(value))
    return parts


def join(frame: Frame, values: Any, separator: Any = "") -> str:
    if type(values) not in ARRAYS:
        raise Fault("join takes an array")
    frame.spend_steps(len(values))
    parts = [text_of(frame, value) for value in elements(values)]
    glue = text_of(frame, separator)
    frame.spend_text(len(glue) * len(parts))
    return glue.join(parts)


def repeat(frame: Frame, value: Any, times: Any) -> str:
    count = to_index(times)
    if count < 0:
        raise Fault("repeat takes a count of 0 or more")
    frame.spend_text(len(text(value)) * count)
    return text(value) * count


def index_of(frame: Frame, value: Any, part: Any) -> int:
    frame.spend_text(len(text(value)))
    return text(value).find(text(part))


def last_index_of(frame: Frame, value: Any, part: Any) -> int:
    frame.spend_text(len(text(value)))
    return text(value).rfind(text(part))


def has_prefix(frame: Frame, value: Any, prefix: Any) -> bool:
    frame.spend_text(len(text(prefix)))
    return text(value).startswith(text(prefix))


def has_suffix(frame: Frame, value: Any, suffix: Any) -> bool:
    frame.spend_text(len(text(suffix)))
    return text(value).endswith(text(suffix))


def length(_: Frame, value: Any) -> int:
    if type(value) is str or type(value) is bytes or type(value) in ARRAYS or type(value) in MAPS:
        return len(value)
    raise Fault(f"{kind_of(value)} has no length")


def lines(frame: Frame, value: Any) -> tuple[str, ...]:
    whole = bytes_of(frame, value).decode("utf-8", "replace")
    if not whole:
        return ()
    return split(frame, whole.replace("\r\n", "\n").replace("\r", "\n"), "\n")


def lines_non_empty(frame: Frame, value: Any) -> tuple[str, ...]:
    return tuple(line for line in lines(frame, value) if line)


def sse_events(frame: Frame, value: Any) -> tuple[MadeMap, ...]:
    events = frame.events(bytes_of(frame, value))
    frame.spend_steps(len(events))
    return tuple(MadeMap(event=event.event, data=event.data, id=event.id) for event in events)


def sse_last_data(frame: Frame, value: Any) -> str:
    return sse.last_data(frame.events(bytes_of(frame, value)))


def sse_all_data(frame: Frame, value: Any) -> str:
    return sse.all_data(frame.events(bytes_of(frame, value)))


FUNCTIONS: Final = {
    "lower": Function(lower, 1, 1, "string"),
    "upper": Function(upper, 1, 1, "string"),
    "trim": Function(trim, 1, 1, "string"),
    "trimPrefix": Function(trim_prefix, 2, 2, "string"),
    "trimSuffix": Function(trim_suffix, 2, 2, "string"),
    "replace": Function(replace, 3, 3, "string"),
    "split": Function(split, 2, 2, "array"),
    "splitAfter": Function(split_after, 2, 2, "array"),
    "join": Function(join, 1, 2, "string"),
    "repeat": Function(repeat, 2, 2, "string"),
    "indexOf": Function(index_of, 2, 2, "int"),
    "lastIndexOf": Function(last_index_of, 2, 2, "int"),
    "hasPrefix": Function(has_prefix, 2, 2, "bool"),
    "hasSuffix": Function(has_suffix, 2, 2, "bool"),
    "len": Function(length, 1, 1, "int"),
    "lines": Function(lines, 1, 1, "array"),
    "linesNonEmpty": Function(lines_non_empty, 1, 1, "array"),
    "sseEvents": Function(sse_events, 1, 1, "array"),
    "sseLastData": Function(sse_last_data, 1, 1, "string"),
    "sseAllData": Function(sse_all_data, 1, 1, "string"),
}
