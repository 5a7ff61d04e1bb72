"""``GET /v1/{workspace_id}/events/explain``: what became of one event, meter by meter.

    {"event": {...CloudEvent...}, "ingested_at", "voided", "void": {"id", "at"} | null, "toggles": [{"at", "voided"}],
     "meters": [{"slug", "id", "generation", "state": "live" | "rebuilding", "counted": true, "value": "12.5",
                 "groups": {...}, "windows": {"minute", "hour", "day", "month"}}
                | {"slug", "id", "generation", "state", "counted": false, "reason"}],
     "reason"}

``value`` is text with every digit; windows are their starts in UTC; the outer ``reason`` is there where no meter is of
the event's type. A meter whose grouping was changed has an entry for each generation until the new one is complete.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dynameter.clock import render
from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.event_answers import render_event
from dynameter.dialects.parameters import refuse_parameter
from dynameter.events.browser import EventBrowser, Explanation
from dynameter.events.event import Event
from dynameter.events.verdict import Verdict
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.quantity import render_text


def explain_event(request: Request, browser: EventBrowser) -> Response:
    """GET explain: 200; 404 where no event of that source and id is stored; 413 where too many meters take it."""
    source, id_ = _required(request, "source"), _required(request, "id")
    answer = json_response(200, _render(browser.explain(request.principal.workspace, source, id_)))
    return refuse_large(answer, "more meters take the event than can be told of")


def _required(request: Request, name: str) -> str:
    values = request.query_values(name)
    if not values or not values[-1]:
        raise refuse_parameter(name, "required", "is required")
    return values[-1]


def _render(found: Explanation) -> dict[str, Any]:
    event = found.event
    windows = {size.value.lower(): render(start_us) for size, start_us in found.windows.items()}
    body = {
        "event": render_event(event),
        "ingested_at": render(event.ingested_at_us),
        "voided": event.voided,
        "void": _render_void(event),
        "toggles": [{"at": render(stamp), "voided": place % 2 == 0} for place, stamp in enumerate(event.toggles)],
        "meters": [_render_verdict(one, windows) for one in found.verdicts],
    }
    return body if found.reason is None else {**body, "reason": found.reason}


def _render_void(event: Event) -> dict[str, Any] | None:
    if not event.voided:
        return None
    return {"id": event.voided_by, "at": render(event.toggles[-1])}


def _render_verdict(verdict: Verdict, windows: dict[str, str]) -> dict[str, Any]:
    named = {
        "slug": verdict.meter.slug,
        "id": verdict.meter.id,
        "generation": verdict.generation.number,
        "state": "live" if verdict.generation.complete else "rebuilding",
    }
    if verdict.value is None:
        return {**named, "counted": False, "reason": verdict.reason}
    value = render_text(verdict.value) if isinstance(verdict.value, Decimal) else verdict.value
    return {**named, "counted": True, "value": value, "groups": verdict.groups, "windows": windows}
