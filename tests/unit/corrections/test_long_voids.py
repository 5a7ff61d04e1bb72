"""Voids that take longer than their request: what the answers say meanwhile, and that the jobs finish them."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.corrections import service
from dynameter.errors import Unavailable
from dynameter.events.event import Event
from dynameter.usage.recounts.recount import Recount
from tests.unit.corrections.desk import Customer

SETTLE_US = 60_000_000


@pytest.fixture
def filled(customer: Customer) -> Customer:
    customer.live_meter("sum", "SUM")
    for number, subject in enumerate("abcdefgh"):
        customer.send((str(number), "10:00:00", 2**number), subject=subject)
    customer.desk.drain()
    return customer


def voids_of(customer: Customer) -> Any:
    return customer.desk.functions["meters"].voids()


@pytest.fixture
def settling(filled: Customer, monkeypatch: pytest.MonkeyPatch) -> Customer:
    """As on AWS, where the history needs a minute to settle."""
    monkeypatch.setattr(voids_of(filled), "_settle_us", SETTLE_US)
    return filled


def test_a_filter_takes_effect_at_once_and_is_done_when_the_history_has_settled(settling: Customer) -> None:
    began = settling.desk.clock.now
    status, void = settling.void_where(type="request")
    settling.desk.aggregate()

    assert (status, void["state"], settling.usage("sum")) == (202, "running", None)

    settling.desk.drain()

    shown = settling.get_void(void["id"])[1]
    assert (shown["state"], shown["events"]) == ("done", 8)
    assert settling.desk.clock.now >= began + SETTLE_US


def test_named_events_need_no_settling(settling: Customer) -> None:
    status, void = settling.void("1", "2")

    assert (status, void["state"], void["events"]) == (201, "done", 2)


def test_undoing_a_void_that_is_running_takes_effect_at_once_and_ends_with_its_job(settling: Customer) -> None:
    void = settling.void_where(type="request")[1]
    status, undoing = settling.undo(void["id"])
    again = settling.undo(void["id"])
    settling.desk.aggregate()

    assert (status, undoing["state"], again[0], settling.usage("sum")) == (202, "undoing", 202, "255")

    settling.desk.drain()

    assert settling.get_void(void["id"])[1]["state"] == "undone"
    assert (settling.undo(void["id"])[0], settling.usage("sum")) == (204, "255")


def test_a_void_long_done_is_undone_within_the_request(settling: Customer) -> None:
    void = settling.void("1")[1]
    settling.desk.clock.advance(SETTLE_US / 1e6)

    assert settling.undo(void["id"])[0] == 204


def test_what_a_request_has_no_time_for_is_left_to_the_job(filled: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "REQUEST_TIME_US", 0)

    status, void = filled.void_where(type="request")
    filled.desk.drain()

    assert (status, void["state"]) == (202, "running")
    assert filled.get_void(void["id"])[1]["events"] == 8
    assert filled.usage("sum") is None

    assert filled.undo(void["id"])[0] == 202
    filled.desk.drain()

    assert (filled.get_void(void["id"])[1]["state"], filled.usage("sum")) == ("undone", "255")


def test_a_void_whose_marking_fails_is_answered_and_finished_by_its_job(
    filled: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise Unavailable("storage is throttling")

    with monkeypatch.context() as patch:
        patch.setattr(voids_of(filled)._worker._marks, "mark", fail)
        status, void = filled.void("1", "2")
    filled.desk.drain()

    assert (status, void["state"], filled.get_void(void["id"])[1]["state"]) == (202, "running", "done")
    assert filled.usage("sum") == "249"


def test_a_preview_of_more_than_it_may_read_says_so(filled: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voids_of(filled)._previewer, "_most", 2)

    _, preview = filled.void_where(dry_run=True, type="request")

    assert preview["truncated"]
    assert 2 <= preview["events"] < 8


def test_a_preview_over_too_many_raw_events_gives_the_events_and_no_values(
    filled: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voids_of(filled)._previewer._raw, "_most", 2)

    _, preview = filled.void("1", dry_run=True)

    assert (preview["truncated"], preview["events"]) == (True, 1)
    (change,) = preview["meters"]
    assert (change["events"], change["before"], change["after"], change["difference"]) == (1, None, None, None)


def test_a_preview_without_time_to_count_every_meter_tells_of_some_and_says_so(
    filled: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.live_meter("count", "COUNT")
    clock = filled.desk.clock
    add = Recount.add

    def slowly(recount: Recount, event: Event) -> bool:
        clock.advance(1.5)
        return add(recount, event)

    monkeypatch.setattr(Recount, "add", slowly)

    _, preview = filled.void_where(dry_run=True, type="request")

    assert (preview["truncated"], preview["events"]) == (True, 8)
    assert [one["slug"] for one in preview["meters"]] == ["count"]
