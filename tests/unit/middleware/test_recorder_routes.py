"""Routes: fetched in the background, waited for by what has to be measured, and by nothing else."""

from __future__ import annotations

import pytest

from dynameter.middleware import Observer, routes
from dynameter.middleware.capture import Capture
from tests.fake_service import Sent, Told
from tests.unit.middleware.service import MeteringService, observing, route, wait_until


def down(_: Sent) -> Told:
    return Told(503)


def unrouted() -> Capture:
    return Capture(id="id", time_us=0, method="GET", path="/x", routed=False, status=200, body=b'{"n":7}')


def test_exchanges_wait_for_the_routes(service: MeteringService) -> None:
    service.routes = [route("custom", "respBody.n")]
    service.routes_answer = down
    with observing(service, known=False) as observer:
        observer.recorder.record(unrouted())
        wait_until(lambda: observer.stats.failures > 2)
        service.routes_answer = None
        observer.flush(5)

    assert service.data[0]["units"] == "7"


def test_exchanges_do_not_wait_for_ever_and_say_that_they_were_not_measured(service: MeteringService) -> None:
    service.routes_answer = down
    with observing(service, known=False, routes_wait_s=0.05) as observer:
        observer.recorder.record(unrouted())
        assert observer.flush(5)

    assert service.data[0]["units"] == "1"
    assert "routes were not known" in service.data[0]["metering_error"]


def test_the_end_does_not_wait_for_the_routes_for_ever(service: MeteringService) -> None:
    service.routes_answer = down

    with observing(service, known=False, shutdown_s=0.3) as observer:
        observer.recorder.record(unrouted())

    assert observer.stats.sent == 1


def test_routes_that_changed_are_used_after_a_while(service: MeteringService) -> None:
    with observing(service, routes_refresh_s=0.02) as observer:
        service.routes = [route("bytes", prefix="/new")]
        wait_until(lambda: observer.observe("GET", "/new").route is not None and bool(_named(observer, "/new")))


def _named(observer: Observer, path: str) -> bool:
    found = observer.observe("GET", path).route
    return found is not None and found.path_pattern == path


def test_routes_that_did_not_change_are_not_sent_again(service: MeteringService) -> None:
    answers: list[int] = []

    def answer(sent: Sent) -> Told:
        known = sent.headers.get("if-none-match") == '"7"'
        answers.append(304 if known else 200)
        return Told(304) if known else Told(200, {"data": [route()]}, {"ETag": '"7"'})

    service.routes_answer = answer
    with observing(service, routes_refresh_s=0.01) as observer:
        wait_until(lambda: len(answers) > 2)
        assert observer.observe("GET", "/").route is not None

    assert set(answers[1:]) == {304}


def test_a_route_that_this_version_does_not_understand_does_not_hide_the_others(service: MeteringService) -> None:
    service.routes = [route("telepathy", prefix="/a"), route("bytes", prefix="/b"), {"id": "none"}]

    with observing(service) as observer:
        assert observer.observe("GET", "/a").route is None
        assert observer.observe("GET", "/b").route is not None


def test_routes_keep_working_when_they_can_no_longer_be_fetched(service: MeteringService) -> None:
    with observing(service, routes_refresh_s=0.01) as observer:
        service.routes_answer = lambda _: Told(200, {"data": "nonsense"})
        wait_until(lambda: observer.stats.failures > 1)

        assert observer.observe("GET", "/").route is not None


def test_routes_of_which_a_page_did_not_come_are_fetched_again(
    service: MeteringService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "PAGE_SIZE", 1)
    answers = iter(
        [Told(200, {"data": []}, {"ETag": '"1"'}), Told(200, {"data": [route()]}, {"ETag": '"2"'}), Told(503)]
    )

    def answer(sent: Sent) -> Told:
        if sent.headers.get("if-none-match") == '"2"':
            return Told(304)
        if (told := next(answers, None)) is not None:
            return told
        page = [route()] if ("page[number]", "1") in sent.query else []
        return Told(200, {"data": page}, {"ETag": '"2"'})

    service.routes_answer = answer
    with observing(service, routes_refresh_s=0.02) as observer:
        wait_until(lambda: observer.observe("GET", "/x").route is not None)
