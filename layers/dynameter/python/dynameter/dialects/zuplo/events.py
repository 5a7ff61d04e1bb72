"""``POST /v3/metering/{bucketId}/events``: CloudEvents or Zuplo's short shape, 202 with an empty body.

The short shape is ``{"type", "subject", "data"}``. What it lacks is filled in: the source ``zuplo``, and an id that is
new, or follows from the request's Idempotency-Key, so that a retry with the same key and body is the same events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dynameter.dialects import cloudevents
from dynameter.dialects.intake_answers import IntakeDesk, idempotency_key
from dynameter.errors import InvalidInput
from dynameter.http.message import Request, Response

SOURCE = "zuplo"


def ingest_events(request: Request, desk: IntakeDesk, new_id: Callable[[], str]) -> Response:
    """Take in one event or many; ``new_id`` makes the id of an event that has none."""
    key, wrong = idempotency_key(request)
    if wrong is not None:
        raise InvalidInput(f"invalid Idempotency-Key: {wrong.message}", fields=(wrong,))

    def complete(index: int, event: dict[str, Any]) -> dict[str, Any]:
        completed = dict(event)
        if completed.get("source") is None:
            completed["source"] = SOURCE
        if completed.get("id") is None:
            completed["id"] = new_id() if key is None else f"key:{index}:{key}"
        return completed

    candidates = cloudevents.read_events(request, cloudevents.Unknown.EXTENSION, complete=complete, untyped=True)
    return desk.take(request, candidates, Response(202), cloudevents.refusal)
