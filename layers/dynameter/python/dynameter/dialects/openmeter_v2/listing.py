"""``GET /api/v2/events``: events by JSON filters, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from dynameter import codec
from dynameter.dialects.event_answers import INCLUDE_VOIDED, narrow_to_customers, read_cursor
from dynameter.dialects.openmeter_v1.listing import render_items
from dynameter.dialects.parameters import read_flag, read_whole, refuse_parameter
from dynameter.errors import FieldError, InvalidInput
from dynameter.events.browser import EventBrowser
from dynameter.events.listing import MAX_LIMIT, ListingQuery, Order
from dynameter.filters import V1_INSTANT, V1_TEXT, Filter, InvalidFilter, Vocabulary, only_values, read_filter
from dynameter.http.message import Request, Response, json_response

MAX_FILTER_CHARACTERS = 8_192
"""Characters of the whole ``filter``."""

_FIELDS = ("id", "source", "subject", "type", "customerId", "time", "ingestedAt")

T = TypeVar("T")


def list_events(request: Request, browser: EventBrowser) -> Response:
    """GET events: 200 with a page, and ``nextCursor`` where there may be more."""
    found = browser.list(request.principal.workspace, _read_query(request, browser), request.deadline_us)
    following = found.listing.next
    body: dict[str, Any] = {"items": render_items(found)}
    return json_response(200, body if following is None else {**body, "nextCursor": following.text()})


def _read_query(request: Request, browser: EventBrowser) -> ListingQuery:
    order = Order()
    cursors = request.query_values("cursor")
    sent = _read_filters(request)
    query = ListingQuery(
        order=order,
        limit=read_whole(request, "limit", MAX_LIMIT, 1, MAX_LIMIT),
        after=read_cursor("cursor", cursors[-1] if cursors else None, order),
        id=_field(sent, "id", V1_TEXT),
        source=_field(sent, "source", V1_TEXT),
        subject=_field(sent, "subject", V1_TEXT),
        type=_field(sent, "type", V1_TEXT),
        time=_field(sent, "time", V1_INSTANT),
        ingested_at=_field(sent, "ingestedAt", V1_INSTANT),
        include_voided=read_flag(request, INCLUDE_VOIDED),
    )
    customers = _field(sent, "customerId", V1_TEXT)
    if customers is None or not sent["customerId"]:
        return query
    named = only_values(customers)
    if named is None:
        raise _refuse(("customerId",), "unsupported_filter_operator", "only $eq and $in are supported")
    return narrow_to_customers(request, browser, query, "filter", named)


def _read_filters(request: Request) -> Mapping[str, Any]:
    values = request.query_values("filter")
    if not values:
        return {}
    if len(values[-1]) > MAX_FILTER_CHARACTERS:
        raise refuse_parameter("filter", "max_length", f"must have at most {MAX_FILTER_CHARACTERS} characters")
    try:
        found = codec.decode(values[-1])
    except codec.MalformedJson as error:
        raise refuse_parameter("filter", "json", f"is not valid JSON: {error}", values[-1]) from None
    if not isinstance(found, dict):
        raise refuse_parameter("filter", "type", "must be a JSON object", values[-1])
    for name in found:
        if name not in _FIELDS:
            known = ", ".join(_FIELDS)
            raise _refuse((name[:64],), "unknown", f"only {known} can be filtered by")
    return found


def _field(sent: Mapping[str, Any], name: str, vocabulary: Vocabulary[T]) -> Filter[T] | None:
    """The condition on one field; null is none."""
    if sent.get(name) is None:
        return None
    try:
        return read_filter(sent[name], vocabulary)
    except InvalidFilter as error:
        raise _refuse((name, *error.place), error.rule, error.reason) from None


def _refuse(place: tuple[str | int, ...], rule: str, reason: str) -> InvalidInput:
    path = ".".join(map(str, place))
    field = FieldError(("query", "filter", *place), rule, reason)
    return InvalidInput(f"invalid query parameter filter: {path}: {reason}", fields=(field,))
