"""RFC 3339 instants, read strictly and to the microsecond."""

from __future__ import annotations

import re
from datetime import datetime

from dynameter.clock import from_datetime

EARLIEST_US = 0
"""1970-01-01T00:00:00Z: the first instant the service accepts."""
LATEST_US = 253_370_764_800_000_000
"""9999-01-01T00:00:00Z: instants must lie before it, so that any zone's month after them still exists."""

MAX_FRACTION_DIGITS = 32
"""Of a second; what is past a microsecond is dropped."""

_PATTERN = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:([Zz])|([+-]\d\d:[0-5]\d))", re.ASCII)


def parse(text: str) -> int:
    """Read an RFC 3339 instant as microseconds since the epoch; digits past the sixth are dropped.

    Raises ValueError with a reason that can be shown to the caller.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError("must be an RFC 3339 date-time such as 2026-01-14T10:00:00Z")
    date, clock_time, fraction, _zulu, offset = match.groups()
    if fraction and len(fraction) > MAX_FRACTION_DIGITS:
        raise ValueError(f"must have at most {MAX_FRACTION_DIGITS} digits after the second's point")
    try:
        moment = datetime.fromisoformat(f"{date}T{clock_time}.{(fraction or '0')[:6]:0<6}{offset or '+00:00'}")
        instant = from_datetime(moment)
    except (ValueError, OverflowError):
        raise ValueError("is no date and time that exists") from None
    if not EARLIEST_US <= instant < LATEST_US:
        raise ValueError("must lie from 1970-01-01T00:00:00Z up to, not including, 9999-01-01T00:00:00Z")
    return instant
