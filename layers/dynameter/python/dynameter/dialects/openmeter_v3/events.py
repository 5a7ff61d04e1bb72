"""``POST /api/v3/openmeter/events`` and Konnect's ``/v3/openmeter/events``: 202 with an empty body."""

from __future__ import annotations

from dynameter.dialects import cloudevents
from dynameter.dialects.intake_answers import IntakeDesk
from dynameter.http.message import Request, Response


def ingest_events(request: Request, desk: IntakeDesk) -> Response:
    """Take in one CloudEvent or a batch; unknown attributes are refused, as everywhere in v3."""
    candidates = cloudevents.read_events(request, cloudevents.Unknown.REFUSED)
    return desk.take(request, candidates, Response(202), cloudevents.refusal)
