"""Deleting usage rows that nobody reads any more: those of dropped generations and of deleted meters.

A generation's number is never given twice and a dropped one never comes back. So the catalog is asked twice, and
between the two lies more time than whoever folds or queries with definitions of before the first can still be at work:
what was dropped at the first look is touched by nobody after the second. Rows of meters that the catalog does not know
are left alone: a catalog may have been restored to an older state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

from dynameter.meters.meter import Meter
from dynameter.usage.rows.row import Series, read_series

GRACE_S = 20 * 60
"""Lambda ends every invocation after 15 minutes."""
_BATCH = 25
_ATTEMPTS = 12

_Item = dict[str, Any]


class Meters(Protocol):
    """What is needed of ``dynameter.meters.store.MeterStore``; strongly consistent."""

    def get(self, workspace: str, meter_id: str) -> Meter | None:
        """The meter of that id, deleted ones too."""


@dataclass
class Found:
    """How many items of the usage table are read, and how many of each series that nobody reads."""

    items: int = 0
    unread: dict[Series, int] = field(default_factory=dict)
    deleted: int = 0


def is_dropped(meter: Meter | None, generation: int) -> bool:
    """Whether nobody folds or reads the generation any more, and nobody will. Of an unknown meter nothing is known."""
    if meter is None:
        return False
    return meter.deleted_at_us is not None or all(one.number > generation for one in meter.generations)


class Look:
    """One look at the catalog, each meter read once."""

    def __init__(self, meters: Meters, among: Iterable[Series] | None = None) -> None:
        """``among``: series that an earlier look has found dropped; others are not, to this one."""
        self._meters = meters
        self._among = None if among is None else frozenset(among)
        self._known: dict[tuple[str, str], Meter | None] = {}
        self._lock = Lock()

    def is_dropped(self, series: Series) -> bool:
        """Whether the series was dropped at the time of this look."""
        if self._among is not None and series not in self._among:
            return False
        key = (series.workspace, series.meter_id)
        with self._lock:
            if key not in self._known:
                self._known[key] = self._meters.get(*key)
        return is_dropped(self._known[key], series.generation)


class UnreadRows:
    """Finds and deletes the rows of dropped series."""

    def __init__(self, client: Any, table: str, pause: Callable[[int], None]) -> None:
        """``pause`` waits before the attempt of that number."""
        self._client = client
        self._table = table
        self._pause = pause

    def scan(self, look: Look, segment: int, segments: int, found: Found, *, delete: bool) -> None:
        """Count the rows of one segment of the table, and where that is said delete them. Raises what boto3 raises."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table, Segment=segment, TotalSegments=segments, ProjectionExpression="pk, sk"
        )
        for page in pages:
            dropped: list[_Item] = []
            for key in page["Items"]:
                series = read_series(key["pk"]["S"])
                found.items += 1
                if series is not None and look.is_dropped(series):
                    found.unread[series] = found.unread.get(series, 0) + 1
                    dropped.append({"pk": key["pk"], "sk": key["sk"]})
            if delete:
                self._delete(dropped)
                found.deleted += len(dropped)

    def _delete(self, keys: list[_Item]) -> None:
        for start in range(0, len(keys), _BATCH):
            waiting: Mapping[str, Any] = {
                self._table: [{"DeleteRequest": {"Key": key}} for key in keys[start : start + _BATCH]]
            }
            for attempt in range(_ATTEMPTS):
                if attempt:
                    self._pause(attempt)
                waiting = self._client.batch_write_item(RequestItems=waiting).get("UnprocessedItems") or {}
                if not waiting:
                    break
            else:
                raise LookupError("DynamoDB does not take the deletions; run it again")
