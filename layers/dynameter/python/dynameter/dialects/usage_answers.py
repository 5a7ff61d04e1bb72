"""What the usage queries of all dialects share: finding the meter, naming fields, and the answer's size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator

from dynameter import rfc3339
from dynameter.errors import InvalidInput, NotFound, TooLarge
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.meter import Meter
from dynameter.meters.service import MeterService

MAX_ANSWER_BYTES = 5_500_000
"""Bytes of an answer inside Lambda's response of at most 6 MB, where the body is a JSON string and so escaped."""
_MOST_ESCAPED_BYTES = 12
"""What one character can become in a JSON string of ASCII: two ``\\uXXXX``."""


def _instant(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError("must be an RFC 3339 date-time in a string")
    return rfc3339.parse(value)


Instant = Annotated[int, BeforeValidator(_instant, json_schema_input_type=str)]
"""An RFC 3339 text as microseconds since the epoch."""


@contextmanager
def located_in(part: str) -> Iterator[None]:
    """Name ``part`` (``query``) as where an InvalidInput's fields came from."""
    try:
        yield
    except InvalidInput as error:
        fields = tuple(replace(one, location=(part, *one.location[1:])) for one in error.fields)
        raise InvalidInput(error.message, code=error.code, fields=fields) from None


def find_live(request: Request, meters: MeterService, id_or_slug: str) -> Meter:
    """The meter that a query is about. Raises NotFound for a deleted one too."""
    meter = meters.find(request.principal.workspace, id_or_slug)
    if meter.deleted_at_us is not None:
        raise NotFound(f"failed to get meter: meter not found: {id_or_slug}")
    return meter


def refuse_customers(customers: list[str]) -> None:
    """Raise NotFound for a filter by customers: none exist yet, so every id is unknown."""
    if customers:
        raise NotFound(f"customer not found: {customers[0][:64]}", code="customer_not_found")


def usage_response(answer: dict[str, Any]) -> Response:
    """Answer 200, or raise TooLarge where Lambda could not carry the answer."""
    response = json_response(200, answer)
    may_be_too_large = len(response.body) * _MOST_ESCAPED_BYTES > MAX_ANSWER_BYTES
    if may_be_too_large and len(json.dumps(response.body)) > MAX_ANSWER_BYTES:
        raise TooLarge("the answer is too large; ask for a shorter range, a larger window or fewer groups")
    return response
