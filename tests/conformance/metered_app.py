"""A small API of its own, served by uvicorn with the metering middleware: python -m tests.conformance.metered_app.

Prints its address. Every path ends in a number that decides what the answer counts.
"""

from __future__ import annotations

import json
import os
import socket

import uvicorn

from dynameter.middleware import MeteringSettings, Observer
from dynameter.middleware.asgi import MeteringMiddleware, Receive, Scope, Send
from dynameter.middleware.identity import scope_header

KILOBYTE_PARTS = 8
READY_WITHIN_S = 60


async def api(scope: Scope, receive: Receive, send: Send) -> None:
    """The app that is metered; it knows nothing of it, and has no lifespan."""
    assert scope["type"] == "http"
    _, kind, number = scope["path"].rsplit("/", 2)
    await {"sse": _stream, "bytes": _bytes}.get(kind, _json)(int(number), send)


async def _json(number: int, send: Send) -> None:
    body = {"usage": {"total_tokens": number}, "model": "gpt-4" if number % 2 else "other", "tokens": number}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


async def _bytes(number: int, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(KILOBYTE_PARTS):
        await send({"type": "http.response.body", "body": b"x" * number, "more_body": True})
    await send({"type": "http.response.body"})


async def _stream(number: int, send: Send) -> None:
    """As a language model's server streams: the usage is in the last event before the end."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for token in range(number % 5):
        await send({"type": "http.response.body", "body": b'data: {"token":%d}\n\n' % token, "more_body": True})
    usage = b'data: {"usage":{"tokens":%d}}\n\n' % number
    await send({"type": "http.response.body", "body": usage[:9], "more_body": True})
    await send({"type": "http.response.body", "body": usage[9:] + b"data: [DONE]\n\n", "more_body": True})
    await send({"type": "http.response.body"})


def main() -> None:
    settings = MeteringSettings.from_env(os.environ, identify=scope_header("X-User-Id"))
    shutdown_s = float(os.environ["SHUTDOWN_S"])
    settings = MeteringSettings(
        url=settings.url, key=settings.key, spool=settings.spool, identify=settings.identify, shutdown_s=shutdown_s
    )
    observer = Observer(settings)
    if not observer.wait_ready(READY_WITHIN_S):
        raise SystemExit("the routes could not be fetched")
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(MeteringMiddleware(api, observer=observer), log_level="warning")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
