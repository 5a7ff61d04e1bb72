"""What usage must be: counted afresh from the list of events, without rows, shards or stamps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_MISSING = object()


@dataclass
class SentEvent:
    """An event that was accepted, and whether it is voided now."""

    source: str
    id: str
    type: str
    subject: str
    time: datetime
    data: dict[str, Any]
    voided: bool = False

    def body(self, **changes: Any) -> dict[str, Any]:
        """The CloudEvent, as a client sends it; with other content where there are changes."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": self.time.isoformat(),
            "data": self.data,
            **changes,
        }


@dataclass
class MadeMeter:
    """A meter as it was made: value and groups are plain member names of the data."""

    slug: str
    id: str
    type: str
    aggregation: str
    value: str | None
    groups: list[str] = field(default_factory=list)


Rows = list[tuple[Any, ...]]


def usage(
    meter: MadeMeter,
    events: Iterable[SentEvent],
    *,
    window: str | None = None,
    zone: str = "UTC",
    group_by: tuple[str, ...] = (),
    start: datetime | None = None,
    end: datetime | None = None,
) -> dict[tuple[Any, ...], Decimal]:
    """(window start or None, group values...) -> value, for every cell that has one."""
    cells: dict[tuple[Any, ...], list[tuple[SentEvent, Any]]] = {}
    for event in events:
        if event.voided or event.type != meter.type:
            continue
        if (start and event.time < start) or (end and event.time >= end):
            continue
        value = _value(meter, event)
        if value is _MISSING:
            continue
        groups = tuple(event.subject if key == "subject" else _group(event.data.get(key)) for key in group_by)
        cells.setdefault((_window(event.time, window, zone), *groups), []).append((event, value))
    return {key: _AGGREGATE[meter.aggregation](found) for key, found in cells.items()}


def contribution(meter: MadeMeter, event: SentEvent) -> str | Decimal | None:
    """What the event counts with in the meter, None where it does not count."""
    if event.voided or event.type != meter.type:
        return None
    found = _value(meter, event)
    if found is _MISSING:
        return None
    value: str | Decimal = Decimal(1) if found is None else found
    return value


def groups_of(meter: MadeMeter, event: SentEvent) -> dict[str, str]:
    """The event's value of each of the meter's group keys."""
    return {key: _group(event.data.get(key)) for key in meter.groups}


def _value(meter: MadeMeter, event: SentEvent) -> Any:
    if meter.aggregation == "COUNT":
        return None
    found = event.data.get(meter.value or "")
    if found is None:
        return _MISSING
    if meter.aggregation == "UNIQUE_COUNT":
        return _group(found) if isinstance(found, str | int | Decimal) else _MISSING
    if isinstance(found, bool | list | dict):
        return _MISSING
    if isinstance(found, str) and not _NUMBER.fullmatch(found):
        return _MISSING
    return Decimal(found)


def _group(found: Any) -> str:
    if found is None or isinstance(found, dict | list):
        return ""
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, int | Decimal):
        text = format(Decimal(found), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(found)


def _window(time: datetime, window: str | None, zone: str) -> datetime | None:
    if window is None:
        return None
    local = time.astimezone(ZoneInfo(zone))
    if window == "MINUTE":
        start = local.replace(second=0, microsecond=0)
    elif window == "HOUR":
        start = local.replace(minute=0, second=0, microsecond=0)
    elif window == "DAY":
        start = local.replace(hour=0, minute=0, second=0, microsecond=0)
    else:
        start = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return start.astimezone(ZoneInfo("UTC"))


def _sum(found: list[tuple[SentEvent, Any]]) -> Decimal:
    exact = Context(prec=200)
    total = Decimal(0)
    for _, value in found:
        total = exact.add(total, value)
    return total


_AGGREGATE: dict[str, Callable[[list[tuple[SentEvent, Any]]], Decimal]] = {
    "SUM": _sum,
    "COUNT": lambda found: Decimal(len(found)),
    "AVG": lambda found: Context(prec=34).divide(_sum(found), Decimal(len(found))),
    "MIN": lambda found: min(value for _, value in found),
    "MAX": lambda found: max(value for _, value in found),
    "LATEST": lambda found: max(found, key=lambda one: (one[0].time, one[0].id, one[0].source))[1],
    "UNIQUE_COUNT": lambda found: Decimal(len({value for _, value in found})),
}

EPOCH = datetime(2026, 1, 14, 10, tzinfo=ZoneInfo("UTC"))


def moment(minutes: int, microseconds: int = 0) -> datetime:
    """A time near the simulation's present."""
    return EPOCH + timedelta(minutes=minutes, microseconds=microseconds)
