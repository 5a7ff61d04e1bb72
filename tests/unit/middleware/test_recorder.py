"""Between a request and the stored event: nothing is lost that need not be, and nothing counts twice."""

from __future__ import annotations

import errno
import json
import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from dynameter.client.api import ApiError
from dynameter.gateway.route import MatchType, Metering, MeteringMode, Route
from dynameter.middleware import Observer
from dynameter.middleware.capture import Capture
from dynameter.middleware.sender import MEDIA_TYPE, PREFERENCES, Sender
from dynameter.middleware.spool import Spool
from dynameter.middleware.stats import Ledger
from tests.fake_service import Sent, Told
from tests.unit.middleware.service import MeteringService, accepted, observing, quick_settings, wait_until

ROUTE = Route("", "r", "r", "/", MatchType.PREFIX, (), 0, True, Metering(MeteringMode.REQUEST), 0, 0)
BROKEN = Told(0)
ELSEWHERE = Told(301, "", {"Location": "https://elsewhere.example"}, "text/html")
NO_FAULT_OF_EVENTS = [BROKEN, Told(503), Told(429), Told(500), Told(401), Told(404), Told(400, "a proxy's")]
NOT_THE_SERVICE = [ELSEWHERE, Told(200, "<html>", {}, "text/html"), Told(200, {"results": []}), Told(204)]


def capture(number: int = 0) -> Capture:
    return Capture(id=f"id-{number}", time_us=1_768_384_800_000_000, method="GET", path="/x", route=ROUTE, status=200)


def record(observer: Observer, count: int) -> None:
    for number in range(count):
        observer.recorder.record(capture(number))


def ids(service: MeteringService) -> list[str]:
    return [event["id"] for event in service.events]


def failing(times: int, told: Told) -> MeteringService | object:
    """Answers so many times what is told, and then that all is well."""
    left = [told] * times

    def answer(sent: Sent) -> Told:
        return left.pop() if left else accepted(sent)

    return answer


def test_events_go_out_in_batches(service: MeteringService) -> None:
    with observing(service, batch_events=100, batch_wait_s=60) as observer:
        record(observer, 200)
        observer.close()

    assert [len(batch) for batch in service.batches] == [100, 100]


def test_a_batch_that_is_not_full_goes_when_its_first_event_has_waited_long_enough(service: MeteringService) -> None:
    with observing(service, batch_wait_s=0.01) as observer:
        record(observer, 3)
        wait_until(lambda: observer.stats.sent == 3)


def test_a_batch_is_asked_to_be_stored_leniently(service: MeteringService) -> None:
    with observing(service) as observer:
        record(observer, 1)
        observer.flush(5)

    (sent,) = (one for one in service.fake.sent if one.method == "POST")
    assert (sent.headers["content-type"], sent.headers["prefer"]) == (MEDIA_TYPE, PREFERENCES)


@pytest.mark.parametrize("told", [*NO_FAULT_OF_EVENTS, *NOT_THE_SERVICE])
def test_what_is_no_fault_of_the_events_is_tried_until_it_passes(service: MeteringService, told: Told) -> None:
    service.events_answer = failing(3, told)  # type: ignore[assignment]

    with observing(service) as observer:
        record(observer, 5)
        assert observer.flush(5)

    assert (observer.stats.sent, observer.stats.failures) == (5, 3)


def test_an_answer_without_results_is_the_service_s_where_it_counts_the_events(service: MeteringService) -> None:
    service.events_answer = lambda _: Told(204, None, {"Dynameter-Accepted": "5"})

    with observing(service) as observer:
        record(observer, 5)
        assert observer.flush(5)

    assert (observer.stats.sent, observer.stats.failures) == (5, 0)


def test_a_batch_tried_again_is_the_same_to_the_last_byte(service: MeteringService) -> None:
    service.events_answer = failing(2, Told(503))  # type: ignore[assignment]

    with observing(service, batch_wait_s=60) as observer:
        record(observer, 5)
        observer.close()

    assert len({sent.text for sent in service.fake.sent if sent.method == "POST"}) == 1


