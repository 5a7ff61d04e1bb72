"""What the lists of events of all dialects share: the event as a CloudEvent, cursors and customers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import msgspec

from dynameter import codec
from dynameter.clock import render
from dynameter.dialects.parameters import refuse_parameter
from dynameter.errors import FieldError, InvalidInput, NotFound
from dynameter.events.browser import EventBrowser
from dynameter.events.event import Event
from dynameter.events.listing import InvalidCursor, ListingQuery, Order, Place
from dynameter.filters import Every, Operator, condition
from dynameter.http.message import Request
from dynameter.usage.queries.query import MAX_ENTRIES, MAX_SUBJECTS

INCLUDE_VOIDED = "includeVoided"
"""The parameter by which voided events are listed too, marked ``"voided":true``; it is this service's own."""


def render_event(event: Event, *, extensions: bool = True) -> dict[str, Any]:
    """The event as a CloudEvent in JSON, its data with every digit it came with."""
    attributes = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": render(event.time_us),
    }
    if extensions and event.extensions is not None:
        attributes = codec.decode(event.extensions) | attributes
    if event.data is None:
        return attributes
    return {**attributes, "datacontenttype": "application/json", "data": msgspec.Raw(event.data.encode())}


def void_marker(event: Event) -> dict[str, bool]:
    """The mark on a voided event, which only a list that asked for such events holds."""
    return {"voided": True} if event.voided else {}


def read_cursor(name: str, text: str | None, order: Order) -> Place | None:
    """The place to go on from. Raises InvalidInput naming the parameter."""
    if text is None:
        return None
    try:
        return Place.parse(text, order)
    except InvalidCursor as error:
        raise refuse_parameter(name, "cursor", str(error), text) from None


def narrow_to_customers(
    request: Request, browser: EventBrowser, query: ListingQuery, name: str, ids: Collection[str]
) -> ListingQuery:
    """The query for the events of these customers alone; ``name`` is the parameter that names them.

    Raises InvalidInput for too many customers or subjects, and for a customer that is not there.
    """
    if len(ids) > MAX_ENTRIES:
        raise refuse_parameter(name, "max_items", f"must name at most {MAX_ENTRIES} customers")
    try:
        subjects = browser.subjects_of(request.principal.workspace, ids)
    except NotFound as error:
        field = FieldError(("query", name), "customer_not_found", error.message)
        raise InvalidInput(error.message, code="customer_not_found", fields=(field,)) from None
    if len(subjects) > MAX_SUBJECTS:
        raise refuse_parameter(name, "max_items", f"the customers have more than {MAX_SUBJECTS} subjects together")
    theirs = condition(Operator.IN, *subjects)
    return replace(query, subject=theirs if query.subject is None else Every((query.subject, theirs)))
