"""The WSGI middleware, held against the standard's own checker."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from dynameter.middleware import Observer
from dynameter.middleware.identity import environ_header, environ_value
from dynameter.middleware.wsgi import App, Environ, MeteringMiddleware, StartResponse
from tests.unit.middleware.service import MeteringService, observing, route

SEED = b'{"usage":{"total_tokens":150}}'


def environ(method: str = "GET", path: str = "/x", **more: Any) -> Environ:
    found: Environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": "", **more}
    setup_testing_defaults(found)
    return found


def answering(*chunks: bytes, status: str = "200 OK", headers: Iterable[tuple[str, str]] = ()) -> App:
    def app(_: Environ, start_response: StartResponse) -> list[bytes]:
        start_response(status, [("Content-Type", "application/json"), *headers])
        return list(chunks)

    return app


def call(observer: Observer, app: App, request: Environ | None = None) -> tuple[str, bytes]:
    """Serve one request as a server would; answers status and body."""
    told: list[str] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        told.append(status)
        return lambda data: None

    body = MeteringMiddleware(app, observer=observer)(environ() if request is None else request, start_response)
    try:
        content = b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    return told[-1], content


def count(service: MeteringService, app: App, request: Environ | None = None, **settings: Any) -> dict[str, Any]:
    """The data of the event that a call of the app becomes."""
    with observing(service, **settings) as observer:
        call(observer, app, request)
        assert observer.flush(5)
    (data,) = service.data
    return data


def test_the_client_gets_what_the_app_sent(service: MeteringService) -> None:
    with observing(service) as observer:
        assert call(observer, answering(b"ab", b"cd", status="201 Created")) == ("201 Created", b"abcd")


def test_the_middleware_keeps_to_the_standard(service: MeteringService) -> None:
    with observing(service) as observer:
        app = validator(MeteringMiddleware(validator(answering(b"abc")), observer=observer))
        body = app(environ(QUERY_STRING=""), lambda *_: lambda data: None)
        assert list(body) == [b"abc"]
        body.close()  # type: ignore[attr-defined]


def test_a_request_becomes_one_event(service: MeteringService) -> None:
    data = count(service, answering(b"ab", b"cd", status="404 Not Found"), environ("PUT", CONTENT_LENGTH="7"))

    assert (data["status"], data["method"], data["path"]) == (404, "PUT", "/x")
    assert (data["request_bytes"], data["response_bytes"]) == (7, 4)


def test_the_path_is_decoded_with_the_place_where_the_app_is_mounted(service: MeteringService) -> None:
    raw = "/caf\u00e9".encode().decode("latin-1")

    assert count(service, answering(b""), environ(path=raw, SCRIPT_NAME="/app"))["path"] == "/app/café"


def test_the_body_is_measured(service: MeteringService) -> None:
    service.routes = [route("response_field", "usage.total_tokens")]

    assert count(service, answering(SEED[:9], SEED[9:]))["units"] == "150"


def test_a_request_body_of_no_announced_length_is_counted_as_the_app_reads_it(service: MeteringService) -> None:
    def app(request: Environ, start_response: StartResponse) -> list[bytes]:
        stream = request["wsgi.input"]
        stream.read(2), stream.readline(), list(stream)
        return list(answering(b"")(request, start_response))

    data = count(service, app, environ("POST") | {"wsgi.input": io.BytesIO(b"abcde\nf\ng")})

    assert data["request_bytes"] == 9


def test_a_generator_is_taken_chunk_by_chunk(service: MeteringService) -> None:
    made: list[int] = []

    def app(_: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        for number in range(3):
            made.append(number)
            yield b"x"

    with observing(service) as observer:
        body = iter(MeteringMiddleware(app, observer=observer)(environ(), lambda *_: lambda data: None))
        next(body)
        assert made == [0]


def test_a_client_that_goes_away_is_counted_for_what_it_got(service: MeteringService) -> None:
    service.routes = [route("bytes")]
    closed: list[bool] = []

    class Stream:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x" * 10] * 5)

        def close(self) -> None:
            closed.append(True)

    def app(_: Environ, start_response: StartResponse) -> Stream:
        start_response("200 OK", [])
        return Stream()

    with observing(service) as observer:
        body: Any = MeteringMiddleware(app, observer=observer)(environ(), lambda *_: lambda data: None)
        next(body)
        body.close()
        observer.flush(5)

    assert (closed, service.data[0]["units"]) == ([True], "10")


@pytest.mark.parametrize("chunks", [[b"abc"], [b"ab", b"c"]])
@pytest.mark.parametrize("kind", [list, iter])
def test_what_a_client_has_whole_was_recorded(service: MeteringService, chunks: list[bytes], kind: Any) -> None:
    def app(_: Environ, start_response: StartResponse) -> Any:
        start_response("200 OK", [("Content-Length", "3")])
        return kind(chunks)

    with observing(service) as observer:
        body: Any = MeteringMiddleware(app, observer=observer)(environ(), lambda *_: lambda data: None)
        for _ in chunks:
            next(body)
        assert observer.stats.recorded == 1
        body.close()
        assert observer.stats.recorded == 1


def test_what_is_written_the_old_way_counts(service: MeteringService) -> None:
    service.routes = [route("bytes")]

    def app(_: Environ, start_response: StartResponse) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"abc")
        return [b"de"]

    assert count(service, app)["units"] == "5"


def test_an_error_of_the_app_goes_on_unchanged_and_counts_as_500(service: MeteringService) -> None:
    def app(_: Environ, start_response: StartResponse) -> list[bytes]:
        raise LookupError("the app's own")

    with observing(service) as observer:
        with pytest.raises(LookupError, match="the app's own"):
            call(observer, app)
        observer.flush(5)

    assert service.data[0]["status"] == 500


def test_a_body_of_one_part_still_says_so(service: MeteringService) -> None:
    with observing(service) as observer:
        body: Any = MeteringMiddleware(answering(b"x"), observer=observer)(environ(), lambda *_: lambda data: None)
        assert len(body) == 1
        body.close()


@pytest.mark.parametrize(
    ("identify", "given"),
    [(environ_header("X-User-Id"), {"HTTP_X_USER_ID": "ada"}), (environ_value("REMOTE_USER"), {"REMOTE_USER": "ada"})],
    ids=["header", "server"],
)
def test_the_user_is_identified(service: MeteringService, identify: Any, given: dict[str, str]) -> None:
    count(service, answering(b""), environ(**given), identify=identify)

    assert service.events[0]["subject"] == "ada"
