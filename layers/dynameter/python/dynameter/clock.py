"""Time, passed in. Instants are whole microseconds since 1970-01-01T00:00:00Z."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

MICROSECONDS = 1_000_000
MINUTE_US = 60 * MICROSECONDS
HOUR_US = 60 * MINUTE_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """What the service needs of time; tests pass one of their own."""

    def now_us(self) -> int:
        """The present instant."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        return time.time_ns() // 1_000

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def to_datetime(instant_us: int) -> datetime:
    """The instant as an aware UTC datetime, exact."""
    return _EPOCH + timedelta(microseconds=instant_us)


def from_datetime(moment: datetime) -> int:
    """The aware datetime as microseconds since the epoch, exact."""
    return (moment - _EPOCH) // _MICROSECOND


def render(instant_us: int) -> str:
    """RFC 3339 in UTC with ``Z`` and the fraction trimmed, as the peers' servers print it."""
    moment = to_datetime(instant_us)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S") if moment.year >= 1000 else moment.isoformat()[:19]
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{text}{fraction}Z"
