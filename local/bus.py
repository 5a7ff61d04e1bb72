"""The event bus on a small scale: what PutEvents brings is logged, and given to the functions whose rules match it.

As at EventBridge and Lambda, a function is invoked in the background and, where it fails, twice more; the pauses in
between are short here. Of patterns, what ``local.filters`` knows is known.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from typing import Any

from local.filters import RecordFilter
from local.gateway import ACCOUNT, REGION
from local.template import BusRule

_log = logging.getLogger("local.bus")

ATTEMPTS = 3
PAUSE_S = 1.0


class LocalBus:
    """A client of EventBridge as far as the functions use it. ``invoke`` calls a function with an event."""

    def __init__(self, rules: Sequence[BusRule], invoke: Callable[[str, dict[str, Any]], Any]) -> None:
        self._targets = [
            (one.function, RecordFilter.of({"Filters": [{"Pattern": json.dumps(one.pattern)}]})) for one in rules
        ]
        self._invoke = invoke
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="bus")
        self._stopping = Event()

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        """Log each entry and start its functions; the answer has an id for each."""
        ids = [self._put(entry) for entry in Entries]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": one} for one in ids]}

    def stop(self) -> None:
        """End after the invocations under way."""
        self._stopping.set()
        self._pool.shutdown(cancel_futures=True)

    def _put(self, entry: Mapping[str, Any]) -> str:
        _log.info("event %s: %s", entry["DetailType"], entry["Detail"])
        event = bus_event(entry)
        for function, pattern in self._targets:
            if pattern.admits(event):
                self._pool.submit(self._run, function, event)
        return str(event["id"])

    def _run(self, function: str, event: dict[str, Any]) -> None:
        for attempt in range(ATTEMPTS):
            if attempt and self._stopping.wait(PAUSE_S):
                return
            try:
                self._invoke(function, event)
            except Exception as error:
                _log.warning("%s: attempt %d of %d failed: %s", function, attempt + 1, ATTEMPTS, error)
            else:
                return


def bus_event(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The event that a rule's target gets of an entry of PutEvents."""
    moment: datetime = entry["Time"]
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": ACCOUNT,
        "time": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": json.loads(entry["Detail"]),
    }
