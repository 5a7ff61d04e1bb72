"""The middleware for Powertools' event handlers, in a resolver as Lambda calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from dynameter.middleware import Observer
from dynameter.middleware.identity import event_authorizer, event_header
from dynameter.middleware.powertools import MeteringMiddleware
from tests.conftest import LambdaContext
from tests.fake_service import Told
from tests.unit.middleware.service import MeteringService, lambda_event, observing, route


def resolver(observer: Observer, flush_s: float = 5) -> APIGatewayHttpResolver:
    app = APIGatewayHttpResolver()
    app.use(middlewares=[MeteringMiddleware(observer=observer, flush_s=flush_s)])

    @app.get("/tokens")
    def tokens() -> Mapping[str, Any]:
        return {"usage": {"total_tokens": 150}}

    @app.post("/made")
    def made() -> Response[str]:
        return Response(201, "text/plain", "abc")

    @app.get("/missing")
    def missing() -> None:
        raise NotFoundError("no such thing")

    @app.get("/broken")
    def broken() -> None:
        raise LookupError("the app's own")

    return app


def call(app: APIGatewayHttpResolver, route_key: str, **more: Any) -> dict[str, Any]:
    return app.resolve(lambda_event(route_key, **more), LambdaContext())  # type: ignore[arg-type]


def test_an_invocation_s_event_is_sent_before_it_ends(service: MeteringService) -> None:
    with observing(service, batch_wait_s=60) as observer:
        answer = call(resolver(observer), "POST /made", body={"n": 1})

        assert (answer["statusCode"], answer["body"]) == (201, "abc")
        (data,) = service.data
    assert (data["status"], data["path"], data["request_bytes"], data["response_bytes"]) == (201, "/made", 8, 3)


def test_the_body_is_measured(service: MeteringService) -> None:
    service.routes = [route("response_field", "usage.total_tokens")]
    with observing(service) as observer:
        call(resolver(observer), "GET /tokens")

    assert service.data[0]["units"] == "150"


def test_an_error_that_powertools_answers_counts_with_its_status(service: MeteringService) -> None:
    with observing(service) as observer:
        assert call(resolver(observer), "GET /missing")["statusCode"] == 404

    assert service.data[0]["status"] == 404


def test_an_error_of_the_app_goes_on_unchanged_and_counts_as_500(service: MeteringService) -> None:
    with observing(service) as observer, pytest.raises(LookupError, match="the app's own"):
        call(resolver(observer), "GET /broken")

    assert service.data[0]["status"] == 500


def test_a_service_that_is_down_holds_an_invocation_up_for_no_longer_than_stated(service: MeteringService) -> None:
    service.events_answer = lambda _: Told(503)
    with observing(service, shutdown_s=0.1) as observer:
        call(resolver(observer, flush_s=0.05), "GET /tokens")
        service.events_answer = None
        call(resolver(observer), "GET /tokens")

    assert len({event["id"] for event in service.events}) == 2
    assert observer.stats.sent == 2


@pytest.mark.parametrize(
    ("identify", "subject"),
    [(event_authorizer("key_id"), "test"), (event_header("X-User-Id"), "ada"), (event_authorizer("none"), "anonymous")],
    ids=["authorizer", "header", "nobody"],
)
def test_the_user_is_identified(service: MeteringService, identify: Any, subject: str) -> None:
    with observing(service, identify=identify) as observer:
        call(resolver(observer), "GET /tokens", headers={"x-user-id": "ada"})

    assert service.events[0]["subject"] == subject


def test_the_claims_of_a_token_identify_a_user(service: MeteringService) -> None:
    event = lambda_event("GET /tokens")
    event["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": "ada"}}}
    with observing(service, identify=event_authorizer("sub")) as observer:
        resolver(observer).resolve(event, LambdaContext())  # type: ignore[arg-type]

    assert service.events[0]["subject"] == "ada"
