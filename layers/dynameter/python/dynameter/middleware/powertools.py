"""Middleware for Powertools for AWS Lambda's event handlers, which sends what it measured before each invocation ends.

app = APIGatewayHttpResolver()
app.use(middlewares=[MeteringMiddleware(MeteringSettings(url=..., key=...))])
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from dynameter import codec
from dynameter.middleware.observation import Observation
from dynameter.middleware.observer import Observer
from dynameter.middleware.quota import MEDIA_TYPE, PAYMENT_REQUIRED, UNKNOWN, Verdict
from dynameter.middleware.settings import MeteringSettings

FLUSH_S = 2.0
"""How long an invocation waits for its events to be sent. What is left is sent by the next one of the sandbox."""

_log = logging.getLogger("dynameter.middleware")


class MeteringMiddleware:
    """Between two invocations Lambda stops every thread, so an invocation ends with its events being sent.

    Events that could not be sent in ``flush_s`` wait in memory, and are lost with it when Lambda ends the sandbox.
    """

    __name__ = "MeteringMiddleware"  # Powertools asks a middleware for it

    def __init__(
        self, settings: MeteringSettings | None = None, *, observer: Observer | None = None, flush_s: float = FLUSH_S
    ) -> None:
        """``flush_s`` 0 leaves flushing to the program: ``observer.flush``. Raises ValueError."""
        if observer is None and settings is None:
            raise ValueError("the metering middleware needs settings or an observer")
        self.observer = observer or Observer(settings)  # type: ignore[arg-type]
        self._flush_s = flush_s

    def __call__(self, app: Any, next_middleware: Callable[[Any], Any]) -> Any:
        """Serve one request of the resolver."""
        event = app.current_event
        observation = self._observe(event)
        verdict = self._verdict(event, observation)
        if not verdict.allowed:
            return _refusal(verdict)
        try:
            response = next_middleware(app)
        except Exception as error:
            # Powertools answers its own errors with their status, and lets the others be 500.
            observation.begin(int(getattr(error, "status_code", 500)))
            self._end(observation, event)
            raise
        _watch(response, observation)
        for name, value in verdict.headers.items():
            response.headers[name.title()] = value
        self._end(observation, event)
        return response

    def _observe(self, event: Any) -> Observation:
        """Begin to watch; resolvers of other sources than HTTP have neither method nor path."""
        try:
            observation = self.observer.observe(str(event.http_method), str(event.path))
            observation.request_bytes = _sent_bytes(event)
        except Exception:
            _log.exception("the request of an event could not be read")
            return self.observer.observe("", "/")
        return observation

    def _end(self, observation: Observation, event: Any) -> None:
        self.observer.record(observation, event)
        if self._flush_s:
            self.observer.flush(self._flush_s)

    def _verdict(self, event: Any, observation: Observation) -> Verdict:
        gate = self.observer.gate
        if gate is None:
            return UNKNOWN
        observation.caller = caller = self.observer.identify(event)
        if caller is None:
            return UNKNOWN
        return gate.check(caller.user_id, observation.route.id if observation.route else "")


def _refusal(verdict: Verdict) -> Any:
    # Imported here: it takes long, and whoever has a resolver has it already.
    from aws_lambda_powertools.event_handler import Response

    headers = {name.title(): value for name, value in verdict.headers.items()}
    return Response(
        status_code=PAYMENT_REQUIRED, content_type=MEDIA_TYPE, body=verdict.body.decode(), headers=dict(headers)
    )


def _watch(response: Any, observation: Observation) -> None:
    """Take what the response says of itself. Never raises."""
    try:
        observation.begin(int(response.status_code or 200), _encoding(response))
        observation.pass_chunk(_content(response.body))
    except Exception:
        _log.exception("a response could not be read; it counts without its body")


def _content(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    return body.encode("utf-8", "replace") if isinstance(body, str) else codec.encode(body)


def _encoding(response: Any) -> str:
    found = next((value for name, value in response.headers.items() if name.lower() == "content-encoding"), "")
    return str(found[0] if isinstance(found, list) and found else found)


def _sent_bytes(event: Any) -> int:
    """The bytes of the request's body, which API Gateway may have encoded."""
    body = event.raw_event.get("body") or ""
    if not event.raw_event.get("isBase64Encoded"):
        return len(body.encode("utf-8", "replace"))
    return len(body) * 3 // 4 - body[-2:].count("=")
