"""EventBridge: the client, and the bus that threshold events go to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from dynameter.billing.thresholds.notifier import BusEvent
from dynameter.clock import to_datetime
from dynameter.errors import Unavailable

SOURCE = "dynameter"
"""The ``source`` of every event."""


def create_client() -> Any:
    """Make the client: bounded waits, three attempts."""
    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return get_session().create_client("events", config=config)


class EventBridge:
    """A bus of EventBridge, by its name."""

    def __init__(self, client: Any, bus: str) -> None:
        self._client = client
        self._bus = bus

    def put(self, events: Sequence[BusEvent]) -> Sequence[str | None]:
        """See ``dynameter.billing.thresholds.notifier.Bus``."""
        entries = [
            {
                "EventBusName": self._bus,
                "Source": SOURCE,
                "DetailType": one.type,
                "Time": to_datetime(one.at_us),
                "Detail": one.detail,
            }
            for one in events
        ]
        try:
            answer = self._client.put_events(Entries=entries)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"the event bus did not answer: {type(error).__name__}: {error}") from error
        return [
            f"{one['ErrorCode']}: {one.get('ErrorMessage', '')}" if one.get("ErrorCode") else None
            for one in answer["Entries"]
        ]
