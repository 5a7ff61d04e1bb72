"""``POST /v1/{workspace_id}/exchanges``: requests that were served elsewhere, measured by the workspace's routes.

The body is one exchange, an array, or ``{"exchanges":[...]}``; its fields are those of a route's test, and their
snake_case. One bad exchange refuses its request before anything is stored, unless the request prefers
``handling=lenient``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dynameter import rfc3339
from dynameter.dialects.apigate.expressions import read_sample
from dynameter.dialects.apigate.jsonapi import Attributes, read_json
from dynameter.dialects.apigate.problems import MEDIA_TYPE, field_errors
from dynameter.dialects.intake_answers import idempotency_key
from dynameter.errors import FieldError, InvalidInput
from dynameter.events import rules
from dynameter.events.event import Status
from dynameter.gateway.recording import ExchangeRecorder, ExchangeReport, Measured
from dynameter.gateway.usage import SOURCE
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.quantity import render_text

MAX_PATH_CHARACTERS = 2_048
MAX_METHOD_CHARACTERS = 32
MAX_NAME_CHARACTERS = 512
"""Ids of keys, plans and routes."""
MAX_LATENCY_MS = 10**12

_BODY = "respBody"
_REJECTED = "rejected"
_ALIASES = {
    "all_data": "allData",
    "all_data_base64": "allDataBase64",
    "keyId": "keyID",
    "key_id": "keyID",
    "last_chunk": "lastChunk",
    "latencyMs": "latency_ms",
    "planId": "planID",
    "plan_id": "planID",
    "requestBytes": "requestBytes",
    "request_bytes": "requestBytes",
    "resp_body": "respBody",
    "response_bytes": "responseBytes",
    "routeId": "route_id",
    "userId": "userID",
    "user_id": "userID",
}
_DRAFT_FIELDS = {"subject": "user_id", "id": "id", "source": "source"}

Count = Callable[[Mapping[Status, int]], None]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One exchange of a request: measured, or what is wrong with it."""

    index: int
    id: str | None
    measured: Measured | None
    faults: tuple[FieldError, ...] = ()


def record_exchanges(request: Request, recorder: ExchangeRecorder, count: Count, new_id: Callable[[], str]) -> Response:
    """Measure and store 1 to 1,000 exchanges: 202 with the units of each. ``new_id`` names those without an id."""
    body = read_json(request, rules.MAX_BODY_BYTES)
    sent, base = _list(body)
    rules.check_batch(len(sent))
    key, wrong = idempotency_key(request)
    if wrong is not None:
        raise InvalidInput(wrong.message, fields=(wrong,))
    single = len(sent) == 1 and key is not None
    entries = []
    for index, one in enumerate(sent):
        place = base if isinstance(body, dict) and "exchanges" not in body else (*base, index)
        entries.append(_read(request, recorder, index, one, place, f"key:{key}" if single else None, new_id))
    return _store(request, recorder, entries, count)


def read_report(
    values: Any, place: tuple[str | int, ...], fixed_id: str | None, new_id: Callable[[], str]
) -> tuple[ExchangeReport | None, tuple[FieldError, ...]]:
    """An exchange as it stands in a body at ``place``, or what is wrong with it, each fault placed in the body."""
    if not isinstance(values, dict):
        return None, (FieldError(("body", *place), "type", "must be an object"),)
    names: dict[str, str] = {}
    known: dict[str, Any] = {}
    twice: list[FieldError] = []
    for sent, value in values.items():
        name = str(_ALIASES.get(sent, sent))
        # A field that is null is not there; only a body may be.
        if value is None and (name != _BODY or name in known):
            continue
        if known.get(name) is not None and known[name] != value:
            twice.append(_fault(name, "ambiguous", f"is given as {names[name]}, too, with another value"))
        names[name], known[name] = sent, value
    attributes = Attributes(known)
    report = _report(attributes, fixed_id, new_id)
    attributes.finish()
    return report, tuple(_placed(one, place, names) for one in (*twice, *attributes.faults))


def _report(attributes: Attributes, fixed_id: str | None, new_id: Callable[[], str]) -> ExchangeReport:
    exchange = read_sample(attributes, bool(attributes.flag("streaming")))
    route_id, source = attributes.text("route_id"), attributes.text("source")
    id_, latency_ms = attributes.text("id"), attributes.whole("latency_ms")
    for name, value, most in (
        ("path", exchange.path, MAX_PATH_CHARACTERS),
        ("method", exchange.method, MAX_METHOD_CHARACTERS),
        ("keyID", exchange.key_id, MAX_NAME_CHARACTERS),
        ("planID", exchange.plan_id, MAX_NAME_CHARACTERS),
        ("route_id", route_id or "", MAX_NAME_CHARACTERS),
    ):
        if len(value) > most:
            attributes.faults.append(_fault(name, "max_length", f"must have at most {most} characters"))
    if latency_ms is not None and not 0 <= latency_ms <= MAX_LATENCY_MS:
        attributes.faults.append(_fault("latency_ms", "range", f"must be from 0 to {MAX_LATENCY_MS}"))
    if route_id is None and attributes.anything("path", None) is None:
        attributes.faults.append(_fault("path", "required", "is required, unless route_id names the route"))
    return ExchangeReport(
        id=id_ if id_ is not None else fixed_id if fixed_id is not None else new_id(),
        time_us=_time(attributes),
        exchange=exchange,
        route_id=route_id,
        latency_ms=latency_ms,
        source=SOURCE if source is None else source,
    )


