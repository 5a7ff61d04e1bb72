"""``POST /api/v1/events``: OpenMeter v1's intake, 204 with an empty body."""

from __future__ import annotations

from dynameter.dialects import cloudevents
from dynameter.dialects.intake_answers import IntakeDesk
from dynameter.http.message import Request, Response


def ingest_events(request: Request, desk: IntakeDesk) -> Response:
    """Take in one CloudEvent or a batch; attributes that CloudEvents does not name are extensions."""
    candidates = cloudevents.read_events(request, cloudevents.Unknown.EXTENSION)
    return desk.take(request, candidates, Response(204), cloudevents.refusal)
