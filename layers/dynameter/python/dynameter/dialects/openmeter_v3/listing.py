"""``GET /openmeter/events``: events by filters in the URL, page by page, in either order."""

from __future__ import annotations

from typing import Any, TypeVar

from dynameter.clock import render
from dynameter.dialects.event_answers import (
    INCLUDE_VOIDED,
    narrow_to_customers,
    read_cursor,
    render_event,
    void_marker,
)
from dynameter.dialects.openmeter_v3.filters import URL_TEXT, SentFilter, sent_filters
from dynameter.dialects.parameters import read_flag, read_whole, refuse_parameter
from dynameter.events.browser import EventBrowser, JudgedListing
from dynameter.events.event import Event
from dynameter.events.listing import ListingQuery, Order, SortBy
from dynameter.filters import V3_INSTANT, Every, Filter, Vocabulary, only_values
from dynameter.http.message import Request, Response, json_response

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100

_TEXTS = ("id", "source", "subject", "type")
_INSTANTS = ("time", "ingested_at", "stored_at")
_CUSTOMER = "customer_id"
# What is ingested is stored in the same moment.
_ORDERS = {"time": SortBy.TIME, "ingested_at": SortBy.INGESTED_AT, "stored_at": SortBy.INGESTED_AT}
_DIRECTIONS = {"": True, "asc": False, "desc": True}

T = TypeVar("T")


def list_events(request: Request, browser: EventBrowser) -> Response:
    """GET events: 200 with a page and the cursors of its ends."""
    query = _read_query(request, browser)
    found = browser.list(request.principal.workspace, query, request.deadline_us)
    return json_response(200, {"data": _render_items(found), "meta": {"page": _render_page(found)}})


def _read_query(request: Request, browser: EventBrowser) -> ListingQuery:
    if request.query_values("page[before]"):
        raise refuse_parameter("page[before]", "unsupported", "backward pagination is not supported")
    order = _read_order(request)
    after = request.query_values("page[after]")
    sent = sent_filters(request, (*_TEXTS, _CUSTOMER, *_INSTANTS))
    query = ListingQuery(
        order=order,
        limit=read_whole(request, "page[size]", DEFAULT_PAGE_SIZE, 1, MAX_PAGE_SIZE),
        after=read_cursor("page[after]", after[-1] if after else None, order),
        id=_on(sent, ("id",), URL_TEXT),
        source=_on(sent, ("source",), URL_TEXT),
        subject=_on(sent, ("subject",), URL_TEXT),
        type=_on(sent, ("type",), URL_TEXT),
        time=_on(sent, ("time",), V3_INSTANT),
        ingested_at=_on(sent, ("ingested_at", "stored_at"), V3_INSTANT),
        include_voided=read_flag(request, INCLUDE_VOIDED),
    )
    for one in sent:
        if one.field == _CUSTOMER:
            query = narrow_to_customers(request, browser, query, one.name, _named(one))
    return query


def _on(sent: tuple[SentFilter, ...], fields: tuple[str, ...], vocabulary: Vocabulary[T]) -> Filter[T] | None:
    """All conditions on the fields together."""
    parts = tuple(one.read(vocabulary) for one in sent if one.field in fields)
    return Every(parts) if parts else None


def _named(one: SentFilter) -> frozenset[str]:
    """The customers that a filter names."""
    named = only_values(one.read(URL_TEXT))
    if named is None:
        message = "only the operators eq and oeq are supported"
        raise refuse_parameter(one.name, "unsupported_filter_operator", message, None, ("eq", "oeq"))
    return named


def _read_order(request: Request) -> Order:
    """``time desc`` unless told otherwise; a field alone is descending too, so that ``sort=time`` changes nothing."""
    given = request.query_values("sort")
    if not given or not given[-1]:
        return Order()
    field, _, direction = given[-1].strip().partition(" ")
    if field not in _ORDERS or direction.strip() not in _DIRECTIONS:
        message = f"must be one of {', '.join(_ORDERS)}, with asc or desc after it or neither"
        raise refuse_parameter("sort", "enum", message, given[-1], tuple(_ORDERS))
    return Order(_ORDERS[field], _DIRECTIONS[direction.strip()])


def _render_items(found: JudgedListing) -> list[dict[str, Any]]:
    parts = zip(found.listing.events, found.errors, found.customers, strict=True)
    return [_render(stored.event, errors, customer) for stored, errors, customer in parts]


def _render(event: Event, errors: tuple[str, ...], customer: str | None) -> dict[str, Any]:
    ingested = render(event.ingested_at_us)
    # v3's events have no extension attributes.
    owner = {} if customer is None else {"customer": {"id": customer}}
    event_only = {"event": render_event(event, extensions=False)}
    shown = {**event_only, **owner, "ingested_at": ingested, "stored_at": ingested}
    problems = [{"code": "validation_error", "message": one} for one in errors]
    return {**shown, **({"validation_errors": problems} if problems else {}), **void_marker(event)}


def _render_page(found: JudgedListing) -> dict[str, Any]:
    listing = found.listing
    order = listing.query.order
    ends = [order.place_of(listing.events[at]).text() for at in (0, -1)] if listing.events else [None, None]
    return {
        "first": ends[0],
        "last": ends[1],
        "next": None if listing.next is None else listing.next.text(),
        "previous": None,
        "size": listing.query.limit,
    }
