"""A shard's records divided by item, several deliveries at once: a mapping's ParallelizationFactor above 1.

Records of one item always go the same lane, so they stay in order; lanes do not wait for each other.
"""

from __future__ import annotations

import json
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import Thread
from typing import Any

from local.shard import Delivery, ShardDelivery

MAX_WAITING = 1_000
"""Records that wait in the lanes before no more are read."""


class _Lane:
    """One delivery and, while it has work, the thread that does it."""

    def __init__(self, delivery: ShardDelivery, clock: Callable[[], float]) -> None:
        self.delivery = delivery
        self.inbox: deque[Mapping[str, Any]] = deque()
        self._clock = clock
        self._thread: Thread | None = None

    @property
    def is_busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, now_s: float, ended: bool) -> bool:
        """Begin the work there is; True where there is any. Nothing touches the delivery while its thread runs."""
        if self.is_busy:
            return True
        while self.inbox:
            self.delivery.offer([self.inbox.popleft()])
        if ended:
            self.delivery.end()
        if not self.delivery.backlog or now_s < self.delivery.ready_at:
            return False
        # A daemon: a function may sleep long, and the server must be able to stop.
        self._thread = Thread(target=self._work, name="lane", daemon=True)
        self._thread.start()
        return True

    def _work(self) -> None:
        while self.delivery.step(self._clock()):
            pass


class ShardLanes:
    """Delivers one shard's records in lanes; used like ``local.shard.ShardDelivery``."""

    def __init__(
        self,
        delivery: Delivery,
        shard_id: str,
        stream_arn: str,
        invoke: Callable[[dict[str, Any]], Any],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._lanes = [
            _Lane(ShardDelivery(delivery, shard_id, stream_arn, invoke), clock) for _ in range(delivery.lanes)
        ]
        self._ended = False

    @property
    def is_full(self) -> bool:
        """Whether so many records wait that no more should be read."""
        return sum(len(lane.inbox) for lane in self._lanes) >= MAX_WAITING

    @property
    def finished(self) -> bool:
        """Whether the shard has ended and everything of it is delivered."""
        return self._ended and not any(lane.is_busy or lane.inbox or lane.delivery.backlog for lane in self._lanes)

    def offer(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take records, in stream order, as Lambda's event has them."""
        for record in records:
            key = json.dumps(record["dynamodb"]["Keys"], sort_keys=True).encode()
            self._lanes[zlib.crc32(key) % len(self._lanes)].inbox.append(record)

    def end(self) -> None:
        """The shard is closed and will have no more records."""
        self._ended = True

    def step(self, now_s: float) -> bool:
        """Set the lanes to work. Always False: what they do shows by itself."""
        for lane in self._lanes:
            lane.start(now_s, self._ended)
        return False

    @property
    def is_busy(self) -> bool:
        """Whether a lane is at work."""
        return any(lane.is_busy for lane in self._lanes)
