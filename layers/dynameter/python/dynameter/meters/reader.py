"""Reading events with a meter, compiled once for each generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dynameter.meters.meter import Aggregation
from dynameter.meters.path import Path, compile_path
from dynameter.meters.quantity import UnusableQuantity, number_text, parse_quantity
from dynameter.meters.reading import Reading, Skip

MAX_GROUP_VALUE_BYTES = 512
"""UTF-8 bytes that the value of one group-by key may have; an event with a longer one does not count."""
MAX_UNIQUE_BYTES = 512
"""UTF-8 bytes that a value of UNIQUE_COUNT may have; an event with a longer one does not count."""

# Text of at most so many characters is within the limit whatever the characters are.
_SURELY_SHORT = MAX_GROUP_VALUE_BYTES // 4
# An int of more bits has more digits than a group value may have bytes, or than Python turns into text.
_MAX_INTEGER_BITS = 8_192


@dataclass(frozen=True, slots=True)
class Reader:
    """What one generation of a meter reads from an event. Make it with ``compile_reader``."""

    aggregation: Aggregation
    value_property: str | None
    value: Path | None
    groups: tuple[tuple[str, Path], ...]

    def read(self, data: dict[str, Any] | None) -> Reading | Skip:
        """What the event's data adds, or why the event does not count.

        COUNT counts every event; UNIQUE_COUNT takes any scalar's text form; the others need a usable quantity.
        Missing, null and structured group values read as "".
        """
        value = self._value(data)
        if isinstance(value, Skip):
            return value
        groups = []
        for key, path in self.groups:
            text = _group_text(path.find(data)[1])
            if len(text) > _SURELY_SHORT and len(text.encode("utf-8", "surrogatepass")) > MAX_GROUP_VALUE_BYTES:
                return Skip(f'invalid event: the value of group by "{key}" exceeds {MAX_GROUP_VALUE_BYTES} bytes')
            groups.append(text)
        return Reading(value, tuple(groups))

    def _value(self, data: dict[str, Any] | None) -> Decimal | str | Skip | None:
        if self.value is None:
            return None
        if data is None:
            return Skip("invalid event: null and missing value property")
        found, raw = self.value.find(data)
        if not found:
            return Skip(f'invalid event: missing value property: "{self.value_property}"')
        if self.aggregation is Aggregation.UNIQUE_COUNT:
            return _unique_text(raw)
        try:
            return parse_quantity(raw)
        except UnusableQuantity as error:
            return Skip(f"invalid event: {error.reason}")


def compile_reader(aggregation: Aggregation, value_property: str | None, group_by: Mapping[str, str]) -> Reader:
    """Compile a generation's reader. Raises ``InvalidPath`` where a path is none, ValueError where it is lacking."""
    if aggregation is Aggregation.COUNT:
        value = None
    elif value_property is None:
        raise ValueError(f"{aggregation.value} needs a value property")
    else:
        value = compile_path(value_property)
    groups = tuple((key, compile_path(group_by[key])) for key in sorted(group_by))
    return Reader(aggregation, value_property, value, groups)


def _unique_text(raw: Any) -> str | Skip:
    if raw is None:
        return Skip("invalid event: value cannot be null")
    if isinstance(raw, list | dict):
        return Skip(f"invalid event: unsupported value property type: {type(raw).__name__}")
    text = _scalar_text(raw)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_UNIQUE_BYTES:
        return Skip(f"invalid event: the value of a unique count exceeds {MAX_UNIQUE_BYTES} bytes")
    return text


def _group_text(raw: Any) -> str:
    return "" if raw is None or isinstance(raw, list | dict) else _scalar_text(raw)


def _scalar_text(raw: Any) -> str:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int) and raw.bit_length() > _MAX_INTEGER_BITS:
        return hex(raw)  # still one text for one number, and one that is longer than a group value may be
    return number_text(raw)
