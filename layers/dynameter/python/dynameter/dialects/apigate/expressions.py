"""Trying expressions on sample exchanges: ``POST /admin/routes/{id}/test`` and ``POST /admin/expressions/test``."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from dynameter.clock import Clock
from dynameter.dialects.apigate.jsonapi import Attributes, Document, read_document
from dynameter.dialects.apigate.problems import MEDIA_TYPE
from dynameter.errors import FieldError, InvalidInput
from dynameter.gateway.exchange import ABSENT, Exchange, Measurement
from dynameter.gateway.measurement import measure
from dynameter.gateway.route import Metering, MeteringMode, Protocol
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.quantity import render_text

MAX_SAMPLE_BYTES = 1_000_000
"""Body of a request that tries an expression."""
MAX_STATUS = 999
MAX_BYTES = 10**15

_TYPE = "exchanges"
_LAST_CHUNK_BYTES = 4_096
"""What a stream's last read holds at most, as in APIGate."""


def try_expression(request: Request, clock: Clock) -> Response:
    """``POST /admin/expressions/test``: ``{"expression","streaming"?,"exchange"?}``."""
    document = read_document(request, "expressions", MAX_SAMPLE_BYTES)
    with document.located():
        attributes = Attributes(document.attributes)
        expression = attributes.text("expression")
        streaming = bool(attributes.flag("streaming"))
        exchange = _read_nested(attributes, streaming)
        attributes.finish()
        if expression is None and not any(one.location == ("body", "expression") for one in attributes.faults):
            attributes.faults.append(FieldError(("body", "expression"), "required", "is required"))
        _refuse(attributes.faults)
    protocol = Protocol.SSE if streaming else Protocol.HTTP
    metering = Metering(MeteringMode.CUSTOM, expression or "", protocol=protocol)
    return measurement_response(measure(metering, exchange, now_us=clock.now_us()))


def read_exchange(request: Request, *, streaming: bool) -> Exchange:
    """The sample in the body, at its top level or under ``exchange``."""
    document = read_document(request, _TYPE, MAX_SAMPLE_BYTES)
    with document.located():
        attributes = Attributes(document.attributes)
        if "exchange" in document.attributes:
            exchange = _read_nested(attributes, streaming)
        else:
            exchange = read_sample(attributes, streaming)
        attributes.finish()
        _refuse(attributes.faults)
    return exchange


def measurement_response(measurement: Measurement) -> Response:
    """The units as decimal text, and why they are the default instead of what was configured."""
    body = {"data": {"units": render_text(measurement.units), "metering_error": measurement.error}}
    return json_response(200, body, media_type=MEDIA_TYPE)


def _read_nested(attributes: Attributes, streaming: bool) -> Exchange:
    sample = attributes.anything("exchange", {})
    if not isinstance(sample, dict):
        attributes.faults.append(FieldError(("body", "exchange"), "type", "must be an object"))
        return Exchange(status=200, streaming=streaming)
    nested = Attributes(sample)
    exchange = read_sample(nested, streaming)
    nested.finish()
    within = Document(sample, base=("exchange",))
    try:
        with within.located():
            _refuse(nested.faults)
    except InvalidInput as error:
        attributes.faults += error.fields
    return exchange


def read_sample(attributes: Attributes, streaming: bool) -> Exchange:
    """The sample; the names are those of the variables that expressions see."""
    data = _data(attributes)
    last = attributes.text("lastChunk")
    status = attributes.whole("status")
    sent, received = attributes.whole("requestBytes"), attributes.whole("responseBytes")
    for name, value, most in (
        ("status", status, MAX_STATUS),
        ("requestBytes", sent, MAX_BYTES),
        ("responseBytes", received, MAX_BYTES),
    ):
        if value is not None and not 0 <= value <= most:
            attributes.faults.append(FieldError(("body", name), "range", f"must be from 0 to {most}"))
    return Exchange(
        status=200 if status is None else status,
        method=attributes.text("method") or "GET",
        path=attributes.text("path") or "/",
        request_bytes=sent or 0,
        response_bytes=len(data) if received is None else received,
        response_body=attributes.anything("respBody", ABSENT),
        streaming=streaming,
        all_data=data,
        last_chunk=data[-_LAST_CHUNK_BYTES:] if last is None else last.encode(),
        user_id=attributes.text("userID") or "",
        plan_id=attributes.text("planID") or "",
        key_id=attributes.text("keyID") or "",
    )


def _data(attributes: Attributes) -> bytes:
    """What passed in a stream: text in ``allData``, or any bytes in ``allDataBase64``."""
    text, encoded = attributes.text("allData"), attributes.text("allDataBase64")
    if encoded is None:
        return (text or "").encode()
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        attributes.faults.append(FieldError(("body", "allDataBase64"), "format", "is no base64"))
        return b""


def _refuse(faults: list[FieldError]) -> None:
    if faults:
        reasons: Any = "; ".join(f"{'.'.join(map(str, one.location[1:]))}: {one.message}" for one in faults)
        raise InvalidInput(f"invalid sample: {reasons}", fields=tuple(faults))
