"""JSON:API documents: attributes out of a body, resources and pages into an answer.

A body is a document, ``{"data":{"type","id"?,"attributes":{...}}}``, or, as APIGate's own examples have it, the bare
attributes. Pages are asked for by ``page[number]`` and ``page[size]``; ``meta`` and ``links`` are those of APIGate's
page on pagination.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar
from urllib.parse import urlencode

from dynameter import codec
from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.apigate.problems import MEDIA_TYPE, NOT_JSON
from dynameter.dialects.parameters import read_whole
from dynameter.errors import FieldError, InvalidInput, TooLarge
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.quantity import UnusableQuantity, parse_quantity

MAX_DOCUMENT_BYTES = 65_536
"""More than any valid route or plan needs."""
SMALLER_PAGE = "ask for a smaller page[size]"
PAGE_SIZE = 20
MAX_PAGE_SIZE = 1_000
MAX_PAGE_NUMBER = 1_000_000

_SHOWN_CHARACTERS = 64
_MAX_NAMED = 20

T = TypeVar("T")
E = TypeVar("E", bound=Enum)


@dataclass(frozen=True, slots=True)
class Document:
    """A body's attributes; ``base`` is where they stand in it."""

    attributes: Mapping[str, Any]
    id: str | None = None
    base: tuple[str, ...] = ()

    def chosen_id(self, attributes: Attributes) -> str | None:
        """The id that the maker of a resource chose; None where the service is to choose."""
        return attributes.text("id") if self.id is None else self.id

    def check_id(self, wanted: str) -> None:
        """Refuse a document that is about another resource than the path."""
        if self.id not in (None, wanted):
            raise _wrong(("body", "id"), "enum", "must be the id in the path, or absent")

    @contextmanager
    def located(self) -> Iterator[None]:
        """Give the attributes that an InvalidInput names the place that they have in the body."""
        try:
            yield
        except InvalidInput as error:
            moved = tuple(self._moved(one) for one in error.fields)
            raise InvalidInput(error.message, code=error.code, fields=moved) from None

    def _moved(self, one: FieldError) -> FieldError:
        if one.location[:1] != ("body",):
            return one
        if self.base and one.location == ("body", "id"):
            return replace(one, location=("body", "data", "id"))
        return replace(one, location=("body", *self.base, *one.location[1:]))


def read_json(request: Request, most: int = MAX_DOCUMENT_BYTES) -> Any:
    """The body as JSON. Raises TooLarge and InvalidInput."""
    if len(request.body) > most:
        raise TooLarge(f"the body has {len(request.body)} bytes; the limit is {most}")
    if not request.body.strip():
        raise _unreadable("the body is missing")
    try:
        return codec.decode(request.body)
    except (codec.MalformedJson, ArithmeticError) as error:  # ArithmeticError: an exponent no Decimal can hold
        raise _unreadable(f"the body is not valid JSON: {error}") from None


def read_document(request: Request, type_: str, most: int = MAX_DOCUMENT_BYTES) -> Document:
    """The body as a resource of that type, or as its bare attributes."""
    body = read_json(request, most)
    if not isinstance(body, dict):
        raise _wrong(("body",), "type", "the body must be a JSON object")
    if "data" not in body:
        return Document(body)
    resource = body["data"]
    if not isinstance(resource, dict):
        raise _wrong(("body", "data"), "type", "must be an object with type and attributes")
    if resource.get("type", type_) != type_:
        raise _wrong(("body", "data", "type"), "enum", f"must be {type_}")
    attributes, given = resource.get("attributes", {}), resource.get("id")
    if not isinstance(attributes, dict):
        raise _wrong(("body", "data", "attributes"), "type", "must be an object")
    if given is not None and not isinstance(given, str):
        raise _wrong(("body", "data", "id"), "type", "must be a string")
    return Document(attributes, given, ("data", "attributes"))


