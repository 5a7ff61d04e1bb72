"""Webhooks are called until one answer is a success, and no longer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from dynameter.billing.thresholds.crossing import Crossing, DeliveryState, DeliveryStatus
from dynameter.billing.thresholds.delivery import Deliverer, NotDelivered, Outcome, Refused
from dynameter.billing.thresholds.rule import Channel
from dynameter.billing.thresholds.signature import make_secret, signed_headers
from tests.conftest import WORKSPACE, ManualClock
from tests.unit.thresholds.conftest import CHANNEL_ID, crossing

OTHER_ID = "01KEXH0000000000000000001H"
SECRET = make_secret(b"k" * 24)
FAR_US = 1 << 62


def channel(id_: str, *, disabled: bool = False) -> Channel:
    return Channel(WORKSPACE, id_, "C", f"https://{id_.lower()}.example.com/", SECRET, 0, 0, {"x-own": "1"}, disabled)


class Kept:
    """The store, in memory."""

    def __init__(self, *channels: Channel) -> None:
        self.one = crossing((CHANNEL_ID, OTHER_ID))
        self._channels = {one.id: one for one in channels}

    def crossing(self, _workspace: str, crossing_id: str) -> Crossing | None:
        return self.one if crossing_id == self.one.id else None

    def channel(self, _workspace: str, channel_id: str) -> Channel | None:
        return self._channels.get(channel_id)

    def report_delivery(self, crossing: Crossing, channel_id: str, status: DeliveryStatus) -> None:
        self.one = replace(self.one, deliveries={**self.one.deliveries, channel_id: status})

    def states(self) -> dict[str, tuple[DeliveryState, int]]:
        return {name: (one.state, one.attempts) for name, one in self.one.deliveries.items()}


class Receivers:
    """Where webhooks arrive; each refuses as many calls as it is told."""

    def __init__(self, **refusals: int) -> None:
        self._refusals = refusals
        self.calls: list[tuple[str, dict[str, str], bytes]] = []

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        self.calls.append((url, dict(headers), body))
        name = url.removeprefix("https://").partition(".")[0].upper()
        if self._refusals.get(name, 0):
            self._refusals[name] -= 1
            raise Refused("answered 500")


BOTH = (channel(CHANNEL_ID), channel(OTHER_ID))


def deliver(kept: Kept, receivers: Receivers, clock: ManualClock, deadline_us: int = FAR_US) -> Outcome:
    outcome = Outcome()
    deliverer = Deliverer(kept, receivers.post, lambda one: one.id.encode(), clock)
    deliverer.deliver(WORKSPACE, kept.one.id, deadline_us, outcome)
    return outcome


def test_every_channel_is_called_signed_with_its_own_headers(clock: ManualClock) -> None:
    kept, receivers = Kept(*BOTH), Receivers()

    deliver(kept, receivers, clock)

    url, headers, body = receivers.calls[0]
    signature = signed_headers(SECRET, kept.one.id, clock.now_us() // 1_000_000, body)
    assert url == BOTH[0].url
    assert headers == {
        "x-own": "1",
        "content-type": "application/json",
        "user-agent": "dynameter-webhooks",
        **signature,
    }
    assert len(receivers.calls) == 2


def test_a_channel_that_refuses_is_called_again_and_the_other_is_not(clock: ManualClock) -> None:
    kept, receivers = Kept(*BOTH), Receivers(**{CHANNEL_ID: 2})

    deliver(kept, receivers, clock)

    assert kept.states() == {CHANNEL_ID: (DeliveryState.SUCCESS, 3), OTHER_ID: (DeliveryState.SUCCESS, 1)}


def test_what_nobody_takes_raises_and_is_noted(clock: ManualClock) -> None:
    kept, receivers = Kept(*BOTH), Receivers(**{CHANNEL_ID: 99})

    with pytest.raises(NotDelivered):
        deliver(kept, receivers, clock)

    assert kept.states()[CHANNEL_ID] == (DeliveryState.FAILED, 3)
    assert kept.one.deliveries[CHANNEL_ID].reason == "answered 500"


def test_the_next_invocation_calls_only_who_has_not_taken_it(clock: ManualClock) -> None:
    kept, receivers = Kept(*BOTH), Receivers(**{CHANNEL_ID: 3})
    with pytest.raises(NotDelivered):
        deliver(kept, receivers, clock)
    receivers.calls.clear()

    deliver(kept, receivers, clock)

    assert [url for url, _, _ in receivers.calls] == [BOTH[0].url]


def test_an_event_that_comes_twice_is_delivered_once(clock: ManualClock) -> None:
    kept, receivers = Kept(*BOTH), Receivers()

    for _ in range(2):
        deliver(kept, receivers, clock)

    assert len(receivers.calls) == 2


def test_a_channel_that_is_disabled_or_gone_is_not_called(clock: ManualClock) -> None:
    kept, receivers = Kept(channel(CHANNEL_ID, disabled=True)), Receivers()

    deliver(kept, receivers, clock)

    assert receivers.calls == []
    assert {state for state, _ in kept.states().values()} == {DeliveryState.FAILED}


def test_no_call_is_begun_when_the_time_is_over(clock: ManualClock) -> None:
    kept, receivers = Kept(*BOTH), Receivers()

    with pytest.raises(NotDelivered):
        deliver(kept, receivers, clock, deadline_us=clock.now_us())

    assert receivers.calls == []


def test_an_event_of_no_crossing_is_passed_over(clock: ManualClock) -> None:
    receivers = Receivers()

    Deliverer(Kept(), receivers.post, lambda _: b"", clock).deliver(WORKSPACE, "unknown", FAR_US, Outcome())

    assert receivers.calls == []
