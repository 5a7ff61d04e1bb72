"""``POST|GET /api/v1/meter``: external usage events, as APIGate's page on its metering API promises them.

{"data":[{"type":"usage_events","attributes":{"id","user_id","event_type","resource_id"?,"resource_type"?,
                                              "quantity"?,"metadata"?,"timestamp"?}}]}
202 {"meta":{"accepted","rejected","errors":[{"index","id","code","detail"}]}}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from dynameter import codec, rfc3339
from dynameter.clock import MICROSECONDS, Clock, render
from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.apigate.jsonapi import SMALLER_PAGE, Attributes, read_json
from dynameter.dialects.apigate.problems import MAX_REPORTED_ERRORS, MEDIA_TYPE, error_object
from dynameter.dialects.intake_answers import idempotency_key
from dynameter.dialects.parameters import read_whole, refuse_parameter
from dynameter.errors import FieldError, InvalidInput
from dynameter.events import rules
from dynameter.events.event import Event, Status
from dynameter.events.listing import EventLister
from dynameter.gateway.external import (
    DUPLICATE,
    MAX_METADATA_BYTES,
    MAX_RESOURCE_CHARACTERS,
    BatchKey,
    BatchResult,
    ExternalEvent,
    ExternalIntake,
    Rejection,
)
from dynameter.gateway.external_history import ExternalQuery, list_external
from dynameter.http.message import Request, Response, json_response

PATH = "/api/v1/meter"
TYPE = "usage_events"
PAGE_SIZE, MAX_PAGE_SIZE, MAX_PAGE_NUMBER = 50, 100, 100_000

_DAY_US = 86_400 * MICROSECONDS
_FILTERS = ("user_id", "event_type", "resource_type")
_SHOWN_CHARACTERS = 64
_MAX_LEVELS = rules.MAX_NESTING - 1  # it is stored inside the event's data
_SHOWN_ID_CHARACTERS = 512
_SHOWN_REASON_CHARACTERS = 512

Count = Callable[[Mapping[Status, int]], None]


def record_events(request: Request, intake: ExternalIntake, count: Count) -> Response:
    """Take in 1 to 1,000 events: 202, or 422 where every one was rejected for another reason than being known."""
    resources = _resources(read_json(request, rules.MAX_BODY_BYTES))
    rules.check_batch(len(resources))
    key, wrong = idempotency_key(request)
    if wrong is not None:
        raise InvalidInput(wrong.message, fields=(wrong,))
    events = [_read(index, one) for index, one in enumerate(resources)]
    key_id = request.principal.key_id
    batch = None if key is None else BatchKey.of(key_id, key, request.body)
    result = intake.take(request.principal.workspace, key_id, events, batch, request.deadline_us)
    duplicates = sum(one.code == DUPLICATE for one in result.rejections)
    counts = {Status.ACCEPTED: result.accepted, Status.DUPLICATE: duplicates}
    count(counts | {Status.INVALID: len(result.rejections) - duplicates})
    return _answer(result, all_refused=not result.accepted and not duplicates, request_id=request.id)


def list_events(request: Request, lister: EventLister, clock: Clock) -> Response:
    """A page of the external events, newest first."""
    start_us, end_us = _instant(request, "start_date"), _instant(request, "end_date", end=True)
    query = ExternalQuery(
        start_us=rfc3339.EARLIEST_US if start_us is None else start_us,
        # Events may lie a minute ahead.
        end_us=clock.now_us() + _DAY_US if end_us is None else end_us,
        number=read_whole(request, "page[number]", 1, 1, MAX_PAGE_NUMBER),
        size=read_whole(request, "page[size]", PAGE_SIZE, 1, MAX_PAGE_SIZE),
        **{name: _filter(request, name) for name in _FILTERS},
    )
    page = list_external(lister, request.principal.workspace, query, request.deadline_us)
    pages = -(-page.total // query.size)
    links = {"self": _link(request, query.number)}
    if query.number < pages:
        links["next"] = _link(request, query.number + 1)
    body = {
        "data": [_resource(event, data) for event, data in page.events],
        "meta": {"total_count": page.total, "page_count": pages, "page": query.number, "per_page": query.size},
        "links": links,
    }
    return refuse_large(json_response(200, body, media_type=MEDIA_TYPE), SMALLER_PAGE)


# ---- reading


def _resources(body: Any) -> list[Any]:
    data = body.get("data") if isinstance(body, dict) else None
    found = [data] if isinstance(data, dict) else data
    if not isinstance(found, list):
        field = FieldError(("body", "data"), "type", f"must be an array of {TYPE}")
        raise InvalidInput(field.message, fields=(field,))
    if not found:
        field = FieldError(("body", "data"), "min_items", "must have at least one event")
        raise InvalidInput(field.message, fields=(field,))
    return found


def _read(index: int, resource: Any) -> ExternalEvent | Rejection:
    if not isinstance(resource, dict) or resource.get("type", TYPE) != TYPE:
        return Rejection(index, None, "validation_error", f"must be an object of type {TYPE}")
    values = resource.get("attributes")
    if not isinstance(values, dict):
        return Rejection(index, None, "validation_error", "attributes must be an object")
    # The resource's own id is what JSON:API has for the attribute; a field that is null is not there.
    given = {"id": resource.get("id"), **values}
    attributes = Attributes({name: value for name, value in given.items() if value is not None})
    event, faults = _event(attributes)
    attributes.finish()
    id_ = given["id"][:_SHOWN_ID_CHARACTERS] if isinstance(given["id"], str) else None
    for name, code in (("quantity", "invalid_quantity"), ("timestamp", "invalid_timestamp")):
        wrong = next((one for one in attributes.faults if one.location[1] == name), None)
        if wrong and len(attributes.faults) + len(faults) == 1:
            return Rejection(index, id_, code, f"{name} {wrong.message}")
    reasons = [f"{one.location[1]} {one.message}" for one in attributes.faults] + faults
    reason = "; ".join(reasons)[:_SHOWN_REASON_CHARACTERS]
    return Rejection(index, id_, "validation_error", reason) if reasons else event


def _event(attributes: Attributes) -> tuple[ExternalEvent, list[str]]:
    required = {name: attributes.text(name) for name in ("id", "user_id", "event_type")}
    wrong = {one.location[1] for one in attributes.faults}
    faults = [f"{name} is required" for name, value in required.items() if not value and name not in wrong]
    resources = {name: attributes.text(name) for name in ("resource_id", "resource_type")}
    for name, value in resources.items():
        if value is not None and len(value) > MAX_RESOURCE_CHARACTERS:
            faults.append(f"{name} must have at most {MAX_RESOURCE_CHARACTERS} characters")
    metadata = attributes.anything("metadata", None)
    if metadata is not None and not isinstance(metadata, dict):
        faults.append("metadata must be an object")
    elif metadata is not None and _too_large(metadata):
        faults.append(f"metadata must have at most {MAX_METADATA_BYTES} bytes of compact JSON and {_MAX_LEVELS} levels")
    quantity = attributes.number("quantity")
    event = ExternalEvent(
        id=required["id"] or "",
        user_id=required["user_id"] or "",
        event_type=required["event_type"] or "",
        quantity=Decimal(1) if quantity is None else quantity,
        timestamp_us=_timestamp(attributes),
        metadata=metadata if isinstance(metadata, dict) else None,
        **resources,
    )
    return event, faults


def _too_large(metadata: dict[str, Any]) -> bool:
    if rules.nests_deeper(metadata, _MAX_LEVELS):
        return True
    return len(codec.encode(metadata)) > MAX_METADATA_BYTES


def _timestamp(attributes: Attributes) -> int | None:
    text = attributes.text("timestamp")
    if text is None:
        return None
    try:
        return rfc3339.parse(text)
    except ValueError as error:
        attributes.faults.append(FieldError(("body", "timestamp"), "format", str(error)))
        return None


def _instant(request: Request, name: str, *, end: bool = False) -> int | None:
    """An instant or a whole UTC day; as an end, the instant itself or the end of the day."""
    text = _filter(request, name)
    if text is None:
        return None
    try:
        if len(text) == len("2026-01-14"):
            day = date.fromisoformat(text) + timedelta(days=end)
            return rfc3339.parse(f"{day.isoformat()}T00:00:00Z")
        return rfc3339.parse(text)
    except (ValueError, OverflowError):
        raise refuse_parameter(name, "format", "must be an RFC 3339 date or date-time", text) from None


def _filter(request: Request, name: str) -> str | None:
    """A parameter, plain or as JSON:API's ``filter[name]``."""
    for spelled in (name, f"filter[{name}]"):
        values = request.query_values(spelled)
        if values:
            return values[-1]
    return None


