"""The ASGI middleware: what passes stays as it is, and what passed is counted."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest

from dynameter.middleware import Caller, Observer
from dynameter.middleware.asgi import App, Message, MeteringMiddleware, Receive, Scope, Send
from dynameter.middleware.identity import scope_header, scope_state
from tests.unit.middleware.asgi_world import answering, call, http_scope
from tests.unit.middleware.service import MeteringService, observing, route

SEED = b'{"result":"...","usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150}}'


def metered(observer: Observer, app: App) -> App:
    return MeteringMiddleware(app, observer=observer)


def count(service: MeteringService, app: App, *calls: dict[str, object], **settings: Any) -> list[dict[str, object]]:
    """The data of the events that these calls of the app become."""
    with observing(service, **settings) as observer:
        for scope in calls or (http_scope(),):
            call(metered(observer, app), scope)
        assert observer.flush(5)
    return service.data


def test_the_client_gets_what_the_app_sent(service: MeteringService) -> None:
    app = answering(b"ab", b"cd", status=201, headers=[(b"x-own", b"1")])

    with observing(service) as observer:
        assert call(metered(observer, app)) == call(app)


def test_a_request_becomes_one_event_of_its_route(service: MeteringService) -> None:
    (data,) = count(service, answering(b"abcd", status=201), http_scope("PUT", "/x", [(b"content-length", b"7")]))

    assert {name: data[name] for name in ("route_id", "method", "path", "status", "units", "requests")} == {
        "route_id": "request-/",
        "method": "PUT",
        "path": "/x",
        "status": 201,
        "units": "1",
        "requests": 1,
    }
    assert (data["request_bytes"], data["response_bytes"]) == (7, 4)


def test_the_event_s_time_is_the_start_of_the_request_and_its_id_a_uuid(service: MeteringService) -> None:
    count(service, answering(b""))

    (event,) = service.events
    assert len(event["id"]) == 36
    assert event["time"].endswith("Z")
    assert (event["type"], event["source"], event["subject"]) == ("api.usage", "dynameter-gateway", "anonymous")


def test_a_request_body_of_no_announced_length_is_counted_as_the_app_reads_it(service: MeteringService) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await answering(b"")(scope, receive, send)

    with observing(service) as observer:
        parts: list[Message] = [
            {"type": "http.request", "body": b"abc", "more_body": True},
            {"type": "http.request", "body": b"de", "more_body": False},
        ]
        call(metered(observer, app), http_scope("POST"), *parts)
        observer.flush(5)

    assert service.data[0]["request_bytes"] == 5


def test_the_mode_bytes_counts_the_response_s_bytes(service: MeteringService) -> None:
    service.routes = [route("bytes")]

    assert count(service, answering(b"x" * 1000, b"y" * 536))[0]["units"] == "1536"


def test_the_mode_response_field_reads_the_body(service: MeteringService) -> None:
    service.routes = [route("response_field", "respBody.usage.total_tokens")]

    assert count(service, answering(SEED[:20], SEED[20:]))[0]["units"] == "150"


def test_the_mode_custom_evaluates_its_expression(service: MeteringService) -> None:
    service.routes = [route("custom", "status >= 400 ? 0 : respBody.usage.total_tokens * 2")]

    found = count(service, answering(SEED))

    assert (found[0]["units"], found[0].get("metering_error")) == ("300", None)


def test_a_stream_s_expression_sees_what_passed(service: MeteringService) -> None:
    service.routes = [route("custom", "sseEvents", protocol="sse")]
    chunks = [b"data: 1\n\nda", b"ta: 2\n\n", b"data: [DONE]\n\n"]

    assert count(service, answering(*chunks))[0]["units"] == "3"


def test_a_chunk_of_a_stream_is_forwarded_before_the_next_one_is_made(service: MeteringService) -> None:
    service.routes = [route("custom", "sseEvents", protocol="sse")]
    seen: list[int] = []
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(3):
            await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": number < 2})
            seen.append(len(sent))

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with observing(service) as observer:
        asyncio.run(metered(observer, app)(http_scope(), receive, send))  # type: ignore[arg-type]

    assert seen == [2, 3, 4]


def test_of_a_stream_past_the_limit_the_end_is_kept_and_the_event_says_so(service: MeteringService) -> None:
    service.routes = [route("custom", "json(sseLastData(allData)).usage.tokens", protocol="sse")]
    chunks = [b'data: {"n":%d}\n\n' % number for number in range(100)] + [b'data: {"usage":{"tokens":42}}\n\n']

    (data,) = count(service, answering(*chunks), body_bytes=100)

    assert data["units"] == "42"
    assert "last 100 bytes" in str(data["metering_error"])


def test_the_events_of_a_stream_past_the_limit_are_all_counted(service: MeteringService) -> None:
    service.routes = [route("custom", "sseEvents", protocol="sse")]
    whole = b"".join(b"data: {%d}\n\n" % number for number in range(200))
    chunks = [whole[start : start + 7] for start in range(0, len(whole), 7)]

    (data,) = count(service, answering(*chunks), body_bytes=100)

    assert (data["units"], data.get("metering_error")) == ("200", None)


def test_a_body_past_the_limit_counts_the_default_and_says_why(service: MeteringService) -> None:
    service.routes = [route("response_field", "usage.total_tokens")]

    (data,) = count(service, answering(SEED), body_bytes=50)

    assert data["units"] == "1"
    assert "last 50 bytes" in str(data["metering_error"])


def test_a_compressed_body_is_read(service: MeteringService) -> None:
    service.routes = [route("response_field", "usage.total_tokens")]
    packed = gzip.compress(SEED)

    (data,) = count(service, answering(packed, headers=[(b"Content-Encoding", b"gzip")]))

    assert (data["units"], data["response_bytes"]) == ("150", len(packed))


def test_the_body_of_a_head_request_does_not_count(service: MeteringService) -> None:
    service.routes = [route("bytes")]

    assert count(service, answering(b"x" * 100), http_scope("HEAD"))[0]["units"] == "0"


def test_a_file_that_the_server_sends_counts_its_size(service: MeteringService, tmp_path: Path) -> None:
    service.routes = [route("bytes")]
    file = tmp_path / "file"
    file.write_bytes(b"x" * 777)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": str(file)})

    assert count(service, app)[0]["units"] == "777"


def test_an_error_of_the_app_goes_on_unchanged_and_counts_as_the_500_that_the_server_answers(
    service: MeteringService,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("the app's own")

    with observing(service) as observer:
        with pytest.raises(LookupError, match="the app's own"):
            call(metered(observer, app))
        observer.flush(5)

    assert service.data[0]["status"] == 500


def test_a_response_that_breaks_off_counts_what_had_passed(service: MeteringService) -> None:
    service.routes = [route("bytes")]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 10, "more_body": True})
        raise asyncio.CancelledError

    with observing(service) as observer:
        with pytest.raises(asyncio.CancelledError):
            call(metered(observer, app))
        observer.flush(5)

    assert (service.data[0]["units"], service.data[0]["status"]) == ("10", 200)


def test_a_request_that_was_given_up_before_any_response_does_not_count(service: MeteringService) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    with observing(service) as observer:
        with pytest.raises(asyncio.CancelledError):
            call(metered(observer, app))
        assert observer.stats.recorded == 0


def test_a_response_whose_app_works_on_is_recorded_once_and_at_its_end(service: MeteringService) -> None:
    recorded: list[int] = []

    with observing(service) as observer:

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await answering(b"x")(scope, receive, send)
            recorded.append(observer.stats.recorded)

        call(metered(observer, app))
        recorded.append(observer.stats.recorded)

    assert recorded == [1, 1]


def test_what_a_client_has_whole_was_recorded_though_the_app_says_that_more_may_come(service: MeteringService) -> None:
    recorded: list[int] = []

    with observing(service) as observer:

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
            await send({"type": "http.response.body", "body": b"abc", "more_body": True})
            recorded.append(observer.stats.recorded)
            await send({"type": "http.response.body", "body": b""})

        call(metered(observer, app))
        recorded.append(observer.stats.recorded)

    assert recorded == [1, 1]


def test_the_user_is_who_the_app_found_while_it_answered(service: MeteringService) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["user"] = "ada"
        await answering(b"")(scope, receive, send)

    count(service, app, http_scope(state={}), identify=scope_state("user"))

    assert service.events[0]["subject"] == "ada"


def test_the_user_may_come_from_a_header(service: MeteringService) -> None:
    count(service, answering(b""), http_scope(headers=[(b"X-User-Id", b"ada")]), identify=scope_header("x-user-id"))

    assert service.events[0]["subject"] == "ada"


def test_an_expression_sees_the_caller(service: MeteringService) -> None:
    service.routes = [route("custom", "planID == 'pro' ? 2 : 1")]

    assert count(service, answering(b""), identify=lambda _: Caller("ada", plan_id="pro"))[0]["units"] == "2"


def test_an_identify_that_fails_does_not_disturb_the_request(service: MeteringService) -> None:
    def identify(_: object) -> str:
        raise RuntimeError

    count(service, answering(b""), identify=identify)

    assert service.events[0]["subject"] == "anonymous"


@pytest.mark.parametrize(
    "user",
    ["", "x" * 600, "a\0b", "\ud800", 42, b"ada", Caller(42)],  # type: ignore[arg-type]
    ids=["empty", "long", "nul", "surrogate", "number", "bytes", "caller of a number"],
)
def test_a_user_that_no_event_can_have_is_anonymous(service: MeteringService, user: Any) -> None:
    count(service, answering(b""), identify=lambda _: user)

    assert service.events[0]["subject"] == "anonymous"


def test_a_path_without_meaning_in_unicode_becomes_an_event(service: MeteringService) -> None:
    assert count(service, answering(b""), http_scope(path="/\ud800" + "x" * 5000))[0]["path"].startswith("/?xxx")  # type: ignore[attr-defined]


def test_a_websocket_is_one_exchange(service: MeteringService) -> None:
    service.routes = [route("bytes", protocol="websocket")]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.send", "text": "abc"})
        await send({"type": "websocket.send", "bytes": b"de"})

    with observing(service) as observer:
        scope = {"type": "websocket", "path": "/x", "headers": []}
        received: list[Message] = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "four"}]
        call(metered(observer, app), scope, *received)
        observer.flush(5)

    (data,) = service.data
    assert (data["units"], data["request_bytes"], data["status"]) == ("5", 4, 101)


def test_a_caller_s_plan_and_key_may_be_none_or_numbers(service: MeteringService) -> None:
    count(service, answering(b""), identify=lambda _: Caller("ada", plan_id=None, key_id=7))  # type: ignore[arg-type]

    assert (service.events[0]["subject"], service.data[0]["key_id"]) == ("ada", "7")
