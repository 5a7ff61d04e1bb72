"""Enforcing quotas before a request is served: past the limit 402, and without an answer no harm."""

from __future__ import annotations

import json
from concurrent.futures import Future
from threading import Event
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from dynameter.middleware import Observer, quota
from dynameter.middleware.asgi import MeteringMiddleware
from dynameter.middleware.identity import environ_header, event_header, scope_header
from dynameter.middleware.powertools import MeteringMiddleware as LambdaMiddleware
from dynameter.middleware.wsgi import MeteringMiddleware as WsgiMiddleware
from tests.conftest import LambdaContext
from tests.fake_service import Sent, Told
from tests.unit.middleware.asgi_world import answering, body_of, call, http_scope
from tests.unit.middleware.service import MeteringService, lambda_event, observing
from tests.unit.middleware.test_wsgi import answering as wsgi_answering
from tests.unit.middleware.test_wsgi import environ

ADA = (b"x-user-id", b"ada")
ENFORCED: dict[str, Any] = {"enforce_quota": True, "workspace": "ws", "identify": scope_header("X-User-Id")}
HEADERS = {
    "X-Quota-Used": "101",
    "X-Quota-Limit": "100",
    "X-Quota-Remaining": "0",
    "X-Quota-Reset": "2026-02-01T00:00:00Z",
}
META = {"used": 101, "limit": 100, "remaining": 0, "reset": "2026-02-01T00:00:00Z", "plan_id": "free"}
DENIAL = {"errors": [{"status": "402", "code": "quota_exceeded", "title": "Quota Exceeded", "meta": META}]}


def allowed(_: Sent) -> Told:
    return Told(200, {"data": {"type": "quota", "attributes": {"allowed": True}}}, {**HEADERS, "X-Quota-Used": "7"})


def denied(_: Sent) -> Told:
    return Told(402, DENIAL, {**HEADERS, "Retry-After": "60"}, "application/vnd.api+json")


def serve(observer: Observer, *headers: tuple[bytes, bytes]) -> tuple[int, dict[str, str], bytes]:
    app = MeteringMiddleware(answering(b"served"), observer=observer)
    sent = call(app, http_scope(headers=headers or [ADA]))
    told = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, body_of(sent)


def questions(service: MeteringService) -> list[Sent]:
    return [one for one in service.fake.sent if one.path == "/v1/ws/quota/check"]


def test_a_user_within_the_quota_is_served_and_told_of_it(service: MeteringService) -> None:
    service.quota_answer = allowed
    with observing(service, **ENFORCED) as observer:
        status, headers, body = serve(observer)

    assert (status, body, headers["x-quota-used"], headers["x-quota-limit"]) == (200, b"served", "7", "100")


def test_a_user_past_the_quota_gets_the_service_s_402(service: MeteringService) -> None:
    service.quota_answer = denied
    with observing(service, **ENFORCED) as observer:
        status, headers, body = serve(observer)

    assert (status, json.loads(body), headers["retry-after"]) == (402, DENIAL, "60")
    assert headers["content-type"] == "application/vnd.api+json"
    assert {name: headers[f"x-quota-{name}"] for name in ("used", "limit", "remaining", "reset")} == {
        "used": "101",
        "limit": "100",
        "remaining": "0",
        "reset": "2026-02-01T00:00:00Z",
    }


def test_what_the_quota_denied_is_not_metered(service: MeteringService) -> None:
    service.quota_answer = denied
    with observing(service, **ENFORCED) as observer:
        serve(observer)
        assert observer.stats.recorded == 0


def test_the_service_is_asked_about_the_user_on_the_route(service: MeteringService) -> None:
    service.quota_answer = allowed
    with observing(service, **ENFORCED) as observer:
        serve(observer)

    assert [one.json() for one in questions(service)] == [{"user_id": "ada", "route_id": "request-/"}]


def test_an_answer_is_good_for_a_while(service: MeteringService) -> None:
    service.quota_answer = allowed
    with observing(service, **ENFORCED, quota_cache_s=60) as observer:
        for _ in range(5):
            serve(observer)

    assert len(questions(service)) == 1


def test_another_user_is_asked_about_anew(service: MeteringService) -> None:
    service.quota_answer = lambda sent: denied(sent) if sent.json()["user_id"] == "bob" else allowed(sent)
    with observing(service, **ENFORCED) as observer:
        assert serve(observer)[0] == 200
        assert serve(observer, (b"x-user-id", b"bob"))[0] == 402


