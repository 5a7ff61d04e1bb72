"""Lists as OpenMeter v3 and Kong Konnect have them: ``sort``, ``page[size]``, ``page[number]``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.parameters import read_whole, refuse_parameter
from dynameter.http.message import Request, Response, json_response

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
MAX_PAGE = 1_000_000

T = TypeVar("T")
_DIRECTIONS = {"": False, "asc": False, "desc": True}


def read_sort(request: Request, orders: Mapping[str, T], default: T) -> tuple[T, bool]:
    """The order that ``sort`` asks for, and whether it is descending."""
    given = request.query_values("sort")
    if not given:
        return default, False
    field, _, direction = given[-1].strip().partition(" ")
    if field not in orders or direction.strip() not in _DIRECTIONS:
        message = f"must be one of {', '.join(orders)}, with asc or desc after it or neither"
        raise refuse_parameter("sort", "enum", message, given[-1], tuple(orders))
    return orders[field], _DIRECTIONS[direction.strip()]


def read_page(request: Request) -> tuple[int, int]:
    """The page's number, from 1, and its size."""
    size = read_whole(request, "page[size]", DEFAULT_PAGE_SIZE, 1, MAX_PAGE_SIZE)
    return read_whole(request, "page[number]", 1, 1, MAX_PAGE), size


def page_response(page: tuple[int, int], found: Sequence[T], render: Callable[[T], Any]) -> Response:
    """200 with that page of what was found, and how much there is."""
    number, size = page
    data = [render(one) for one in found[(number - 1) * size : number * size]]
    meta = {"page": {"size": size, "number": number, "total": len(found)}}
    return refuse_large(json_response(200, {"data": data, "meta": meta}), "ask for a smaller page")