class Attributes:
    """Reads attributes one by one; what is wrong is collected in ``faults`` and read as absent."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._known: set[str] = set()
        self.faults: list[FieldError] = []

    def text(self, name: str) -> str | None:
        """A string."""
        return self._read(name, "must be a string", lambda value: value if isinstance(value, str) else None)

    def flag(self, name: str) -> bool | None:
        """True or false."""
        return self._read(name, "must be true or false", lambda value: value if isinstance(value, bool) else None)

    def whole(self, name: str) -> int | None:
        """A whole number, as a number or as decimal text."""
        return self._read(name, "must be a whole number", _whole)

    def number(self, name: str) -> Decimal | None:
        """An exact number, as a number or as decimal text."""
        return self._read(name, "must be a number of at most 20 digits before and 18 after the point", _number)

    def choice(self, name: str, kind: type[E]) -> E | None:
        """One of the values of an enumeration."""
        choices = tuple(str(one.value) for one in kind)

        def find(value: Any) -> E | None:
            return kind(value) if isinstance(value, str) and value in choices else None

        return self._read(name, f"must be one of {', '.join(choices)}", find, choices)

    def texts(self, name: str) -> tuple[str, ...] | None:
        """An array of strings."""

        def find(value: Any) -> tuple[str, ...] | None:
            return tuple(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else None

        return self._read(name, "must be an array of strings", find)

    def anything(self, name: str, absent: Any) -> Any:
        """Any JSON value."""
        self._known.add(name)
        return self._values.get(name, absent)

    def finish(self, ignored: Collection[str] = (), refused: Mapping[str, str] | None = None) -> list[str]:
        """Refuse the attributes that nobody read, each with its reason, but ``ignored`` ones: answers those."""
        found: list[str] = []
        for name in self._values:
            if name in self._known:
                continue
            if name in ignored:
                found.append(name)
            elif len(self.faults) < _MAX_NAMED:
                reason = (refused or {}).get(name, "is no attribute of this resource")
                self.faults.append(FieldError(("body", name[:_SHOWN_CHARACTERS]), "unknown", reason))
        return sorted(found)

    def _read(
        self, name: str, message: str, find: Callable[[Any], T | None], choices: tuple[str, ...] = ()
    ) -> T | None:
        self._known.add(name)
        if name not in self._values:
            return None
        value = find(self._values[name])
        if value is None:
            rule = "enum" if choices else "type"
            self.faults.append(FieldError(("body", name), rule, message, None, choices))
        return value


def resource_response(
    status: int,
    resource: Mapping[str, Any],
    *,
    ignored: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One resource; ``ignored`` attributes of the request are told in ``meta``."""
    meta = {"meta": {"ignored": list(ignored)}} if ignored else {}
    return json_response(status, {"data": resource, **meta}, headers=headers, media_type=MEDIA_TYPE)


def page_response(
    request: Request, path: str, found: Sequence[T], render: Callable[[T], Any], headers: Mapping[str, str]
) -> Response:
    """The page of ``found`` that the request asks for."""
    number, size = read_page(request)
    pages = -(-len(found) // size)
    part = found[(number - 1) * size : number * size]
    body = {
        "data": [render(one) for one in part],
        "meta": {"total": len(found), "page": number, "per_page": size, "pages": pages},
        "links": _links(path, number, size, pages),
    }
    return refuse_large(json_response(200, body, headers=headers, media_type=MEDIA_TYPE), SMALLER_PAGE)


def read_page(request: Request) -> tuple[int, int]:
    """``page[number]`` (from 1) and ``page[size]``. Raises InvalidInput naming the parameter."""
    number = read_whole(request, "page[number]", 1, 1, MAX_PAGE_NUMBER)
    return number, read_whole(request, "page[size]", PAGE_SIZE, 1, MAX_PAGE_SIZE)


def entity_tag(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'


def read_precondition(request: Request) -> int | None:
    """The version that ``If-Match`` asks for; None where any will do."""
    sent = request.headers.get("if-match", "").strip()
    if sent in ("", "*"):
        return None
    digits = sent.removeprefix("W/").strip('"')
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        return -1  # a tag that this service never gave matches nothing
    return int(digits)


def unchanged(request: Request, tag: str) -> bool:
    """Whether ``If-None-Match`` names the tag."""
    sent = request.headers.get("if-none-match", "")
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in sent.split(","))


def _links(path: str, number: int, size: int, pages: int) -> dict[str, str]:
    def link(page: int) -> str:
        return f"{path}?{urlencode({'page[number]': page, 'page[size]': size}, safe='[]')}"

    links = {"self": link(number)}
    if pages:
        links |= {"first": link(1), "last": link(pages)}
        if 1 < number <= pages + 1:
            links["prev"] = link(number - 1)
        if number < pages:
            links["next"] = link(number + 1)
    return links


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number == number.to_integral_value() else None


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    try:
        return parse_quantity(value)
    except UnusableQuantity:
        return None


def _unreadable(message: str) -> InvalidInput:
    return _wrong(("body",), NOT_JSON, message)


def _wrong(location: tuple[str | int, ...], rule: str, message: str) -> InvalidInput:
    return InvalidInput(message, fields=(FieldError(location, rule, message),))
