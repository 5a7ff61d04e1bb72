"""``GET /v1/{workspace_id}/meters/{slug}/state``: whether a meter's newest generation counts everything yet.

    {"generation": 2, "state": "live" | "rebuilding", "progress": 0.25, "live_from": "2026-01-14T10:00:00.5Z"}

``generation`` is the newest one. Queries read it where the state is live; else they read the one before it or, of a
new meter, this one as far as it is. ``progress`` goes from 0 to 1. Events stored at or after ``live_from`` are counted
as they arrive, those before it by the rebuild.
"""

from __future__ import annotations

from typing import Any

from dynameter.clock import render
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.quantity import render_number
from dynameter.meters.service import MeterService
from dynameter.rebuild.progress import MeterState, RebuildProgress


def get_state(request: Request, meters: MeterService, rebuilds: RebuildProgress) -> Response:
    """GET state: 200; 404 where there is no meter of that slug or id."""
    meter = meters.find(request.principal.workspace, request.path["slug"])
    return json_response(200, render_state(rebuilds.state_of(meter)))


def render_state(state: MeterState) -> dict[str, Any]:
    """The state as it is answered."""
    return {
        "generation": state.generation,
        "state": "live" if state.is_live else "rebuilding",
        "progress": render_number(state.progress),
        "live_from": render(state.live_from_us),
    }
