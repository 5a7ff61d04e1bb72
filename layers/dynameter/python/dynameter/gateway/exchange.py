"""One request and its response, as they are measured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Final


class _Absent(Enum):
    ABSENT = 0


ABSENT: Final = _Absent.ABSENT
"""A response body that is not there or is no JSON."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What an expression can see of a request and its response.

    ``response_body`` is decoded JSON (numbers int or Decimal) or ABSENT. Of a stream ``all_data`` holds what passed,
    up to a stated limit, and ``last_chunk`` the last of it; ``sse_events`` counts its server-sent events, also those
    past the limit (None: count those in ``all_data``).
    """

    status: int
    method: str = "GET"
    path: str = "/"
    request_bytes: int = 0
    response_bytes: int = 0
    response_body: Any = ABSENT
    streaming: bool = False
    all_data: bytes = b""
    last_chunk: bytes = b""
    sse_events: int | None = None
    user_id: str = ""
    plan_id: str = ""
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What an exchange counts. ``error`` says why ``units`` is the default instead of what was configured."""

    units: Decimal
    error: str | None = None
