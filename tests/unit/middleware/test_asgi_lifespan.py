"""The ASGI middleware at the beginning and the end of its server."""

from __future__ import annotations

import pytest

from dynameter.middleware import Observer
from dynameter.middleware.asgi import App, Message, MeteringMiddleware, Receive, Scope, Send
from tests.unit.middleware.asgi_world import answering, body_of, call
from tests.unit.middleware.service import MeteringService, observing, route, wait_until

SEED = b'{"usage":{"total_tokens":150}}'


def metered(observer: Observer, app: App) -> App:
    return MeteringMiddleware(app, observer=observer)


def lifespan(app: App, observer: Observer) -> list[str]:
    received: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    return [one["type"] for one in call(metered(observer, app), {"type": "lifespan"}, *received)]


BOTH = ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def without_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await answering(b"")(scope, receive, send)


async def heard_and_raised(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    raise RuntimeError("no such thing here")


async def returned(scope: Scope, receive: Receive, send: Send) -> None:
    return


@pytest.mark.parametrize("app", [without_lifespan, heard_and_raised, returned])
def test_the_server_s_end_is_heard_for_an_app_without_lifespan(service: MeteringService, app: App) -> None:
    with observing(service) as observer:
        assert lifespan(app, observer) == BOTH


def test_what_was_recorded_is_sent_before_the_server_ends(service: MeteringService) -> None:
    with observing(service, batch_wait_s=60) as observer:
        call(metered(observer, answering(b"")))
        lifespan(without_lifespan, observer)

        assert len(service.events) == 1


def test_the_app_ends_before_its_last_events_are_sent(service: MeteringService) -> None:
    at_end: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        at_end.append(observer.stats.waiting)
        await send({"type": "lifespan.shutdown.complete"})

    with observing(service, batch_wait_s=60) as observer:
        call(metered(observer, answering(b"")))
        assert lifespan(app, observer) == BOTH

    assert at_end == [1]
    assert len(service.events) == 1


def test_a_start_that_failed_stays_failed(service: MeteringService) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed"})
        raise RuntimeError("no database")

    with observing(service) as observer, pytest.raises(RuntimeError, match="no database"):
        lifespan(app, observer)


def test_routes_are_fetched_when_the_server_starts(service: MeteringService) -> None:
    with observing(service, known=False) as observer:
        lifespan(without_lifespan, observer)
        wait_until(lambda: observer.routes.table is not None)


def test_what_comes_before_the_routes_are_known_is_measured_by_them(service: MeteringService) -> None:
    service.routes = [route("response_field", "usage.total_tokens")]

    with observing(service, known=False) as observer:
        call(metered(observer, answering(SEED)))
        assert body_of(call(metered(observer, answering(SEED)))) == SEED
        observer.flush(5)

    assert [one["units"] for one in service.data] == ["150", "150"]
