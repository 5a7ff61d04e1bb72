"""What the bodies of plans and subscriptions share in all dialects: numbers, timings, names of fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from dynameter import rfc3339
from dynameter.billing.subscriptions.subscription import Timing
from dynameter.dialects.bodies import MAX_REPORTED_FIELDS, refuse
from dynameter.errors import AlreadyExists, FieldError, InvalidInput
from dynameter.meters.quantity import NUMBER_PATTERN, UnusableQuantity, parse_quantity

_TIMINGS = {one.value: one for one in Timing}


def _read_amount(value: Any) -> Decimal:
    try:
        return parse_quantity(value)
    except UnusableQuantity as error:
        raise ValueError(f"must be a decimal number such as 0.05, as text: {error.reason}") from None


def _read_timing(value: Any) -> Timing | int:
    if isinstance(value, str):
        return _TIMINGS[value] if value in _TIMINGS else rfc3339.parse(value)
    raise ValueError(f"must be {', '.join(_TIMINGS)} or an RFC 3339 date-time")


Amount = Annotated[
    Decimal,
    BeforeValidator(_read_amount),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": NUMBER_PATTERN}, {"type": "number"}]}),
]
"""Decimal text in the body, or a JSON number; digit for digit."""

AnyTiming = Annotated[
    Timing | int,
    BeforeValidator(_read_timing),
    WithJsonSchema({"anyOf": [{"type": "string", "enum": list(_TIMINGS)}, {"type": "string", "format": "date-time"}]}),
]
"""A word or RFC 3339 text in the body; microseconds since the epoch for the latter."""


def renamed(fields: tuple[FieldError, ...], names: Mapping[str, str]) -> tuple[FieldError, ...]:
    """The fields with the names that they have on the wire, at any depth; a name may be a path (``price.amount``)."""
    return tuple(_renamed(one, names) for one in fields)


def _renamed(one: FieldError, names: Mapping[str, str]) -> FieldError:
    steps: list[str | int] = []
    inside_names = False
    for step in one.location:
        if isinstance(step, int) or inside_names:
            steps.append(step)
            continue
        steps += names.get(step, step).split(".")
        # What stands in metadata are the caller's names.
        inside_names = step == "metadata"
    return replace(one, location=tuple(steps))


@contextmanager
def worded(what: str, names: Mapping[str, str]) -> Iterator[None]:
    """Give the fields of a core's InvalidInput or AlreadyExists the names that they have on this wire."""
    try:
        yield
    except InvalidInput as error:
        if not error.fields:
            raise
        raise refuse(what, renamed(error.fields[:MAX_REPORTED_FIELDS], names)) from None
    except AlreadyExists as error:
        raise AlreadyExists(error.message, code=error.code, fields=renamed(error.fields, names)) from None