def _time(attributes: Attributes) -> int | None:
    text = attributes.text("time")
    if text is None:
        return None
    try:
        return rfc3339.parse(text)
    except ValueError as error:
        attributes.faults.append(_fault("time", "format", str(error)))
        return None


def _list(body: Any) -> tuple[list[Any], tuple[str | int, ...]]:
    """The exchanges of a body, and where their list, or the one exchange, stands in it."""
    base: tuple[str | int, ...] = ()
    if isinstance(body, dict) and "exchanges" in body:
        found, base = body["exchanges"], ("exchanges",)
    elif isinstance(body, list):
        found = body
    else:
        return [body], base
    if not isinstance(found, list):
        raise _wrong(base, "type", "must be an array of exchanges")
    if not found:
        raise _wrong(base, "min_items", "must have at least one exchange")
    return found, base


def _read(
    request: Request,
    recorder: ExchangeRecorder,
    index: int,
    values: Any,
    place: tuple[str | int, ...],
    fixed_id: str | None,
    new_id: Callable[[], str],
) -> _Entry:
    report, faults = read_report(values, place, fixed_id, new_id)
    if report is None or faults:
        given = values.get("id") if isinstance(values, dict) else None
        return _Entry(index, given[:MAX_NAME_CHARACTERS] if isinstance(given, str) else None, None, faults)
    measured = recorder.measure(request.principal.workspace, report, request.deadline_us)
    broken = tuple(_draft_fault(one, place) for one in rules.check(measured.draft))
    return _Entry(index, report.id, None if broken else measured, broken)


def _store(request: Request, recorder: ExchangeRecorder, entries: Sequence[_Entry], count: Count) -> Response:
    lenient = request.preferences().get("handling") == "lenient"
    bad = [one for one in entries if one.measured is None]
    if bad and (not lenient or len(bad) == len(entries)):
        count({Status.INVALID: len(bad)})
        raise InvalidInput("the request has exchanges that are not valid", fields=_faults(bad))
    good = [(one.index, one.measured) for one in entries if one.measured is not None]
    statuses = recorder.store(request.principal.workspace, good, request.deadline_us)
    found = list(statuses.values())
    counts = {status: found.count(status) for status in Status} | {Status.INVALID: len(bad)}
    count(counts)
    told = {
        "accepted": counts[Status.ACCEPTED],
        "duplicate": counts[Status.DUPLICATE],
        "conflict": counts[Status.CONFLICT],
        _REJECTED: len(bad),
    }
    body: dict[str, Any] = {"meta": told, "data": [_result(one, statuses.get(one.index)) for one in entries]}
    if bad:
        body["errors"] = field_errors(_faults(bad), 422, request.id)
    headers = {f"dynameter-{name}": str(number) for name, number in told.items()}
    if lenient:
        headers["preference-applied"] = "handling=lenient"
    return json_response(202, body, headers=headers, media_type=MEDIA_TYPE)


def _result(entry: _Entry, status: Status | None) -> dict[str, Any]:
    """What became of an exchange; the units of a conflict are those stored before, which nobody has read."""
    if entry.measured is None or status is None:
        return {"id": entry.id, "units": None, "metering_error": None, "status": _REJECTED}
    measurement = entry.measured.measurement
    return {
        "id": entry.id,
        "units": None if status is Status.CONFLICT else render_text(measurement.units),
        "metering_error": measurement.error,
        "status": status.value,
    }


def _faults(entries: Sequence[_Entry]) -> tuple[FieldError, ...]:
    return tuple(fault for one in entries for fault in one.faults)


def _placed(one: FieldError, place: tuple[str | int, ...], names: Mapping[str, str]) -> FieldError:
    name = str(one.location[1])
    return replace(one, location=("body", *place, names.get(name, name), *one.location[2:]))


def _draft_fault(one: FieldError, place: tuple[str | int, ...]) -> FieldError:
    """A rule of the event that the exchange would become, under the name that the field has here."""
    name = str(one.location[1])
    return replace(one, location=("body", *place, _DRAFT_FIELDS.get(name, name)))


def _fault(name: str, rule: str, message: str) -> FieldError:
    return FieldError(("body", name), rule, message)


def _wrong(place: tuple[str | int, ...], rule: str, message: str) -> InvalidInput:
    return InvalidInput(message, fields=(FieldError(("body", *place), rule, message),))
