"""The HTTP side of the local server: a WSGI application over the gateway, and the socket it listens on."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from threading import Thread
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import get_input_stream

from local.authorizer import Authorizer, Invoke, Refused
from local.functions import FunctionFailed
from local.gateway import (
    MAX_BODY_BYTES,
    MAX_EVENT_BYTES,
    HttpAnswer,
    HttpRequest,
    InvalidAnswer,
    Router,
    answer_of,
    event_bytes,
    message,
    proxy_event,
)
from local.requests import RequestsUnderWay

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

_log = logging.getLogger("local.server")

HEALTH_PATH = "/healthz"
_BODILESS = frozenset({204, 304})


class Application:
    """The API as a WSGI application: match, authorize, invoke, answer.

    ``after_call`` runs after each invocation; the stream pump listens there for work.
    """

    def __init__(
        self,
        router: Router,
        authorizer: Authorizer,
        invoke: Invoke,
        after_call: Callable[[], None],
        under_way: RequestsUnderWay,
    ) -> None:
        self._under_way = under_way
        self._router = router
        self._authorizer = authorizer
        self._invoke = invoke
        self._after_call = after_call

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        method, path = environ["REQUEST_METHOD"], _target(environ["RAW_URI"])[0]
        request_id = str(uuid.uuid4())
        try:
            answer = self._answer(_request(environ), request_id)
        except RequestEntityTooLarge:
            answer = message(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")
        except HTTPException:  # the body stopped short of its length
            answer = message(HTTPStatus.BAD_REQUEST)
        except Exception:
            _log.exception("%s %s failed in the gateway", method, path)
            answer = message(HTTPStatus.INTERNAL_SERVER_ERROR)
        _log.info("%s %s %d %.0f ms", method, path, answer.status, (time.perf_counter() - began) * 1000)
        headers = [*answer.headers, ("apigw-requestid", request_id)]
        if answer.status not in _BODILESS:
            headers.append(("content-length", str(len(answer.body))))
        start_response(f"{answer.status} {_phrase(answer.status)}", headers)
        return [answer.body] if answer.status not in _BODILESS else []

    def _answer(self, request: HttpRequest, request_id: str) -> HttpAnswer:
        if request.path == HEALTH_PATH and request.method == "GET":
            return HttpAnswer(200, (("content-type", "application/json"),), b'{"status":"ok"}')
        match = self._router.match(request)
        if match is None:
            return message(HTTPStatus.NOT_FOUND)
        moment = datetime.now(UTC)
        granted: Mapping[str, Any] | None = None
        try:
            if match.route.authorized:
                granted = self._authorizer.grant(request, match, request_id, moment)
            event = proxy_event(request, match, request_id, moment, granted)
            if event_bytes(event) > MAX_EVENT_BYTES:
                return message(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")
            return self._call(match.route.function, event)
        except Refused as refused:
            return refused.answer
        except FunctionFailed:
            return message(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _call(self, function: str, event: Mapping[str, Any]) -> HttpAnswer:
        try:
            with self._under_way.one():
                result = self._invoke(function, event)
        finally:
            self._after_call()
        if len(json.dumps(result).encode()) > MAX_EVENT_BYTES:
            _log.error("%s answered more than Lambda's %d bytes", function, MAX_EVENT_BYTES)
            return message(HTTPStatus.INTERNAL_SERVER_ERROR)
        try:
            return answer_of(result)
        except InvalidAnswer as error:
            _log.error("%s answered what API Gateway does not understand: %s", function, error)
            return message(HTTPStatus.INTERNAL_SERVER_ERROR)


def _request(environ: Mapping[str, Any]) -> HttpRequest:
    path, query = _target(environ["RAW_URI"])
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    headers.setdefault("x-forwarded-for", environ["REMOTE_ADDR"])
    headers.setdefault("x-forwarded-proto", "http")
    return HttpRequest(
        method=environ["REQUEST_METHOD"],
        path=path,
        query=query,
        headers=headers,
        body=get_input_stream(dict(environ), max_content_length=MAX_BODY_BYTES).read(),
        source_ip=environ["REMOTE_ADDR"],
        protocol=environ["SERVER_PROTOCOL"],
    )


def _target(raw: str) -> tuple[str, str]:
    """Path and query of a request target (RFC 9112, section 3.2: origin-form or absolute-form), as they came."""
    if not raw.startswith("/") and "://" in raw:
        _, _, raw = raw.partition("://")[2].partition("/")
        raw = "/" + raw
    path, _, query = raw.split("#", 1)[0].partition("?")
    return path or "/", query


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


class PortInUse(Exception):
    """Something else listens at the address."""


class _QuietHandler(WSGIRequestHandler):
    """The application logs requests itself, with the time they took."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def listening(application: Application, host: str, port: int) -> Iterator[str]:
    """Serve on ``host`` and ``port`` (0: any free one) while the context lasts; gives the base address.

    Raises ``PortInUse``.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise PortInUse(f"cannot listen on {host} port {port}: {reason}; PORT and HOST choose another") from error
    with bound:
        server = make_server(host, port, application, threaded=True, request_handler=_QuietHandler, fd=bound.fileno())
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="http", daemon=True)
        thread.start()
        try:
            shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
            yield f"http://{shown}:{server.port}"
        finally:
            server.shutdown()
            thread.join()