def test_a_pause_that_the_service_asks_for_is_kept() -> None:
    pauses: list[float] = []

    class Client:
        def request(self, *_: object, **__: object) -> None:
            raise ApiError(429, "slow down", retry_after_s=7.0)

    sender = Sender(
        Client(),  # type: ignore[arg-type]
        Ledger(),
        reject=lambda *_: None,
        pause=lambda seconds: pauses.append(seconds) or len(pauses) < 3,
        random=lambda: 1.0,
        retry_max_s=0.6,
    )

    assert sender.deliver([b"{}"]) == [b"{}"]
    assert pauses == [7.5, 7.6, 7.6]


def test_an_event_that_the_service_refuses_is_put_aside_and_the_others_are_stored(
    service: MeteringService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(sent: Sent) -> Told:
        results = [{"status": "invalid" if one["id"] == "id-3" else "accepted"} for one in sent.json()]
        return Told(200, {"results": results})

    service.events_answer = answer

    with observing(service, spool=tmp_path, batch_wait_s=60) as observer:
        record(observer, 10)
        observer.close()

    assert (observer.stats.sent, observer.stats.rejected) == (9, 1)
    assert [json.loads(one.read_bytes().splitlines()[0])["id"] for one in tmp_path.glob("*.rejected")] == ["id-3"]
    assert "id-3" in caplog.text


def test_a_batch_that_is_refused_as_a_whole_is_halved_until_the_bad_event_is_found(service: MeteringService) -> None:
    stored: list[str] = []

    def answer(sent: Sent) -> Told:
        found = [one["id"] for one in sent.json()]
        if "id-3" in found:
            return Told(400, {"type": "https://kongapi.info/konnect/bad-request", "detail": "no"})
        stored.extend(found)
        return accepted(sent)

    service.events_answer = answer

    with observing(service, batch_wait_s=60) as observer:
        record(observer, 10)
        observer.close()

    assert sorted(stored) == sorted(f"id-{number}" for number in range(10) if number != 3)
    assert (observer.stats.sent, observer.stats.rejected) == (9, 1)


def test_a_batch_that_is_too_large_is_halved(service: MeteringService) -> None:
    service.events_answer = lambda sent: Told(413) if len(sent.json()) > 3 else accepted(sent)

    with observing(service, batch_wait_s=60) as observer:
        record(observer, 10)
        observer.close()

    assert observer.stats.sent == 10


def test_events_that_the_service_had_already_are_told_apart(service: MeteringService) -> None:
    service.events_answer = lambda sent: Told(200, {"results": [{"status": "duplicate"}, {"status": "conflict"}]})

    with observing(service, batch_wait_s=60) as observer:
        record(observer, 2)
        observer.close()

    assert (observer.stats.duplicates, observer.stats.conflicts, observer.stats.sent) == (1, 1, 0)


# ---- when there is no room


def down(_: Sent) -> Told:
    return Told(503)


def test_what_does_not_fit_into_memory_goes_to_the_spool_and_is_sent_later(
    service: MeteringService, tmp_path: Path
) -> None:
    service.events_answer = down
    with observing(service, spool=tmp_path, queue_events=20, batch_events=10) as observer:
        record(observer, 1)
        wait_until(lambda: observer.stats.failures > 0)
        for number in range(1, 100):
            observer.recorder.record(capture(number))
            wait_until(lambda: not observer.recorder._inbox)
        wait_until(lambda: observer.stats.spooled > 0)
        service.events_answer = None
        wait_until(lambda: observer.stats.unspooled + observer.stats.sent >= 100)

        assert observer.stats.dropped == 0

    assert Counter(ids(service)).keys() == {f"id-{number}" for number in range(100)}


def test_exchanges_that_come_faster_than_they_can_be_measured_count_1_and_are_not_lost(
    service: MeteringService, tmp_path: Path
) -> None:
    slow = replace(ROUTE, metering=Metering(MeteringMode.CUSTOM, "sum(map(1..30000, # * 2))"))
    with observing(service, spool=tmp_path, queue_events=5) as observer:
        for number in range(50):
            observer.recorder.record(replace(capture(number), route=slow))
        wait_until(lambda: observer.stats.unspooled + observer.stats.sent >= 50)

    assert set(ids(service)) == {f"id-{number}" for number in range(50)}
    assert any("no room" in one.get("metering_error", "") for one in service.data)


def test_without_a_spool_the_oldest_are_dropped_counted_and_logged(
    service: MeteringService, caplog: pytest.LogCaptureFixture
) -> None:
    service.events_answer = down
    with observing(service, queue_events=20, batch_events=10) as observer:
        for number in range(100):
            observer.recorder.record(capture(number))
            wait_until(lambda: not observer.recorder._inbox)
        wait_until(lambda: observer.stats.dropped > 0)
        service.events_answer = None
        assert observer.flush(5)

        stats = observer.stats
        assert stats.recorded == stats.sent + stats.dropped == 100

    assert "usage is lost" in caplog.text


def test_a_spool_that_is_full_takes_no_more(tmp_path: Path) -> None:
    spool = Spool(tmp_path, bytes_max=10)
    spool.write([b"12345"])

    with pytest.raises(OSError, match="10 bytes"):
        spool.write([b"12345"])


def test_a_file_of_the_spool_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)

    with pytest.raises(OSError, match="No space"):
        Spool(tmp_path, bytes_max=100).write([b"12345"])

    assert not list(tmp_path.iterdir())


