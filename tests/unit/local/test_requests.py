"""Jobs wait for the requests that were under way when they were asked for."""

from __future__ import annotations

from threading import Event, Thread

from local.requests import RequestsUnderWay

PATIENCE_S = 90


def test_without_requests_nothing_waits() -> None:
    RequestsUnderWay().wait()


def test_a_call_is_made_when_the_requests_before_it_have_ended() -> None:
    under_way = RequestsUnderWay()
    told: list[str] = []
    called = Event()

    def invoke(event: dict[str, str]) -> None:
        told.append("called")
        called.set()

    with under_way.one():
        thread = Thread(target=under_way.settled(invoke), args=({},))
        thread.start()
        assert not called.wait(0.05)
        told.append("request ends")
    thread.join(PATIENCE_S)

    assert told == ["request ends", "called"]


def test_requests_that_begin_later_are_not_waited_for() -> None:
    under_way = RequestsUnderWay()
    first = under_way.one()
    first.__enter__()
    waited = Event()
    thread = Thread(target=lambda: (under_way.wait(), waited.set()))
    thread.start()
    assert not waited.wait(0.05)

    with under_way.one():
        first.__exit__(None, None, None)
        assert waited.wait(PATIENCE_S)
    thread.join(PATIENCE_S)


def test_a_request_that_fails_has_ended_too() -> None:
    under_way = RequestsUnderWay()
    try:
        with under_way.one():
            raise RuntimeError("a bug")
    except RuntimeError:
        pass

    under_way.wait()
