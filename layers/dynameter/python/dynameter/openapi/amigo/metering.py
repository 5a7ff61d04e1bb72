"""Emitting metering events, in Amigo's form."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from dynameter.access.principal import EVENTS_WRITE
from dynameter.dialects.amigo.events import MeteringEmitRequest
from dynameter.openapi.idempotency import idempotency_key
from dynameter.openapi.openmeter_v1.events import RESULTS
from dynameter.openapi.operation import Operation, json_answer, json_body
from dynameter.openapi.parameters import COUNTED, PREFER


class MeteringEmitResponse(TypedDict):
    """The event is stored."""

    status: Literal["accepted"]
    event_type: str


EXAMPLE = {
    "event_type": "voice.minutes",
    "metering_quantity": 12.5,
    "metering_source": "production",
    "effective_at": "2026-11-22T10:00:00Z",
    "metering_unit": "minutes",
    "metering_metadata": {"agent": "intake"},
    "event_id": "b3f1c5de-9a77-4c8e-8f53-6f2a4f0f3b11",
}

OPERATIONS = (
    Operation(
        route="POST /v1/{workspace_id}/metering/emit",
        id="emitMeteringEvent",
        summary="Take one event in, exactly once",
        tag="Metering",
        scope=EVENTS_WRITE,
        description="The event's subject is the workspace. The quantity keeps every digit it was sent with.",
        parameters=(idempotency_key("Makes a retry safe where there is no event_id."), PREFER),
        body=json_body(MeteringEmitRequest, EXAMPLE),
        answers=(json_answer(202, "The event is stored.", MeteringEmitResponse, COUNTED), RESULTS),
        refusals=(413, 422),
    ),
)
