"""JSON:API as these routes have it: documents, pages, errors, versions."""

from __future__ import annotations

from typing import Any, Generic, NotRequired, TypeVar

from pydantic import ConfigDict, WithJsonSchema
from typing_extensions import TypedDict

from dynameter.dialects.apigate.jsonapi import MAX_PAGE_NUMBER, MAX_PAGE_SIZE, PAGE_SIZE
from dynameter.dialects.apigate.problems import MEDIA_TYPE
from dynameter.meters.quantity import NUMBER_PATTERN
from dynameter.openapi.operation import JSON, Answer, Body, Parameter, Place, Shape
from dynameter.openapi.parameters import whole

CLOSED = ConfigDict(extra="forbid")
"""Of attributes: one that is not known is refused."""

Item = TypeVar("Item")


class Sent(TypedDict, Generic[Item]):
    """A JSON:API document."""

    data: Item


class Found(TypedDict, Generic[Item]):
    """One resource."""

    data: Item


class Ignored(TypedDict):
    """Attributes of the request that were not kept."""

    ignored: list[str]


class Stored(Found[Item], Generic[Item]):
    """One resource as it is now; meta is there where attributes were ignored."""

    meta: NotRequired[Ignored]


class PageMeta(TypedDict):
    """Which page of how many."""

    total: int
    page: int
    per_page: int
    pages: int


class PageLinks(TypedDict):
    """The pages beside this one."""

    self: str
    first: NotRequired[str]
    last: NotRequired[str]
    prev: NotRequired[str]
    next: NotRequired[str]


class Page(TypedDict, Generic[Item]):
    """A page of resources."""

    data: list[Item]
    meta: PageMeta
    links: PageLinks


class SelfLink(TypedDict):
    """Where the resource is."""

    self: str


class Source(TypedDict):
    """The place of an error: a JSON pointer into the body, a parameter or a header."""

    pointer: NotRequired[str]
    parameter: NotRequired[str]
    header: NotRequired[str]


class ErrorMeta(TypedDict, extra_items=Any):  # type: ignore[call-arg]
    """The rule that is broken, and of some rules more."""

    rule: str
    choices: NotRequired[list[str]]


class ErrorHead(TypedDict):
    """What every error says; its id is the request's."""

    id: NotRequired[str]
    status: str
    code: str
    title: str
    detail: str


class Error(ErrorHead):
    """An error, and of a wrong field where it is."""

    source: NotRequired[Source]
    meta: NotRequired[ErrorMeta]


class Errors(TypedDict):
    """Everything that is wrong."""

    errors: list[Error]


PAGE_NUMBER = whole("page[number]", 1, MAX_PAGE_NUMBER, "The page.")
PAGE = (PAGE_NUMBER, whole("page[size]", PAGE_SIZE, MAX_PAGE_SIZE, "Resources of a page."))
IF_MATCH = Parameter("If-Match", str, "The ETag that must still hold.", Place.HEADER)
ETAG = {"etag": "The version."}
MADE = {**ETAG, "location": "Where it is."}


def sent(resource: Shape, attributes: Shape, example: Any) -> Body:
    """A body: the document of a resource, or its bare attributes. Any content type will do."""
    shape = Sent[resource] | attributes
    return Body({MEDIA_TYPE: shape, JSON: shape}, example)


def answer(status: int, description: str, shape: Shape, headers: dict[str, str] | None = None) -> Answer:
    """An answer as JSON:API."""
    return Answer(status, description, {MEDIA_TYPE: shape}, headers or {})


def whole_number(least: int, most: int) -> WithJsonSchema:
    """The schema of a whole number, as a number or as decimal text."""
    return WithJsonSchema({"anyOf": [{"type": "integer", "minimum": least, "maximum": most}, _decimal_text()]})


def number(**bounds: int) -> WithJsonSchema:
    """The schema of an exact number, as a number or as decimal text; ``bounds`` in JSON Schema's words."""
    return WithJsonSchema({"anyOf": [{"type": "number", **bounds}, _decimal_text()]})


def _decimal_text() -> dict[str, Any]:
    return {"type": "string", "pattern": NUMBER_PATTERN}
