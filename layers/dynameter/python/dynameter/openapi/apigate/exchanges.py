"""Requests that were served elsewhere, measured by the workspace's routes."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from dynameter.access.principal import EVENTS_WRITE
from dynameter.dialects.apigate.exchanges import (
    MAX_LATENCY_MS,
    MAX_METHOD_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_PATH_CHARACTERS,
)
from dynameter.dialects.apigate.problems import MEDIA_TYPE
from dynameter.events.rules import MAX_BATCH_EVENTS, MAX_ID_BYTES, MAX_SOURCE_BYTES, MAX_SUBJECT_BYTES
from dynameter.openapi.apigate.expressions import Base64, Bytes, Status
from dynameter.openapi.apigate.jsonapi import CLOSED, Error, answer, whole_number
from dynameter.openapi.idempotency import idempotency_key
from dynameter.openapi.operation import JSON, Body, Operation, Parameter, Place
from dynameter.openapi.parameters import COUNTED
from dynameter.openapi.shapes import DecimalText, Instant

UserId = Annotated[str, Field(max_length=MAX_SUBJECT_BYTES)]
Name = Annotated[str, Field(max_length=MAX_NAME_CHARACTERS)]
Latency = Annotated[Any, whole_number(0, MAX_LATENCY_MS)]


class _Spellings(TypedDict, total=False):
    # Every field in camel and in snake case.
    all_data: str | None
    all_data_base64: Base64 | None
    keyId: Name | None
    keyID: Name | None
    last_chunk: str | None
    latency_ms: Latency | None
    planId: Name | None
    planID: Name | None
    request_bytes: Bytes | None
    resp_body: Any
    response_bytes: Bytes | None
    routeId: Name | None
    userId: UserId | None
    userID: UserId | None


@with_config(CLOSED)
class Exchange(_Spellings, total=False):
    """A request and its response. A field that is null is not there; every name may be in camel or snake case."""

    id: Annotated[
        Annotated[str, Field(min_length=1, max_length=MAX_ID_BYTES)] | None,
        Field(description="Names the exchange for ever, together with source; one is made where it is absent."),
    ]
    source: Annotated[str, Field(min_length=1, max_length=MAX_SOURCE_BYTES)] | None
    time: Instant | None
    user_id: Annotated[UserId | None, Field(description="Whose usage it is; anonymous where it is absent.")]
    method: Annotated[str, Field(max_length=MAX_METHOD_CHARACTERS)] | None
    path: Annotated[
        Annotated[str, Field(max_length=MAX_PATH_CHARACTERS)] | None,
        Field(description="Finds the route, with the method; required, unless route_id is there."),
    ]
    route_id: Annotated[Name | None, Field(description="Names the route, enabled or not.")]
    status: Annotated[Status | None, Field(description="200 where it is absent.")]
    requestBytes: Bytes | None
    responseBytes: Bytes | None
    respBody: Annotated[Any, Field(description="The response's body, decoded.")]
    allData: Annotated[str | None, Field(description="What passed in a stream.")]
    allDataBase64: Annotated[Base64 | None, Field(description="What passed in a stream, where it is no text.")]
    lastChunk: str | None
    streaming: bool | None
    key_id: Name | None
    plan_id: Name | None
    latencyMs: Latency | None


Exchanges = Annotated[list[Exchange], Field(min_length=1, max_length=MAX_BATCH_EVENTS)]


class Batch(TypedDict):
    """Several exchanges under a name."""

    exchanges: Exchanges


class RecordedExchange(TypedDict):
    """What became of an exchange. Units are null of one that was rejected, and of a conflict."""

    id: str | None
    units: DecimalText | None
    metering_error: str | None
    status: Literal["accepted", "duplicate", "conflict", "rejected"]


class Counts(TypedDict):
    """How many became what."""

    accepted: int
    duplicate: int
    conflict: int
    rejected: int


class Recorded(TypedDict):
    """What became of the exchanges, in the order of the request; errors are those of rejected ones."""

    meta: Counts
    data: list[RecordedExchange]
    errors: NotRequired[list[Error]]


SHAPE = Batch | Exchange | Exchanges
EXAMPLE = {
    "id": "5b1f6b0e-0d0f-4f7e-9c51-7a2f5f1f0a01",
    "time": "2026-11-22T10:00:00Z",
    "user_id": "user-1",
    "method": "POST",
    "path": "/v1/chat/completions",
    "status": 200,
    "requestBytes": 420,
    "responseBytes": 1536,
    "respBody": {"usage": {"total_tokens": 150}},
}

OPERATIONS = (
    Operation(
        route="POST /v1/{workspace_id}/exchanges",
        id="recordExchanges",
        summary="Measure requests that were served elsewhere, and store their usage",
        tag="Exchanges",
        scope=EVENTS_WRITE,
        description="One bad exchange refuses its request before anything is stored.",
        parameters=(
            idempotency_key("The id of a single exchange that has none."),
            Parameter(
                "Prefer",
                str,
                "RFC 7240: `handling=lenient` stores the good exchanges of a batch with bad ones.",
                Place.HEADER,
            ),
        ),
        body=Body({MEDIA_TYPE: SHAPE, JSON: SHAPE}, EXAMPLE),
        answers=(answer(202, "What became of each.", Recorded, COUNTED),),
        refusals=(400, 413, 422),
    ),
)
