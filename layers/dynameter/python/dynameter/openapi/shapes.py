"""Shapes that several dialects share."""

from __future__ import annotations

from typing import Annotated, Any, Generic, NotRequired, TypeVar

from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict

Instant = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""RFC 3339, in UTC with a Z in answers; up to microseconds count."""
Ulid = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{26}$"})]
"""The id that this service gave."""
Workspace = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
DecimalText = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$"})]
"""A number with every digit, as text."""
Number = Annotated[Any, WithJsonSchema({"type": "number"})]
"""A number with every digit: read it as a decimal, not as a float."""
Count = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^\d+$"})]
Csv = Annotated[str, WithJsonSchema({"type": "string", "contentMediaType": "text/csv"})]
Html = Annotated[str, WithJsonSchema({"type": "string", "contentMediaType": "text/html"})]
Metadata = Annotated[dict[str, str], Field(max_length=50)]


class CloudEvent(TypedDict, extra_items=Any):  # type: ignore[call-arg]
    """A CloudEvent 1.0 in JSON. Its source and id are its identity: sent again, it counts once."""

    specversion: NotRequired[Annotated[str | None, Field(description="1.0 where it is left out; 0.3 is taken, too.")]]
    id: Annotated[str, Field(min_length=1, max_length=512)]
    source: Annotated[str, Field(min_length=1, max_length=1024)]
    type: Annotated[str, Field(min_length=1, max_length=256)]
    subject: Annotated[str, Field(min_length=1, max_length=512)]
    time: NotRequired[Instant | None]
    datacontenttype: NotRequired[str | None]
    dataschema: NotRequired[str | None]
    data: NotRequired[dict[str, Any] | None]


class StoredEvent(TypedDict, extra_items=Any):  # type: ignore[call-arg]
    """A CloudEvent as it was stored."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: Instant
    datacontenttype: NotRequired[str]
    data: NotRequired[dict[str, Any]]


class Reason(TypedDict):
    """Why an event was not stored."""

    field: str
    rule: str
    reason: str


class EventResult(TypedDict):
    """What became of one event of a request."""

    index: int
    source: str | None
    id: str | None
    status: Annotated[str, WithJsonSchema({"enum": ["accepted", "duplicate", "conflict", "invalid"]})]
    errors: NotRequired[list[Reason]]


class EventResults(TypedDict):
    """What became of the events, in the order of the request."""

    results: list[EventResult]


Item = TypeVar("Item")


class Page(TypedDict, Generic[Item]):
    """A page of a list, as OpenMeter v1 and v2 have it."""

    totalCount: int
    page: int
    pageSize: int
    items: list[Item]
