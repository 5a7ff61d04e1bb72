"""``POST /v1/{workspace_id}/metering/emit``: Amigo's intake of one event, 202, errors worded as FastAPI words them.

Pydantic judges the body; the quantity that is stored is the number as it was sent, never the float that pydantic saw.
``event_id`` and the header Idempotency-Key make a retry safe; with both the former counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, ValidationError, WithJsonSchema

from dynameter import codec
from dynameter.clock import from_datetime
from dynameter.dialects.intake_answers import Candidate, IntakeDesk, idempotency_key
from dynameter.errors import FieldError, InvalidInput
from dynameter.events import rules
from dynameter.events.event import EventDraft
from dynameter.http.message import Request, Response, json_response
from dynameter.rfc3339 import EARLIEST_US, LATEST_US

SOURCE = "amigo"
MAX_EVENT_TYPE_CHARACTERS = 64
MAX_UNIT_CHARACTERS = 32
MAX_ECHO_BYTES = 4_096
"""Input shown in an error; more is cut, where FastAPI would send all of it back."""

_FIELDS = {"type": "event_type", "data": "metering_metadata"}
# Pydantic takes more than FastAPI documents: numbers as text, truth as 0 and 1, times without a zone or as numbers.
_NUMBER = WithJsonSchema(
    {
        "anyOf": [
            {"type": "number", "minimum": 0},
            {"type": "string", "description": "The same as text."},
            {"type": "boolean", "description": "0 or 1."},
        ]
    }
)
_MOMENT = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "format": "date-time"},
            {"type": "string", "description": "ISO 8601; UTC where there is no zone."},
            {"type": "number", "description": "Unix time."},
        ]
    }
)


class MeteringEmitRequest(BaseModel):
    """Amigo's schema of the same name, with ``event_id`` from the newer contract."""

    event_type: Annotated[str, Field(min_length=1, max_length=MAX_EVENT_TYPE_CHARACTERS, pattern=r"^[a-z][a-z0-9._]*$")]
    metering_quantity: Annotated[float, Field(ge=0, allow_inf_nan=False), _NUMBER]
    metering_source: Literal["production", "simulation"]
    effective_at: Annotated[datetime, _MOMENT] | None = None
    metering_unit: Annotated[str, Field(min_length=1, max_length=MAX_UNIT_CHARACTERS)] | None = None
    metering_metadata: dict[str, Any] | None = None
    event_id: UUID | None = None


def emit_metering_event(request: Request, desk: IntakeDesk, new_id: Callable[[], str]) -> Response:
    """Take in one event; ``new_id`` makes its id where the caller gives none."""
    key, wrong = idempotency_key(request)
    errors = [wrong] if wrong is not None else []
    try:
        body = _decode(request)
        emitted = MeteringEmitRequest.model_validate(body)
        quantity = _exact(body["metering_quantity"])
        time_us = _time(emitted.effective_at, body.get("effective_at"))
    except ValidationError as invalid:
        errors += [_worded(one) for one in invalid.errors(include_url=False)]
    except InvalidInput as invalid:
        errors += invalid.fields
    if errors:
        raise desk.refuse(1, _refusal(errors))
    workspace = request.principal.workspace
    id_ = str(emitted.event_id) if emitted.event_id is not None else new_id() if key is None else f"key:{key}"
    draft = EventDraft(SOURCE, id_, emitted.event_type, workspace, time_us, _data(emitted, quantity))
    broken = tuple(_renamed(one) for one in rules.check(draft))
    candidate = Candidate(0, SOURCE, id_, None if broken else draft, broken)
    accepted = json_response(202, {"status": "accepted", "event_type": emitted.event_type})
    return desk.take(request, [candidate], accepted, _refusal)


