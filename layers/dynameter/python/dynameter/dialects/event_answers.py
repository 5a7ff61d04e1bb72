"""What the lists of events of all dialects share: the event as a CloudEvent, cursors and customers."""

from __future__ import annotations

from typing import Any

import msgspec

from dynameter import codec
from dynameter.clock import render
from dynameter.dialects.parameters import refuse_parameter
from dynameter.errors import FieldError, InvalidInput
from dynameter.events.event import Event
from dynameter.events.listing import InvalidCursor, Order, Place

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


def refuse_customer(name: str, customer: str) -> InvalidInput:
    """The error for a filter by a customer: none exist yet, so every id is unknown."""
    message = f"customer not found: {customer[:64]}"
    field = FieldError(("query", name), "customer_not_found", message, customer[:64])
    return InvalidInput(message, code="customer_not_found", fields=(field,))
