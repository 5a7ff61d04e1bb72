"""While a recorder ends: nothing that waits gets out of sight, whoever goes on recording or ends it, too."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from dynameter.gateway.matching import RouteTable
from dynameter.middleware import Observer, measurer
from dynameter.middleware.capture import Capture
from dynameter.middleware.ending import Ending
from dynameter.middleware.measurer import Measurer
from dynameter.middleware.queues import LendingQueue
from dynameter.middleware.spool import Spool
from tests.fake_service import Sent, Told
from tests.unit.middleware.service import MeteringService, observing, quick_settings, wait_until
from tests.unit.middleware.test_recorder import capture, record
from tests.unit.middleware.test_recorder_routes import unrouted


def down(_: Sent) -> Told:
    return Told(503)


def spooled(folder: Path) -> set[str]:
    spool = Spool(folder, 1 << 30)
    return {json.loads(event)["id"] for file in spool.files() for event in spool.read(file)}


def test_requests_that_still_come_keep_nothing_from_the_spool(service: MeteringService, tmp_path: Path) -> None:
    service.events_answer = down
    with observing(service, spool=tmp_path, shutdown_s=0.5, batch_events=10) as observer:
        record(observer, 20)
        ending = Thread(target=observer.close)
        ending.start()
        while ending.is_alive():
            observer.recorder.record(capture(99))
            ending.join(0.005)

        assert spooled(tmp_path) >= {f"id-{number}" for number in range(20)}


def test_requests_that_come_while_all_is_sent_are_sent_too(service: MeteringService) -> None:
    with observing(service, batch_events=10) as observer:
        record(observer, 20)
        ending = Thread(target=observer.close)
        ending.start()
        while ending.is_alive():
            observer.recorder.record(capture(99))
            ending.join(0.001)
        observer.close()

        assert (observer.stats.waiting, observer.stats.dropped) == (0, 0)


def test_a_second_end_returns_when_the_first_is_done(service: MeteringService, tmp_path: Path) -> None:
    service.events_answer = down
    safe: list[int] = []

    def end(observer: Observer) -> None:
        observer.close()
        safe.append(observer.stats.spooled)

    with observing(service, spool=tmp_path, shutdown_s=0.3) as observer:
        record(observer, 30)
        threads = [Thread(target=end, args=(observer,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert safe == [30, 30]


class NoRoutes:
    """Routes that are not known until ``known`` is set; ``asked`` counts who looks for them."""

    def __init__(self) -> None:
        self.known: RouteTable | None = None
        self.asked = 0

    @property
    def table(self) -> RouteTable | None:
        self.asked += 1
        return self.known


def test_what_was_held_at_an_end_takes_no_room_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurer, "HELD_BYTES_MAX", 2_500)  # of two captures, and not of three
    inbox: LendingQueue[Capture] = LendingQueue()
    emitted: list[bytes] = []
    routes, ending = NoRoutes(), Ending()
    found = Measurer(quick_settings("http://x"), inbox, routes, emit=emitted.append, fail=list)  # type: ignore[arg-type]
    thread = Thread(target=found.run, args=(ending,))

    for _ in range(2):
        inbox.put(unrouted(), 0)
    thread.start()
    wait_until(lambda: routes.asked > 2)  # for each of the two, and then for both that are held
    found.measure_rest()
    inbox.put(replace(unrouted(), id="after"), 0)
    wait_until(lambda: not inbox)
    routes.known = RouteTable(())
    ending.begin(5)
    inbox.poke()
    thread.join()

    (after,) = [event for event in map(json.loads, emitted) if event["id"] == "after"]
    assert "metering_error" not in after["data"]


def test_a_file_of_the_spool_that_cannot_be_read_does_not_keep_the_others_back(
    service: MeteringService, tmp_path: Path
) -> None:
    (tmp_path / "00000000000000000000-1-0.events").mkdir()  # a folder, which nobody can read as a file
    Spool(tmp_path, 1 << 30).write([b'{"id":"a"}'])

    with observing(service, spool=tmp_path):
        wait_until(lambda: [event["id"] for event in service.events] == ["a"])