# ---- answering


def _answer(result: BatchResult, *, all_refused: bool, request_id: str) -> Response:
    meta = {
        "accepted": result.accepted,
        "rejected": len(result.rejections),
        "errors": [
            {"index": one.index, "id": one.id, "code": one.code, "detail": one.detail} for one in result.rejections
        ],
    }
    if not all_refused:
        return json_response(202, {"meta": meta}, media_type=MEDIA_TYPE)
    errors = _errors(result.rejections, request_id)
    return json_response(422, {"errors": errors, "meta": meta}, media_type=MEDIA_TYPE)


def _errors(rejections: Sequence[Rejection], request_id: str) -> list[dict[str, Any]]:
    return [
        {
            **error_object(422, one.code, one.detail, request_id),
            "source": {"pointer": f"/data/{one.index}/attributes"},
        }
        for one in rejections[:MAX_REPORTED_ERRORS]
    ]


def _resource(event: Event, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": TYPE,
        "id": event.id,
        "attributes": {
            "user_id": event.subject,
            "event_type": data.get("event_type"),
            "resource_id": data.get("resource_id"),
            "resource_type": data.get("resource_type"),
            "quantity": _number(data.get("quantity")),
            "units": _number(data.get("units")),
            "metadata": data.get("metadata", {}),
            "service_key": data.get("service_key"),
            "timestamp": render(event.time_us),
        },
    }


def _number(text: Any) -> Any:
    """The number behind its text; what somebody else has stored under this source comes out as it is."""
    try:
        return codec.decode(text) if isinstance(text, str) else text
    except codec.MalformedJson:
        return text


def _link(request: Request, number: int) -> str:
    kept = [(name, value) for name, value in request.query if name != "page[number]"]
    return f"{PATH}?{urlencode([*kept, ('page[number]', str(number))], safe='[]')}"
