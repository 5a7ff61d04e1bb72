"""ASGI middleware: FastAPI, Starlette, Quart, Django and any other ASGI 3 app.

app = MeteringMiddleware(app, MeteringSettings(url=..., key=...))
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from dynameter.middleware.observation import Observation
from dynameter.middleware.observer import Observer
from dynameter.middleware.quota import MEDIA_TYPE, PAYMENT_REQUIRED, UNKNOWN, QuotaGate, Verdict
from dynameter.middleware.settings import MeteringSettings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SWITCHED = 101
REFUSED = 403
_log = logging.getLogger("dynameter.middleware")


class MeteringMiddleware:
    """Measures HTTP requests, streams and WebSockets; sends what is left when the server shuts down."""

    def __init__(self, app: App, settings: MeteringSettings | None = None, *, observer: Observer | None = None) -> None:
        """Raises ValueError without settings or an observer."""
        if observer is None and settings is None:
            raise ValueError("the metering middleware needs settings or an observer")
        self.app = app
        self.observer = observer or Observer(settings)  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _Lifespan(self.app, self.observer).run(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        observer = self.observer
        observation = observer.observe(scope["method"], scope["path"])
        if not observation.announce(_header(scope["headers"], b"content-length")):
            receive = _counting(receive, observation)
        if observer.gate is not None:
            verdict = await self._verdict(observer.gate, scope, observation)
            if not verdict.allowed:
                await _refuse(send, verdict)
                return
            observation.quota_headers = verdict.headers

        async def watched(message: Message) -> None:
            kind = message["type"]
            if kind == "http.response.body":
                observation.pass_chunk(message.get("body", b""))
                if observation.whole or not message.get("more_body", False):
                    # Before it leaves: what a client has whole was recorded.
                    observer.record(observation, scope)
            elif kind == "http.response.start":
                message = _started(message, observation)
            elif kind in ("http.response.pathsend", "http.response.zerocopysend"):
                observation.pass_unseen(_file_size(message))
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            observation.fail()
            raise
        finally:
            observer.record(observation, scope)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One exchange a connection, its messages to the client being the stream."""
        observer = self.observer
        observation = observer.observe("GET", scope["path"])

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                observation.request_bytes += len(_content(message))
            return message

        async def watched(message: Message) -> None:
            kind = message["type"]
            if kind == "websocket.send":
                observation.pass_chunk(_content(message))
            elif kind == "websocket.accept":
                observation.begin(SWITCHED)
            elif kind == "websocket.close" and not observation.answered:
                observation.begin(REFUSED)
            elif kind == "websocket.http.response.start":
                observation.begin(message["status"])
            await send(message)

        try:
            await self.app(scope, heard, watched)
        except Exception:
            observation.fail()
            raise
        finally:
            observer.record(observation, scope)

    async def _verdict(self, gate: QuotaGate, scope: Scope, observation: Observation) -> Verdict:
        """The quota's answer without holding up the event loop; requests of nobody are not asked about."""
        observation.caller = caller = self.observer.identify(scope)
        if caller is None:
            return UNKNOWN
        try:
            found = gate.ask(caller.user_id, observation.route.id if observation.route else "")
            return found if isinstance(found, Verdict) else await _awaited(found, self.observer.settings)
        except Exception:
            _log.exception("the quota could not be asked; the request is served")
            return UNKNOWN


class _Lifespan:
    """The app's lifespan, or one of ours where it has none; ends with sending what is left."""

    def __init__(self, app: App, observer: Observer) -> None:
        self._app = app
        self._observer = observer
        self._received: list[str] = []
        self._sent: list[str] = []

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def heard() -> Message:
            message = await receive()
            self._received.append(message["type"])
            return message

        async def watched(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._observer.start()
            elif message["type"].startswith("lifespan.shutdown."):
                await self._close()
            self._sent.append(message["type"])
            await send(message)

        try:
            await self._app(scope, heard, watched)
        except Exception:
            if self._sent:
                await self._close()
                raise
            _log.info("the app has no lifespan; the metering middleware answers for it")
        if not self._sent:
            await self._answer(heard, watched)

    async def _answer(self, heard: Receive, watched: Send) -> None:
        """Speak the protocol for an app that does not; it may have heard of the start already."""
        if "lifespan.startup" not in self._received:
            await heard()
        await watched({"type": "lifespan.startup.complete"})
        while (await heard())["type"] != "lifespan.shutdown":
            pass
        await watched({"type": "lifespan.shutdown.complete"})

    async def _close(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # another event loop than asyncio's
            self._observer.close()
        else:
            await loop.run_in_executor(None, self._observer.close)


async def _awaited(future: Future[Verdict], settings: MeteringSettings) -> Verdict:
    # The answer is shared with other requests: this one's timeout or end must not cancel it.
    waiting = asyncio.shield(asyncio.wrap_future(future))
    try:
        return await asyncio.wait_for(waiting, settings.quota_timeout_s)
    except TimeoutError:
        return UNKNOWN


async def _refuse(send: Send, verdict: Verdict) -> None:
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(verdict.body)), **verdict.headers}
    await send({"type": "http.response.start", "status": PAYMENT_REQUIRED, "headers": _encoded(headers.items())})
    await send({"type": "http.response.body", "body": verdict.body})


def _started(message: Message, observation: Observation) -> Message:
    headers = message.get("headers") or ()
    if not isinstance(headers, list | tuple):
        # Read here, it may not be read again by the server.
        headers = list(headers)
        message = {**message, "headers": headers}
    encoding, length = _header(headers, b"content-encoding"), _header(headers, b"content-length")
    observation.begin(message["status"], encoding or "", length)
    if not observation.quota_headers:
        return message
    return {**message, "headers": [*headers, *_encoded(observation.quota_headers.items())]}


def _counting(receive: Receive, observation: Observation) -> Receive:
    async def counted() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            observation.request_bytes += len(message.get("body", b""))
        return message

    return counted


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), None)


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]


def _content(message: Message) -> bytes:
    text = message.get("text")
    return message.get("bytes") or b"" if text is None else text.encode("utf-8", "replace")


def _file_size(message: Message) -> int:
    """The bytes of a file that the server is to send by itself."""
    try:
        return int(message["count"]) if message.get("count") else Path(message["path"]).stat().st_size
    except (KeyError, OSError, TypeError, ValueError):
        return 0
