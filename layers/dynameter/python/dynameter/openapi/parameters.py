"""Parameters that several operations share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dynameter.openapi.operation import Answer, Parameter, Place, Shape
from dynameter.openapi.shapes import Csv, Instant

LIMIT = 1_000
"""The most that one page of a list has."""

WORKSPACE_DESCRIPTION = "The key's own workspace."

PREFER = Parameter(
    "Prefer",
    str,
    "RFC 7240: `return=representation` answers a result for each event, `handling=lenient` stores the good events of a "
    "batch with bad ones.",
    Place.HEADER,
)
ACCEPT_CSV = Parameter("Accept", str, "`text/csv` for a file.", Place.HEADER)

COUNTED = {
    "dynameter-accepted": "Events stored now.",
    "dynameter-duplicate": "Events that were stored before, with the same payload.",
    "dynameter-conflict": "Events whose source and id are used with another payload; the first stays.",
    "dynameter-rejected": "With `handling=lenient`: events that were not stored.",
    "preference-applied": "What was honoured of Prefer.",
}
"""The headers of every answer to events."""

STATE = {"dynameter-state": "`rebuilding` while the usage of earlier events is being counted."}

CLIENT_ID = Parameter("clientId", str, "Taken and not used.")
FROM = Parameter("from", Instant, "The first instant that counts; left out: ever.")
TO = Parameter("to", Instant, "The instant before which events count; left out: now.")
ORDER = Parameter("order", Literal["ASC", "DESC"], "Ascending (default) or descending.")


def order_by(*names: str) -> Parameter:
    """What a v1 list is sorted by; the first is the default."""
    return Parameter("orderBy", Literal[names], f"What to sort by: {', '.join(names)}; {names[0]} by default.")


def flag(name: str, description: str) -> Parameter:
    """A parameter that is true or false, false by default."""
    return Parameter(name, bool, description)


def whole(name: str, default: int, most: int, description: str) -> Parameter:
    """A whole number from 1."""
    return Parameter(name, Annotated[int, Field(ge=1, le=most)], f"{description} ({default} by default)")


def usage_answer(shape: Shape) -> Answer:
    """The usage as JSON, or as a file where CSV is preferred."""
    return Answer(200, "The usage.", {"application/json": shape, "text/csv": Csv}, STATE)
