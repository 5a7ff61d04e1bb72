"""Whatever storage does, a function answers by itself before it is killed: HTTP with 503 and Retry-After."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from dynameter.clock import SystemClock
from dynameter.errors import RateLimited, Unavailable
from local.template import ROOT, Template
from tests.conftest import WORKSPACE, LambdaContext, ManualClock, http_event, load_function
from tests.unit.runtime.storage import LOST, THROTTLED, Answer, Storage, done, error
from tests.unit.usage.builders import make_event, stream_event, stream_record

TEMPLATE = Template.load()
HTTP_FUNCTIONS = sorted(
    {
        function.folder.name
        for function in TEMPLATE.functions()
        if any(route.function == function.name and route.authorized for route in TEMPLATE.routes())
    }
)
FUNCTION_TIME_US = 29_000_000
NOT_ON_LAMBDA = {"cli", "client", "middleware", "operations"}
"""Parts of the library that no function uses: nothing ends their time."""
CLOUDEVENT = {"specversion": "1.0", "id": "1", "source": "shop", "type": "request", "subject": "customer-1"}
EMISSION = {"event_type": "voice", "metering_quantity": 1, "metering_source": "production"}
METER = {"slug": "m", "eventType": "request", "aggregation": "COUNT"}
REQUESTS = [
    ("emit", "POST /api/v1/events", CLOUDEVENT),
    ("emit", "POST /api/v1/events", [{**CLOUDEVENT, "id": str(number)} for number in range(100)]),
    ("emit", "POST /api/v3/openmeter/events", CLOUDEVENT),
    ("emit", "POST /v3/metering/{bucketId}/events", CLOUDEVENT),
    ("emit", "POST /v1/{workspace_id}/metering/emit", EMISSION),
    ("meters", "POST /api/v1/meters", METER),
    ("meters", "GET /api/v1/meters", None),
    ("meters", "GET /api/v3/openmeter/meters", None),
    ("meters", "GET /v3/metering/{bucketId}/meters", None),
    ("meters", "GET /api/v1/events", None),
    ("meters", "GET /api/v2/events", None),
    ("meters", "GET /api/v1/subjects", None),
    ("meters", "GET /v1/{workspace_id}/voids", None),
    ("access", "GET /v1/{workspace_id}/api-keys", None),
]


@pytest.fixture(autouse=True)
def _virtual(storage: Storage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(SystemClock, "now_us", lambda _: clock.now_us())
    monkeypatch.setattr(SystemClock, "sleep", lambda _, seconds: clock.sleep(seconds))
    for name, value in TEMPLATE.functions()[0].environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "CRITICAL")
    yield
    assert "AWS_LAMBDA_FUNCTION_NAME" not in os.environ


def load(name: str, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    app = load_function(name)
    monkeypatch.setattr(app, "create_client", lambda *_, **__: storage.client())
    return app


def request(route: str, body: Any) -> dict[str, Any]:
    path = {name: WORKSPACE for name in ("workspace_id", "bucketId") if "{" + name + "}" in route}
    return http_event(route, path=path or None, body=body)


@pytest.mark.parametrize(
    "fault", [THROTTLED, LOST, error("InternalServerError", 500)], ids=["throttled", "lost", "500"]
)
@pytest.mark.parametrize(("function", "route", "body"), REQUESTS, ids=lambda one: one if isinstance(one, str) else "")
def test_a_request_that_storage_does_not_serve_is_answered_503_in_time(
    function: str,
    route: str,
    body: Any,
    fault: Answer,
    storage: Storage,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = load(function, storage, monkeypatch)
    storage.script(fault)
    started = clock.now_us()

    answer = app.handler(request(route, body), LambdaContext())

    assert answer["statusCode"] == 503
    assert int(answer["headers"]["retry-after"]) >= 1
    assert clock.now_us() - started < FUNCTION_TIME_US
    assert len(storage.attempts) > 4, "it was tried for as long as there was time"


@pytest.mark.parametrize("writes", ["put", "partiql"])
def test_a_request_goes_through_once_storage_recovers(
    writes: str, storage: Storage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENT_WRITES", writes)
    app = load("emit", storage, monkeypatch)
    storage.script(*[THROTTLED] * 8, done(Responses=[{}] * 2))
    batch = [{**CLOUDEVENT, "id": str(number)} for number in range(2)]

    answer = app.handler(request("POST /api/v1/events", batch), LambdaContext())

    assert answer["statusCode"] == 204
    assert answer["headers"]["dynameter-accepted"] == "2"


@pytest.mark.parametrize("function", HTTP_FUNCTIONS)
def test_every_route_words_503_with_retry_after(function: str) -> None:
    for route, endpoint in load_function(function).ROUTES.items():
        answer = endpoint.problem(Unavailable("storage is throttling", retry_after_s=3), "r-1")

        assert (route, answer.status) == (route, 503)
        assert (route, answer.headers.get("retry-after")) == (route, "3")


@pytest.mark.parametrize("function", HTTP_FUNCTIONS)
def test_every_route_words_429_with_retry_after(function: str) -> None:
    for route, endpoint in load_function(function).ROUTES.items():
        answer = endpoint.problem(RateLimited("too many events", retry_after_s=4), "r-1")

        assert (route, answer.status) == (route, 429)
        assert (route, answer.headers.get("retry-after")) == (route, "4")
        assert "too many events" in answer.body


def test_every_pool_of_threads_has_its_callers_deadline() -> None:
    library = ROOT / "layers/dynameter/python/dynameter"
    on_lambda = [path for path in library.rglob("*.py") if path.relative_to(library).parts[0] not in NOT_ON_LAMBDA]
    pooling = [path for path in on_lambda if "ThreadPoolExecutor(" in path.read_text()]

    assert len(pooling) > 5
    assert [path.name for path in pooling if "carry(" not in path.read_text()] == []


def test_503_is_counted(storage: Storage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    app = load("meters", storage, monkeypatch)

    app.handler(request("GET /api/v1/meters", None), LambdaContext())

    assert '"unavailable":[1.0]' in capsys.readouterr().out


def test_a_throttled_batch_raises_before_its_function_is_killed(
    storage: Storage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = load("aggregate", storage, monkeypatch)
    started = clock.now_us()

    with pytest.raises(Unavailable):
        app.handler(stream_event([stream_record(1, make_event())]), LambdaContext(remaining_ms=60_000))

    assert clock.now_us() - started < 60_000_000


def test_a_short_throttling_does_not_fail_a_batch(
    storage: Storage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = load("aggregate", storage, monkeypatch)
    storage.script(THROTTLED, THROTTLED, THROTTLED, done(Responses={"CatalogTable": []}, Items=[]))

    answer = app.handler(stream_event([stream_record(1, make_event())]), LambdaContext(remaining_ms=60_000))

    assert answer["batchItemFailures"] == []


def test_a_throttled_job_raises_before_its_function_is_killed(
    storage: Storage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = load("rebuild", storage, monkeypatch)
    started = clock.now_us()
    image = {
        "pk": {"S": "w.AAAAAAAAQACAAAAAAAAAAQ"},
        "sk": {"S": "j.rebuild.x.1"},
        "kind": {"S": "rebuild"},
        "id": {"S": "x.1"},
        "state": {"S": "running"},
        "created_at": {"N": "1"},
        "not_before": {"N": "1"},
        "details": {"S": "{}"},
    }

    with pytest.raises(Unavailable):
        app.handler({"Records": [{"dynamodb": {"NewImage": image}}]}, LambdaContext(remaining_ms=900_000))

    assert clock.now_us() - started < 900_000_000


def test_the_authorizer_gives_up_before_api_gateway_does(
    storage: Storage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = load("authorize", storage, monkeypatch)
    started = clock.now_us()
    event = {"identitySource": ["Bearer dm_0123456789ab_" + "a" * 43], "headers": {}}

    with pytest.raises(Unavailable):
        app.handler(event, LambdaContext(remaining_ms=10_000))

    assert clock.now_us() - started < 10_000_000