@pytest.mark.parametrize("told", [Told(0), Told(500), Told(503), Told(401), Told(404)], ids=lambda one: str(one.status))
def test_without_an_answer_requests_are_served(service: MeteringService, told: Told) -> None:
    service.quota_answer = lambda _: told
    with observing(service, **ENFORCED) as observer:
        assert serve(observer)[0] == 200


@pytest.mark.parametrize("told", [Told(503), Told(0), Told(403)], ids=["unavailable", "broken", "wrong key"])
def test_while_no_answers_come_other_users_are_not_asked_about_either(
    service: MeteringService, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota, "FAILURE_CACHE_S", 60.0)
    service.quota_answer = lambda _: told
    with observing(service, **ENFORCED, quota_timeout_s=10.0) as observer:
        serve(observer)
        serve(observer, (b"x-user-id", b"grace"))

    assert len(questions(service)) == 1


def test_an_answer_about_one_user_alone_keeps_nobody_else_from_being_asked_about(service: MeteringService) -> None:
    service.quota_answer = lambda _: Told(404, {"errors": []})
    with observing(service, **ENFORCED) as observer:
        serve(observer)
        serve(observer, (b"x-user-id", b"grace"))

    assert len(questions(service)) == 2


def test_an_answer_that_takes_too_long_is_not_waited_for(service: MeteringService) -> None:
    late = Event()

    def answer(sent: Sent) -> Told:
        late.wait(5)
        return Told(0)

    service.quota_answer = answer
    with observing(service, **ENFORCED, quota_timeout_s=0.05) as observer:
        assert serve(observer)[0] == 200
        late.set()


def test_while_a_slow_service_is_behind_further_users_are_not_asked_about(
    service: MeteringService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota, "WAITING_MAX", 1)
    late = Event()

    def answer(sent: Sent) -> Told:
        late.wait(10)
        return allowed(sent)

    service.quota_answer = answer
    with observing(service, **ENFORCED, quota_timeout_s=10.0) as observer:
        assert observer.gate is not None
        asked = observer.gate.ask("ada", "")
        unasked = observer.gate.ask("grace", "")
        late.set()
        assert isinstance(asked, Future)
        asked.result(10)

    assert unasked is quota.UNKNOWN


def test_nobody_is_not_asked_about(service: MeteringService) -> None:
    service.quota_answer = denied
    with observing(service, **ENFORCED) as observer:
        assert serve(observer, (b"x-other", b"1"))[0] == 200

    assert not questions(service)


def test_wsgi_answers_402(service: MeteringService) -> None:
    service.quota_answer = denied
    told: list[Any] = []
    settings = {**ENFORCED, "identify": environ_header("X-User-Id")}
    with observing(service, **settings) as observer:
        app = WsgiMiddleware(wsgi_answering(b"served"), observer=observer)
        body = list(app(environ(HTTP_X_USER_ID="ada"), lambda *given: told.append(given)))  # type: ignore[arg-type]

    assert (told[0][0], json.loads(body[0])) == ("402 Payment Required", DENIAL)


def test_wsgi_tells_a_user_within_the_quota(service: MeteringService) -> None:
    service.quota_answer = allowed
    told: list[Any] = []
    settings = {**ENFORCED, "identify": environ_header("X-User-Id")}
    with observing(service, **settings) as observer:
        app = WsgiMiddleware(wsgi_answering(b"served"), observer=observer)
        list(app(environ(HTTP_X_USER_ID="ada"), lambda *given: told.append(given)))  # type: ignore[arg-type]

    assert dict(told[0][1])["X-Quota-Used"] == "7"


@pytest.mark.parametrize(("answer", "status"), [(denied, 402), (allowed, 200)])
def test_a_lambda_function_enforces_too(service: MeteringService, answer: Any, status: int) -> None:
    service.quota_answer = answer
    app = APIGatewayHttpResolver()
    with observing(service, **{**ENFORCED, "identify": event_header("X-User-Id")}) as observer:
        app.use(middlewares=[LambdaMiddleware(observer=observer)])

        @app.get("/x")
        def served() -> dict[str, int]:
            return {"n": 1}

        event = lambda_event("GET /x", headers={"x-user-id": "ada"})
        assert app.resolve(event, LambdaContext())["statusCode"] == status  # type: ignore[arg-type]
