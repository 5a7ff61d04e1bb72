"""Sends events in batches until the service has them, whatever stands in between."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from dynameter.client.api import ApiAnswer, ApiClient, ApiError
from dynameter.middleware.stats import Ledger

PATH = "/api/v3/openmeter/events"
MEDIA_TYPE = "application/cloudevents-batch+json"
PREFERENCES = "handling=lenient, return=representation"
"""The good events of a batch are stored though others are bad, and the answer says which."""
BACKOFF_BASE_S = 0.25
RETRY_AFTER_MAX_S = 300.0
"""The longest pause that an answer can ask for."""
MAX_LOGGED_CHARACTERS = 500

_COUNTED = "dynameter-accepted"
_TOO_LARGE = 413
_INVALID = frozenset({400, 422})
_log = logging.getLogger("dynameter.middleware")


class Sender:
    """``pause`` waits and answers whether to go on; ``reject`` keeps an event that the service refuses."""

    def __init__(
        self,
        client: ApiClient,
        ledger: Ledger,
        *,
        reject: Callable[[bytes, str], None],
        pause: Callable[[float], bool],
        random: Callable[[], float],
        retry_max_s: float,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._reject = reject
        self._pause = pause
        self._random = random
        self._retry_max_s = retry_max_s

    def deliver(self, events: Sequence[bytes], *, counted: bool = True) -> list[bytes]:
        """Send until every event is stored or refused; answers what is left where ``pause`` said to stop.

        Not ``counted`` are events that were settled before: those of the spool.
        """
        pending = deque([list(events)])
        failures = 0
        while pending:
            batch = pending.popleft()
            try:
                answer = self._send(batch)
            except ApiError as error:
                if _blames_events(error):
                    self._divide(batch, error, pending, counted)
                    continue
                failures += 1
                self._tell(error, failures)
                pending.appendleft(batch)
                if not self._pause(self._pause_s(failures, error)):
                    return [event for batch in pending for event in batch]
            else:
                failures = 0
                self._settle(batch, answer, counted)
        return []

    def _send(self, batch: Sequence[bytes]) -> ApiAnswer:
        body = b"[" + b",".join(batch) + b"]"
        answer = self._client.request("POST", PATH, body=body, media_type=MEDIA_TYPE, headers={"Prefer": PREFERENCES})
        if not _settles(answer, len(batch)):
            raise ApiError(answer.status, f"what answered {answer.status} is not the service: it tells of no events")
        return answer

    def _divide(self, batch: list[bytes], error: ApiError, pending: deque[list[bytes]], counted: bool) -> None:
        """Find the event that spoils the batch: by halves, and the last half is it."""
        if len(batch) == 1:
            self._refuse(batch[0], error.message, counted)
            return
        middle = len(batch) // 2
        pending.extendleft((batch[middle:], batch[:middle]))

    def _settle(self, batch: Sequence[bytes], answer: ApiAnswer, counted: bool) -> None:
        body = answer.body
        results: list[Any] = body["results"] if isinstance(body, dict) and isinstance(body.get("results"), list) else []
        found = dict.fromkeys(("accepted", "duplicate", "conflict", "invalid"), 0)
        for event, result in zip(batch, results, strict=False):
            status = result.get("status") if isinstance(result, dict) else None
            found[status if status in found else "accepted"] += 1
            if status == "invalid":
                self._refuse(event, str(result.get("errors", "")), counted)
        if counted:
            self._ledger.add("sent", found["accepted"] + len(batch) - min(len(batch), len(results)))
            self._ledger.add("duplicates", found["duplicate"])
            self._ledger.add("conflicts", found["conflict"])
        else:
            self._ledger.add("unspooled", len(batch) - found["invalid"])

    def _refuse(self, event: bytes, reason: str, counted: bool) -> None:
        self._ledger.add("rejected" if counted else "unspooled")
        shown = event[:MAX_LOGGED_CHARACTERS].decode("utf-8", "replace")
        _log.error("the service refused a usage event: %s: %s", reason[:MAX_LOGGED_CHARACTERS], shown)
        self._reject(event, reason)

    def _tell(self, error: ApiError, failures: int) -> None:
        self._ledger.fail(error.message)
        # The first of a row is told, then ever fewer: an outage must not fill the log.
        if failures & (failures - 1) == 0:
            _log.warning("usage events wait, try %d failed: %s", failures, error.message)

    def _pause_s(self, failures: int, error: ApiError) -> float:
        """Full jitter, on top of what the answer asks for."""
        backoff_s = min(self._retry_max_s, BACKOFF_BASE_S * 2.0 ** min(failures, 20)) * self._random()
        return min(error.retry_after_s or 0.0, RETRY_AFTER_MAX_S) + backoff_s


def _settles(answer: ApiAnswer, events: int) -> bool:
    """Whether the service itself says what became of the events: a page that a proxy answers 200 with stores none."""
    if _COUNTED in answer.headers:
        return True
    results = answer.body.get("results") if isinstance(answer.body, dict) else None
    return isinstance(results, list) and len(results) == events


def _blames_events(error: ApiError) -> bool:
    """Whether the service itself refused what is in the batch: a proxy's page that says 400 must cost no event."""
    if error.status == _TOO_LARGE:
        return True
    return error.status in _INVALID and isinstance(error.body, dict) and "type" in error.body
