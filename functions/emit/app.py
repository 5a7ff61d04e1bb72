"""Every POST of events, in every dialect, into one intake."""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dynameter.access.principal import EVENTS_WRITE
from dynameter.admission.bucket import Limit
from dynameter.admission.limiter import Limiter
from dynameter.admission.store import SharedBuckets
from dynameter.clock import SystemClock
from dynameter.dialects.amigo import problems as amigo_problems
from dynameter.dialects.intake_answers import IntakeDesk
from dynameter.dialects.openmeter_v1 import events as openmeter_v1
from dynameter.dialects.openmeter_v1 import problems as openmeter_v1_problems
from dynameter.dialects.openmeter_v3 import events as openmeter_v3
from dynameter.dialects.openmeter_v3 import problems as openmeter_v3_problems
from dynameter.dialects.zuplo import events as zuplo
from dynameter.dialects.zuplo import problems as zuplo_problems
from dynameter.events.event import Status
from dynameter.events.intake import Intake
from dynameter.events.store import EventStore
from dynameter.http.lambda_proxy import Endpoint, dispatch
from dynameter.http.message import Request, Response
from dynameter.runtime.dynamodb import create_client, describe_fault
from dynameter.runtime.observability import logger, publish_counts
from dynameter.runtime.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CLOCK = SystemClock()

_METRICS = {
    Status.ACCEPTED: "accepted",
    Status.DUPLICATE: "duplicate",
    Status.CONFLICT: "conflict",
    Status.INVALID: "rejected",
}


@lru_cache(maxsize=1)
def desk() -> IntakeDesk:
    """The intake with all it stands on, built once a process."""
    settings = Settings.from_env(os.environ)
    client = create_client(settings)
    store = EventStore(client, settings, CLOCK, random.random)
    return IntakeDesk(Intake(store, CLOCK, limiter(settings, client)), count)


def limiter(settings: Settings, client: DynamoDBClient) -> Limiter | None:
    """What holds workspaces to their limit, if there is one."""
    if not settings.events_per_second:
        return None
    limit = Limit(settings.events_per_second, settings.event_burst)
    return Limiter(SharedBuckets(client, settings.usage_table), limit, CLOCK, publish_counts, _report_limiter)


def _report_limiter(error: Exception) -> None:
    logger.warning("a workspace's limit could not be asked; its events pass", extra=describe_fault(error))


def count(counts: Mapping[Status, int]) -> None:
    """Publish the counts of one request."""
    publish_counts({_METRICS[status]: number for status, number in counts.items()})


def new_id() -> str:
    """The id of an event that came without one."""
    return str(uuid.uuid4())


def _emit_amigo(request: Request) -> Response:
    # Pydantic, which only this door needs, is a third of the start-up: it is imported with the first request.
    from dynameter.dialects.amigo import events as amigo

    return amigo.emit_metering_event(request, desk(), new_id)


def _ingest_v1(request: Request) -> Response:
    return openmeter_v1.ingest_events(request, desk())


def _ingest_v3(request: Request) -> Response:
    return openmeter_v3.ingest_events(request, desk())


def _ingest_zuplo(request: Request) -> Response:
    return zuplo.ingest_events(request, desk(), new_id)


ROUTES = {
    "POST /api/v1/events": Endpoint(EVENTS_WRITE, _ingest_v1, openmeter_v1_problems.problem),
    "POST /api/v3/openmeter/events": Endpoint(EVENTS_WRITE, _ingest_v3, openmeter_v3_problems.problem),
    "POST /v3/openmeter/events": Endpoint(EVENTS_WRITE, _ingest_v3, openmeter_v3_problems.problem),
    "POST /v3/metering/{bucketId}/events": Endpoint(EVENTS_WRITE, _ingest_zuplo, zuplo_problems.problem),
    "POST /v1/{workspace_id}/metering/emit": Endpoint(EVENTS_WRITE, _emit_amigo, amigo_problems.problem),
}

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    desk()  # the start-up has a full processor, the first request may not


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """API Gateway's payload 2.0 in, its response out."""
    return dispatch(event, context, ROUTES, CLOCK)
