"""Webhooks of a crossing: each of its rule's channels is called until one answer is a success.

What an invocation could not deliver raises, so that it is called again; channels that have it are left out then. A
process that dies between an answer and its note calls again: receivers know a repetition by ``webhook-id``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from dynameter.billing.thresholds.crossing import Crossing, DeliveryState, DeliveryStatus
from dynameter.billing.thresholds.rule import Channel
from dynameter.billing.thresholds.signature import signed_headers
from dynameter.clock import MICROSECONDS, Clock

ROUNDS = 3
"""Attempts on a channel in one invocation."""
PAUSES_S = (1.0, 4.0)
"""Between the rounds."""
OWN_HEADERS = {"content-type": "application/json", "user-agent": "dynameter-webhooks"}


class NotDelivered(Exception):
    """Some channels have not taken the webhook yet."""


class Refused(Exception):
    """The call was answered with no success, or not at all; the text says how."""


Post = Callable[[str, Mapping[str, str], bytes], None]
"""POST a body to a URL with headers. Raises ``Refused``."""


class Crossings(Protocol):
    """What is needed of ``dynameter.billing.thresholds.store.ThresholdStore``."""

    def crossing(self, workspace: str, crossing_id: str) -> Crossing | None:
        """The crossing of that id."""

    def channel(self, workspace: str, channel_id: str) -> Channel | None:
        """The channel of that id."""

    def report_delivery(self, crossing: Crossing, channel_id: str, status: DeliveryStatus) -> None:
        """Write down an attempt; one that succeeded stays."""


@dataclass
class Outcome:
    """How many calls succeeded and how many did not."""

    delivered: int = 0
    failed: int = 0


class Deliverer:
    """Calls the channels. ``word`` makes the body."""

    def __init__(self, crossings: Crossings, post: Post, word: Callable[[Crossing], bytes], clock: Clock) -> None:
        self._crossings = crossings
        self._post = post
        self._word = word
        self._clock = clock

    def deliver(self, workspace: str, crossing_id: str, deadline_us: int, outcome: Outcome) -> None:
        """Call every channel that has not taken it. Raises ``NotDelivered`` where one is left to be called again."""
        crossing = self._crossings.crossing(workspace, crossing_id)
        if crossing is None:
            return
        body = self._word(crossing)
        attempts = {name: one.attempts for name, one in crossing.deliveries.items()}
        waiting = [one for one in crossing.rule.channels if not _is_done(crossing, one)]
        for turn in range(ROUNDS):
            if turn:
                self._clock.sleep(PAUSES_S[turn - 1])
            for channel_id in list(waiting):
                if self._clock.now_us() >= deadline_us:
                    raise NotDelivered(f"{len(waiting)} channels have not taken {crossing_id}")
                attempts[channel_id] = attempts.get(channel_id, 0) + 1
                if self._call(crossing, channel_id, body, attempts[channel_id], outcome):
                    waiting.remove(channel_id)
            if not waiting:
                return
        raise NotDelivered(f"{len(waiting)} channels have not taken {crossing_id}")

    def _call(self, crossing: Crossing, channel_id: str, body: bytes, attempt: int, outcome: Outcome) -> bool:
        """Call a channel once and write down how it went; whether it need not be called again."""
        channel = self._crossings.channel(crossing.workspace, channel_id)
        now_us = self._clock.now_us()
        status = DeliveryStatus(DeliveryState.SUCCESS, "", now_us, attempt)
        gone = channel is None or channel.disabled
        if channel is None or channel.disabled:
            status = replace(status, state=DeliveryState.FAILED, reason="the channel is disabled or deleted")
        else:
            headers = {
                **channel.headers,
                **OWN_HEADERS,
                **signed_headers(channel.secret, crossing.id, now_us // MICROSECONDS, body),
            }
            try:
                self._post(channel.url, headers, body)
                outcome.delivered += 1
            except Refused as error:
                outcome.failed += 1
                status = replace(status, state=DeliveryState.FAILED, reason=str(error)[:256])
        self._crossings.report_delivery(crossing, channel_id, status)
        return gone or status.state is DeliveryState.SUCCESS


def _is_done(crossing: Crossing, channel_id: str) -> bool:
    status = crossing.deliveries.get(channel_id)
    return status is not None and status.state is DeliveryState.SUCCESS