def _decode(request: Request) -> dict[str, Any]:
    """The body as FastAPI reads one: JSON where the type says so or is not given; nothing and null are missing."""
    rules.check_body(request.body)
    if not request.body:
        raise _refusal([FieldError(("body",), "missing", "Field required")])
    media_type = request.media_type()
    if media_type and media_type != "application/json" and not re.fullmatch(r"application/.+\+json", media_type):
        raise _no_object(request.body.decode("utf-8", "replace"))
    try:
        body = codec.decode(request.body)
    except codec.MalformedJson as error:
        raise _refusal([_malformed(request.body, str(error))]) from None
    if body is None:
        raise _refusal([FieldError(("body",), "missing", "Field required")])
    if rules.nests_deeper(body, rules.MAX_NESTING + 1):
        message = f"Input should not nest deeper than {rules.MAX_NESTING} levels"
        raise _refusal([FieldError(("body",), "max_nesting", message)])
    if not isinstance(body, dict):
        raise _no_object(body)
    return body


def _no_object(body: Any) -> InvalidInput:
    message = "Input should be a valid dictionary or object to extract fields from"
    return _refusal([FieldError(("body",), "model_attributes_type", message, _echo(body))])


def _malformed(body: bytes, reason: str) -> FieldError:
    """FastAPI's ``json_invalid``: where in the body, and why, in the words of Python's own parser."""
    position = int(found[1]) if (found := re.search(r"\(byte (\d+)\)", reason)) else 0
    try:
        json.loads(body.decode())
    except json.JSONDecodeError as error:
        position, reason = error.pos, error.msg
    except (ValueError, RecursionError):
        pass  # broken Unicode, an absurd number or nesting: the first parser's reason stands
    return FieldError(("body", position), "json_invalid", "JSON decode error", {}, context={"error": reason})


def _exact(sent: Any) -> int | Decimal:
    """The quantity as sent, digit for digit. Pydantic takes text and booleans for numbers too, and so must this."""
    try:
        # A number as text has passed no parser of JSON, and must not become one that cannot be read again.
        quantity = sent if isinstance(sent, int | Decimal) else codec.read_decimal(sent)
    except (ArithmeticError, ValueError, TypeError) as error:
        why = str(error) if type(error) is ValueError else "unable to parse string as a number"
        message = f"Input should be a valid number, {why}"
        raise _refusal([FieldError(("body", "metering_quantity"), "float_parsing", message, _echo(sent))]) from None
    if quantity < 0:  # e.g. -1e-400, a float of zero
        message = "Input should be greater than or equal to 0"
        field = FieldError(
            ("body", "metering_quantity"), "greater_than_equal", message, _echo(sent), context={"ge": Decimal("0.0")}
        )
        raise _refusal([field])
    return int(quantity) if isinstance(quantity, bool) else quantity


def _time(moment: datetime | None, sent: Any) -> int | None:
    if moment is None:
        return None
    instant = from_datetime(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
    if not EARLIEST_US <= instant < LATEST_US:
        message = "Value error, must lie from 1970-01-01T00:00:00Z up to, not including, 9999-01-01T00:00:00Z"
        raise _refusal([FieldError(("body", "effective_at"), "value_error", message, _echo(sent))])
    return instant


def _data(emitted: MeteringEmitRequest, quantity: int | Decimal) -> dict[str, Any]:
    data: dict[str, Any] = {"metering_quantity": quantity, "metering_source": emitted.metering_source}
    if emitted.metering_unit is not None:
        data["metering_unit"] = emitted.metering_unit
    if emitted.metering_metadata is not None:
        data["metering_metadata"] = emitted.metering_metadata
    return data


def _worded(error: Any) -> FieldError:
    """Pydantic's error as FastAPI shows it: placed in the body."""
    context = {
        name: str(value) if isinstance(value, Exception) else value for name, value in error.get("ctx", {}).items()
    }
    return FieldError(
        ("body", *error["loc"]), error["type"], error["msg"], _echo(error["input"]), context=context or None
    )


def _renamed(error: FieldError) -> FieldError:
    """A rule of the core under the name that this door has for the field."""
    name = str(error.location[-1])
    return FieldError(("body", _FIELDS.get(name, name)), error.rule, f"Value {error.message}")


def _echo(value: Any) -> Any:
    try:
        text = codec.encode(value)
    except (UnicodeEncodeError, RecursionError):
        return None
    return value if len(text) <= MAX_ECHO_BYTES else text[:MAX_ECHO_BYTES].decode("utf-8", "ignore") + "…"


def _refusal(errors: Sequence[FieldError]) -> InvalidInput:
    return InvalidInput("the request is not valid", code="invalid_event", fields=tuple(errors))
