"""``POST /v1/{workspace_id}/quota/check|reserve|commit|release``: APIGate's pre-check, and reservations beside it.

check    {"user_id","route_id"?}            200, or 402 quota_exceeded
reserve  {"user_id","units"?,"ttl_s"?}      201 with the reservation's id, or 402
commit   {"id","units"?,"exchange"?}        200; once, however often it is sent
release  {"id"}                             200; the same again changes nothing
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from dynameter.clock import render
from dynameter.dialects.apigate.exchanges import read_report
from dynameter.dialects.apigate.jsonapi import Attributes, Document, read_document, resource_response
from dynameter.dialects.apigate.problems import error_object, error_response
from dynameter.dialects.usage_answers import STATE
from dynameter.errors import FieldError, InvalidInput
from dynameter.events.rules import MAX_BODY_BYTES
from dynameter.gateway.plan import EnforceMode
from dynameter.gateway.quotas.quota import BOOK_DIGITS, QuotaLevel, seconds_until
from dynameter.gateway.quotas.reservation import DEFAULT_TTL_S, MAX_RESERVED, MAX_TTL_S
from dynameter.gateway.quotas.service import Actual, QuotaAnswer, QuotaService, TooManyReservations
from dynameter.gateway.recording import ExchangeRecorder
from dynameter.gateway.rules import check_user_id
from dynameter.gateway.service import RouteService
from dynameter.http.message import Request, Response
from dynameter.meters.quantity import render_number, render_text

PAYMENT_REQUIRED, TOO_MANY_REQUESTS = 402, 429
EXCEEDED_DETAIL = "Monthly request quota exceeded"

_RESERVATIONS = "reservations"
_RETRY_SOON_S = 1


def check_quota(request: Request, quotas: QuotaService, routes: RouteService) -> Response:
    """Whether the user may make one more request. Nothing is taken: concurrent requests may pass it together."""
    document = read_document(request, "quota")
    with document.located():
        attributes = Attributes(document.attributes)
        user_id, route_id = _user_id(attributes), attributes.text("route_id")
        attributes.finish()
        _refuse(attributes)
    if route_id is not None:
        routes.find(request.principal.workspace, route_id)
    answer = quotas.check(request.principal.workspace, user_id, request.deadline_us)
    if not answer.quota.allowed:
        return _denied(answer, request.id)
    resource = {"type": "quota", "id": user_id, "attributes": _standing(answer)}
    return resource_response(200, resource, headers=_headers(answer))


def reserve_quota(request: Request, quotas: QuotaService) -> Response:
    """Take units before they are used; they are given back unless they are committed in time."""
    document = read_document(request, _RESERVATIONS)
    with document.located():
        attributes = Attributes(document.attributes)
        user_id = _user_id(attributes)
        units = _units(attributes, least=Decimal(1).scaleb(-BOOK_DIGITS))
        ttl_s = attributes.whole("ttl_s")
        if ttl_s is not None and not 1 <= ttl_s <= MAX_TTL_S:
            attributes.faults.append(_fault("ttl_s", "range", f"must be from 1 to {MAX_TTL_S} seconds"))
        attributes.finish()
        _refuse(attributes)
    try:
        reservation = quotas.reserve(
            request.principal.workspace,
            user_id,
            Decimal(1) if units is None else units,
            DEFAULT_TTL_S if ttl_s is None else ttl_s,
            request.deadline_us,
        )
    except TooManyReservations as error:
        told = error_object(TOO_MANY_REQUESTS, error.code, error.message, request.id)
        return error_response(TOO_MANY_REQUESTS, [told], {"retry-after": str(_RETRY_SOON_S)})
    hold = reservation.hold
    if hold is None:
        return _denied(reservation.answer, request.id)
    taken = {
        "user_id": user_id,
        "units": render_number(hold.units),
        "state": "open",
        "expires_at": render(hold.expires_at_us),
    }
    resource = {
        "type": _RESERVATIONS,
        "id": reservation.id,
        "attributes": {**taken, **_standing(reservation.answer)},
    }
    return resource_response(201, resource, headers=_headers(reservation.answer))


def commit_quota(request: Request, quotas: QuotaService, recorder: ExchangeRecorder) -> Response:
    """Store what was really used: as a usage event, exactly once."""
    document = read_document(request, _RESERVATIONS, MAX_BODY_BYTES)  # a commit may bring its exchange
    with document.located():
        attributes = Attributes(document.attributes)
        id_ = _id(document, attributes)
        units = _units(attributes, least=Decimal(0))
        data = _exchange_data(request, attributes, recorder)
        attributes.finish()
        _refuse(attributes)
    commit = quotas.commit(request.principal.workspace, id_, Actual(units, data), request.deadline_us)
    done = {
        "user_id": commit.user_id,
        "units": render_number(commit.units),
        "state": "committed",
        "meter_type": commit.meter_type.value,
        "metering_error": commit.metering_error,
        "repeated": commit.repeated,
    }
    return resource_response(200, {"type": _RESERVATIONS, "id": commit.id, "attributes": done})


def release_quota(request: Request, quotas: QuotaService) -> Response:
    """Give a reservation back unused."""
    document = read_document(request, _RESERVATIONS)
    with document.located():
        attributes = Attributes(document.attributes)
        id_ = _id(document, attributes)
        attributes.finish()
        _refuse(attributes)
    quotas.release(request.principal.workspace, id_)
    return resource_response(200, {"type": _RESERVATIONS, "id": id_, "attributes": {"state": "released"}})


# ---- reading


def _user_id(attributes: Attributes) -> str:
    user_id = attributes.text("user_id")
    if user_id is None:
        if not attributes.faults:
            attributes.faults.append(_fault("user_id", "required", "is required"))
        return ""
    wrong = check_user_id(user_id)
    if wrong:
        attributes.faults.append(_fault("user_id", "format", wrong))
    return user_id


def _id(document: Document, attributes: Attributes) -> str:
    id_ = document.chosen_id(attributes)
    if id_ is None and not attributes.faults:
        attributes.faults.append(_fault("id", "required", "is required"))
    return id_ or ""


def _units(attributes: Attributes, least: Decimal) -> Decimal | None:
    units = attributes.number("units")
    if units is not None and not least <= units <= MAX_RESERVED:
        message = f"must be from {render_text(least)} to {render_text(MAX_RESERVED)}"
        attributes.faults.append(_fault("units", "range", message))
    return units


def _exchange_data(request: Request, attributes: Attributes, recorder: ExchangeRecorder) -> Mapping[str, Any] | None:
    """The data of the exchange's event, if the commit brings one; who and when is the reservation's to say."""
    sent = attributes.anything("exchange", None)
    if sent is None:
        return None
    report, faults = read_report(sent, ("exchange",), "", str)
    if report is None or faults:
        attributes.faults += faults
        return None
    return recorder.measure(request.principal.workspace, report, request.deadline_us).draft.data


def _refuse(attributes: Attributes) -> None:
    if attributes.faults:
        reasons = "; ".join(f"{'.'.join(map(str, one.location[1:]))}: {one.message}" for one in attributes.faults)
        raise InvalidInput(f"invalid request: {reasons}", fields=tuple(attributes.faults))


def _fault(name: str, rule: str, message: str) -> FieldError:
    return FieldError(("body", name), rule, message)


# ---- answering


def _standing(answer: QuotaAnswer) -> dict[str, Any]:
    """Where the user stands, what is asked for counted in; null is what is not counted without a limit."""
    quota = answer.quota
    return {
        "allowed": quota.allowed,
        "used": _number(quota.used),
        "limit": quota.limit,
        "remaining": _number(quota.remaining),
        "percent": render_number(quota.percent),
        "level": quota.level.value,
        "overage": render_number(quota.overage),
        "current": _number(quota.current),
        "increment": render_number(quota.increment),
        "reset": render(answer.month.end_us),
        "plan_id": answer.plan.id,
        "meter_type": answer.plan.meter_type.value,
        "enforce_mode": answer.plan.quota_enforce_mode.value,
    }


def _headers(answer: QuotaAnswer, *, denied: bool = False) -> dict[str, str]:
    """The X-Quota headers: where there is a limit, and whenever it was the reason to deny."""
    quota = answer.quota
    state = {} if answer.complete else {STATE: "rebuilding"}
    if quota.used is None or quota.remaining is None or (quota.limit <= 0 and not denied):
        return state
    headers = {
        **state,
        "x-quota-used": render_text(quota.used),
        "x-quota-limit": str(quota.limit),
        "x-quota-remaining": render_text(quota.remaining),
        "x-quota-reset": render(answer.month.end_us),
    }
    if answer.plan.quota_enforce_mode is EnforceMode.WARN and quota.level is not QuotaLevel.NONE:
        headers["x-quota-warning"] = f"{quota.level.value}; {render_text(quota.percent)}% of {quota.limit} used"
    return headers


def _denied(answer: QuotaAnswer, request_id: str) -> Response:
    told = error_object(PAYMENT_REQUIRED, "quota_exceeded", EXCEEDED_DETAIL, request_id)
    told["meta"] = _standing(answer)
    retry_s = seconds_until(answer.month.end_us, answer.now_us)
    headers = {**_headers(answer, denied=True), "retry-after": str(retry_s)}
    return error_response(PAYMENT_REQUIRED, [told], headers)


def _number(value: Decimal | None) -> Any:
    return None if value is None else render_number(value)
