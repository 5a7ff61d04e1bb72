"""Histories of entitlements as OpenMeter v1 has them; v2 has the same."""

from __future__ import annotations

from typing import Any

from dynameter.billing.entitlements.balance import Segment
from dynameter.billing.entitlements.entitlement import Entitlement
from dynameter.billing.entitlements.grants import GrantService, UsageWindow
from dynameter.billing.entitlements.standing import UsageBetween
from dynameter.billing.pricing.money import WORKING, total
from dynameter.clock import render
from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.openmeter_v1.entitlement_wire import render_balances
from dynameter.dialects.parameters import read_choice, read_instant, refuse_parameter
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.quantity import render_number
from dynameter.usage.windows import UnknownZone, WindowSize, load_zone

_SIZES = ("MINUTE", "HOUR", "DAY", "MONTH")


def answer_history(request: Request, grants: GrantService, entitlement: Entitlement, usage: UsageBetween) -> Response:
    """The history that the query's ``windowSize``, ``from``, ``to`` and ``windowTimeZone`` ask for."""
    if not request.query_values("windowSize"):
        raise refuse_parameter("windowSize", "required", "is required", None, _SIZES)
    size = WindowSize(read_choice(request, "windowSize", _SIZES, ""))
    zone = (request.query_values("windowTimeZone") or ["UTC"])[-1]
    try:
        load_zone(zone)
    except UnknownZone:
        message = "must be the name of an IANA time zone"
        raise refuse_parameter("windowTimeZone", "invalid_time_zone", message, zone) from None
    from_us, to_us = read_instant(request, "from"), read_instant(request, "to")
    found = grants.history(entitlement, usage, size, zone, from_us, to_us)
    body = {
        "windowedHistory": [_render_window(one) for one in found.windows],
        "burndownHistory": [_render_segment(one) for one in found.segments],
    }
    return refuse_large(json_response(200, body), "ask for a shorter range or larger windows")


def _render_window(one: UsageWindow) -> dict[str, Any]:
    return {
        "period": {"from": render(one.window.start_us), "to": render(one.window.end_us)},
        "usage": render_number(one.usage),
        "balanceAtStart": render_number(one.balance_at_start),
    }


def _render_segment(one: Segment) -> dict[str, Any]:
    burnt = {name: WORKING.subtract(held, one.balances.get(name, held)) for name, held in one.balances_before.items()}
    return {
        "period": {"from": render(one.start_us), "to": render(one.end_us)},
        "usage": render_number(one.usage),
        "overage": render_number(one.overage),
        "balanceAtStart": render_number(total(one.balances_before.values())),
        "grantBalancesAtStart": render_balances(one.balances_before),
        "balanceAtEnd": render_number(one.balance),
        "grantBalancesAtEnd": render_balances(one.balances),
        "grantUsages": [
            {"grantId": name, "usage": render_number(used)} for name, used in sorted(burnt.items()) if used
        ],
    }
