"""The usage events that exchanges and external reports become, and the meters that quotas read. Pure.

All of them have one event type, so that one meter adds up everything that counts towards a quota:

    type     api.usage
    subject  the user
    data     {"event_type": "api.request", "requests": 1, "units": "1.5", "route_id", "route", "method", "path",
              "status", "request_bytes", "response_bytes", "metering_mode", "metering_unit", "protocol",
              "metering_error"?, "reservation"?, "latency_ms"?, "key_id"?, "plan_id"?}
    or       {"event_type": "compute.minutes", "quantity": "12", "requests": "1.2", "units": "1.2",
              "resource_id"?, "resource_type"?, "metadata"?, "service_key"}

``reservation`` is "true" on what a quota reservation paid for: the quota's own books hold it already.
"""

from __future__ import annotations

from typing import Any

from dynameter.events.event import EventDraft
from dynameter.gateway.exchange import Exchange, Measurement
from dynameter.gateway.route import Route
from dynameter.meters.meter import Aggregation, MeterDraft
from dynameter.meters.quantity import render_text

EVENT_TYPE = "api.usage"
REQUEST = "api.request"
REQUESTS_METER = "gateway_requests"
UNITS_METER = "gateway_units"
"""Slugs that nobody takes by chance: a meter ``api_requests`` is the first that people define themselves."""
RESERVATION = "reservation"
SOURCE = "dynameter-gateway"

QUOTA_METERS = (
    MeterDraft(
        slug=REQUESTS_METER,
        name="API requests",
        description="Requests that count towards quotas.",
        event_type=EVENT_TYPE,
        aggregation=Aggregation.SUM,
        value_property="$.requests",
        group_by={RESERVATION: "$.reservation"},
    ),
    MeterDraft(
        slug=UNITS_METER,
        name="API units",
        description="Compute units that count towards quotas.",
        event_type=EVENT_TYPE,
        aggregation=Aggregation.SUM,
        value_property="$.units",
        group_by={RESERVATION: "$.reservation"},
    ),
)
"""Made in a workspace with its first route, plan or quota; meters are retroactive, so it matters not when."""


def draft_exchange(
    exchange: Exchange,
    measurement: Measurement,
    route: Route | None,
    *,
    id_: str,
    time_us: int | None,
    source: str = SOURCE,
    reserved: bool = False,
    latency_ms: int | None = None,
) -> EventDraft:
    """The event of an exchange; ``route`` is None where no route matched (it counts one request, one unit)."""
    data: dict[str, Any] = {
        "event_type": REQUEST,
        "requests": 1,
        "units": render_text(measurement.units),
        "method": exchange.method,
        "path": exchange.path,
        "status": exchange.status,
        "request_bytes": exchange.request_bytes,
        "response_bytes": exchange.response_bytes,
    }
    if route is not None:
        data |= {
            "route_id": route.id,
            "route": route.name,
            "metering_mode": route.metering.mode.value,
            "metering_unit": route.metering.unit.value,
            "protocol": route.metering.protocol.value,
        }
    optional = {
        "metering_error": measurement.error,
        RESERVATION: "true" if reserved else None,
        "latency_ms": latency_ms,
        "key_id": exchange.key_id or None,
        "plan_id": exchange.plan_id or None,
    }
    data |= {name: value for name, value in optional.items() if value is not None}
    return EventDraft(
        source=source, id=id_, type=EVENT_TYPE, subject=exchange.user_id or "anonymous", time_us=time_us, data=data
    )
