"""Lists of OpenMeter v3: pages, their parameters and filters in the URL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from dynameter.dialects.openmeter_v3.filters import URL_TEXT
from dynameter.dialects.openmeter_v3.lists import DEFAULT_PAGE_SIZE, MAX_PAGE, MAX_PAGE_SIZE
from dynameter.filters import MAX_CHARACTERS, V3_INSTANT
from dynameter.openapi.operation import Answer, Parameter, json_answer
from dynameter.openapi.parameters import whole

Item = TypeVar("Item")


class PageNumbers(TypedDict):
    """Which page it is, and how much there is on all pages."""

    size: int
    number: int
    total: int


class PageMeta(TypedDict):
    """About the page."""

    page: PageNumbers


class ItemPage(TypedDict, Generic[Item]):
    """A page of a list."""

    data: list[Item]
    meta: PageMeta


SIZE = whole("page[size]", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, "Items of a page.")
PAGE = (SIZE, whole("page[number]", 1, MAX_PAGE, "The page."))

_OPERATORS: dict[str, Any] = {
    "oeq": {"description": "Equal to one of these, separated by commas."},
    "ocontains": {"description": "Contains one of these, separated by commas."},
    "exists": {"enum": ["", "true", "false"]},
}


def page_answer(description: str, item: Any) -> Answer:
    """A page of such items."""
    return json_answer(200, description, ItemPage[item])


def sort(orders: Iterable[str], default: str) -> Parameter:
    """What a list is sorted by, and in which direction."""
    words = tuple(f"{order}{direction}" for order in orders for direction in ("", " asc", " desc"))
    return Parameter("sort", Literal[words], f"What to sort by, with the direction; `{default}` by default.")


def filters(*fields: str) -> tuple[Parameter, ...]:
    """The filters of a list by texts."""
    return _filters({field: tuple(URL_TEXT.words) for field in fields}, ())


def event_filters(texts: tuple[str, ...], equal: tuple[str, ...], instants: tuple[str, ...]) -> tuple[Parameter, ...]:
    """The filters of a list by texts, by texts that can only be equal, and by instants."""
    words = {field: tuple(URL_TEXT.words) for field in texts} | dict.fromkeys(equal, ("eq", "oeq"))
    return _filters(words | dict.fromkeys(instants, tuple(V3_INSTANT.words)), instants)


def _filters(words: Mapping[str, Iterable[str]], instants: tuple[str, ...]) -> tuple[Parameter, ...]:
    """``filter[field]=x`` for all fields together, ``filter[field][operator]=x`` for each."""
    operands = {field: _operand(field in instants) for field in words}
    equal = Parameter("filter", _object(operands), "What a field is equal to: `filter[field]=x`.", deep=True)
    return (
        equal,
        *(
            Parameter(
                f"filter[{field}]",
                _object({word: operands[field] | _OPERATORS.get(word, {}) for word in known}),
                f"Conditions on {field}, all of which must hold: `filter[{field}][operator]=x`.",
                deep=True,
            )
            for field, known in words.items()
        ),
    )


def _operand(instant: bool) -> dict[str, Any]:
    return {"type": "string", "format": "date-time"} if instant else {"type": "string", "maxLength": MAX_CHARACTERS}


def _object(properties: Mapping[str, Any]) -> Any:
    schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return Annotated[dict[str, str], WithJsonSchema(schema)]
