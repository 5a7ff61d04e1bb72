"""``GET /api/v1/events``: the latest events, newest first, with their validation errors."""

from __future__ import annotations

from typing import Any

from dynameter import filters
from dynameter.clock import MICROSECONDS, Clock, render
from dynameter.dialects.event_answers import INCLUDE_VOIDED, narrow_to_customers, read_cursor, render_event, void_marker
from dynameter.dialects.parameters import read_flag, read_instant, read_whole, refuse_parameter
from dynameter.events.browser import EventBrowser, JudgedListing
from dynameter.events.event import Event
from dynameter.events.listing import MAX_LIMIT, ListingQuery, Order
from dynameter.filters import MAX_CHARACTERS, Condition, Every, Filter, Operator, condition
from dynameter.http.message import Request, Response, json_response

MAX_AGE_US = 32 * 24 * 60 * 60 * MICROSECONDS
"""How far back ``from`` may lie: OpenMeter's limit."""
NEXT_CURSOR = "dynameter-next-cursor"
"""The header with which a list that goes on says where: v1's body is a bare array. ``cursor`` takes it."""


def list_events(request: Request, browser: EventBrowser, clock: Clock) -> Response:
    """GET events: 200 with a bare array of at most ``limit`` events."""
    query = _read_query(request, clock.now_us())
    customers = [*request.query_values("customerId"), *request.query_values("customerId[]")]
    if customers:
        query = narrow_to_customers(request, browser, query, "customerId", customers)
    found = browser.list(request.principal.workspace, query, request.deadline_us)
    following = found.listing.next
    headers = {} if following is None else {NEXT_CURSOR: following.text()}
    return json_response(200, render_items(found), headers=headers)


def render_items(found: JudgedListing) -> list[dict[str, Any]]:
    """The events as v1 and v2 show them; stored and ingested are one moment here."""
    parts = zip(found.listing.events, found.errors, found.customers, strict=True)
    return [_render(stored.event, errors, customer) for stored, errors, customer in parts]


def _render(event: Event, errors: tuple[str, ...], customer: str | None) -> dict[str, Any]:
    ingested = render(event.ingested_at_us)
    problems = {"validationError": "\n".join(errors)} if errors else {}
    return {
        "event": render_event(event),
        **({} if customer is None else {"customerId": customer}),
        **problems,
        "ingestedAt": ingested,
        "storedAt": ingested,
        **void_marker(event),
    }


def _read_query(request: Request, now_us: int) -> ListingQuery:
    oldest_us = max(now_us - MAX_AGE_US, 0)
    since = read_instant(request, "from")
    if since is not None and since < oldest_us:
        raise refuse_parameter("from", "range", f"from date is too old, it must be after {render(oldest_us)}")
    order = Order()
    cursors = request.query_values("cursor")
    return ListingQuery(
        order=order,
        limit=read_whole(request, "limit", MAX_LIMIT, 1, MAX_LIMIT),
        after=read_cursor("cursor", cursors[-1] if cursors else None, order),
        id=_text(request, "id", partial=True),
        subject=_text(request, "subject"),
        # A second later than what may be asked for, as OpenMeter has it.
        time=_range(request, "from", oldest_us + MICROSECONDS if since is None else since, "to"),
        ingested_at=_range(request, "ingestedAtFrom", read_instant(request, "ingestedAtFrom"), "ingestedAtTo"),
        include_voided=read_flag(request, INCLUDE_VOIDED),
    )


def _text(request: Request, name: str, *, partial: bool = False) -> Filter[str] | None:
    """The parameter's text itself, or any text it is part of."""
    values = request.query_values(name)
    if not values:
        return None
    if len(values[-1]) > MAX_CHARACTERS:
        raise refuse_parameter(name, "max_length", f"must have at most {MAX_CHARACTERS} characters")
    if partial:
        return condition(Operator.LIKE, f"%{filters.escape_like(values[-1])}%")
    return condition(Operator.EQ, values[-1])


def _range(request: Request, first: str, since: int | None, last: str) -> Filter[int] | None:
    """The instants from one parameter's up to, not including, another's."""
    until = read_instant(request, last)
    if since is not None and until is not None and until < since:
        raise refuse_parameter(last, "range", f"{last} must not be before {first}")
    parts: list[Condition[int]] = []
    if since is not None:
        parts.append(condition(Operator.GTE, since))
    if until is not None:
        parts.append(condition(Operator.LT, until))
    return Every(tuple(parts)) if parts else None
