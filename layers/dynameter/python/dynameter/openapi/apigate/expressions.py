"""Expressions, and the sample exchanges that they are tried on."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from dynameter.access.principal import USAGE_READ
from dynameter.dialects.apigate.expressions import MAX_BYTES, MAX_STATUS
from dynameter.openapi.apigate.jsonapi import CLOSED, answer, sent, whole_number
from dynameter.openapi.operation import Operation
from dynameter.openapi.shapes import DecimalText

Status = Annotated[Any, whole_number(0, MAX_STATUS)]
Bytes = Annotated[Any, whole_number(0, MAX_BYTES)]
Base64 = Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]


@with_config(CLOSED)
class Sample(TypedDict, total=False):
    """An exchange under the names that expressions see."""

    status: Status
    method: str
    path: str
    requestBytes: Bytes
    responseBytes: Bytes
    respBody: Annotated[Any, Field(description="The response's body, decoded.")]
    allData: Annotated[str, Field(description="What passed in a stream.")]
    allDataBase64: Annotated[Base64, Field(description="What passed in a stream, where it is no text.")]
    lastChunk: str
    userID: str
    planID: str
    keyID: str


@with_config(CLOSED)
class Nested(TypedDict):
    """A sample under a name."""

    exchange: Sample


@with_config(CLOSED)
class Trial(TypedDict):
    """An expression and what it is tried on."""

    expression: str
    streaming: NotRequired[bool]
    exchange: NotRequired[Sample]


class TriedExpression(TypedDict):
    """An expression and what it is tried on."""

    type: NotRequired[Literal["expressions"]]
    id: NotRequired[str | None]
    attributes: Trial


class Units(TypedDict):
    """What an exchange counts, and why that is the default instead of what was configured."""

    units: DecimalText
    metering_error: str | None


class Measured(TypedDict):
    """What was measured."""

    data: Units


OPERATIONS = (
    Operation(
        route="POST /admin/expressions/test",
        id="tryExpression",
        summary="What a sample exchange would count by an expression",
        tag="Routes",
        scope=USAGE_READ,
        body=sent(
            TriedExpression,
            Trial,
            {
                "expression": "respBody.usage.total_tokens * 2",
                "exchange": {"status": 200, "respBody": {"usage": {"total_tokens": 150}}},
            },
        ),
        answers=(answer(200, "The units.", Measured),),
        refusals=(400, 413, 422),
    ),
)