def test_a_spool_that_cannot_be_made_does_not_keep_the_app_from_starting(
    service: MeteringService, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")

    with observing(service, spool=tmp_path / "file" / "spool") as observer:
        record(observer, 1)
        assert observer.flush(5)


def test_a_body_for_which_there_is_no_room_is_left_out_and_the_event_says_so(service: MeteringService) -> None:
    custom = replace(ROUTE, metering=Metering(MeteringMode.CUSTOM, "respBody.n"))
    with observing(service, queue_bytes=2_000) as observer:
        observer.recorder.record(replace(capture(), route=custom, body=b'{"n":7}' + b" " * 3_000))
        observer.flush(5)

    assert service.data[0]["units"] == "1"
    assert "no room" in service.data[0]["metering_error"]


# ---- when the process ends


def test_what_cannot_be_sent_before_the_end_goes_to_the_spool(service: MeteringService, tmp_path: Path) -> None:
    service.events_answer = down

    with observing(service, spool=tmp_path, shutdown_s=0.1) as observer:
        record(observer, 30)
        observer.close()

    assert observer.stats.spooled == 30


def test_what_a_process_left_in_the_spool_is_sent_by_the_next_one_first(
    service: MeteringService, tmp_path: Path
) -> None:
    service.events_answer = down
    with observing(service, spool=tmp_path, shutdown_s=0.1) as observer:
        record(observer, 30)
    service.events_answer, service.fake.sent[:] = None, []

    with observing(service, spool=tmp_path) as observer:
        observer.recorder.record(capture(99))
        observer.flush(5)

    assert ids(service) == [*(f"id-{number}" for number in range(30)), "id-99"]
    assert not list(tmp_path.iterdir())


def test_without_a_spool_what_cannot_be_sent_before_the_end_is_counted_as_lost(
    service: MeteringService, caplog: pytest.LogCaptureFixture
) -> None:
    service.events_answer = down

    with observing(service, shutdown_s=0.1) as observer:
        record(observer, 30)

    assert observer.stats.dropped == 30
    assert "usage is lost" in caplog.text


def test_an_outage_that_ends_while_the_process_does_costs_nothing(service: MeteringService) -> None:
    service.events_answer = failing(2, BROKEN)  # type: ignore[assignment]

    with observing(service, retry_max_s=600) as observer:
        record(observer, 30)

    assert observer.stats.sent == 30


def test_what_is_recorded_after_the_end_is_sent_at_the_next_end(service: MeteringService) -> None:
    with observing(service) as observer:
        record(observer, 1)
        observer.close()
        record(observer, 1)
        observer.close()

    assert observer.stats.sent == 2


def test_settings_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="batch_events"):
        quick_settings("http://x", batch_events=0)
    with pytest.raises(ValueError, match="workspace"):
        quick_settings("http://x", enforce_quota=True)


def test_settings_do_not_show_the_key() -> None:
    assert "dm_test" not in repr(quick_settings("http://x"))


def test_nothing_of_an_exchange_stops_the_recorder(service: MeteringService, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    with observing(service) as observer:
        observer.recorder.record(replace(capture(1), status=object()))  # type: ignore[arg-type]
        observer.recorder.record(capture(2))
        assert observer.flush(5)

    assert ids(service) == ["id-2"]
    assert (observer.stats.rejected, observer.stats.sent) == (1, 1)
