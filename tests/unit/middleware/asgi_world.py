"""Calling an ASGI app as a server would."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from dynameter.middleware.asgi import App, Message, Receive, Scope, Send

Header = tuple[bytes, bytes]


def answering(*chunks: bytes, status: int = 200, headers: Sequence[Header] = ()) -> App:
    """An app that answers these chunks."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        for number, chunk in enumerate(chunks, 1):
            await send({"type": "http.response.body", "body": chunk, "more_body": number < len(chunks)})

    return app


def http_scope(method: str = "GET", path: str = "/x", headers: Sequence[Header] = (), **more: Any) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "headers": list(headers), **more}


def call(app: App, scope: dict[str, Any] | None = None, *received: Message) -> list[Message]:
    """Serve one connection; answers what the app sent."""
    inbox = list(received) or [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        return inbox.pop(0) if inbox else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(http_scope() if scope is None else scope, receive, send))  # type: ignore[arg-type]
    return sent


def body_of(sent: Sequence[Message]) -> bytes:
    return b"".join(one.get("body", b"") for one in sent if one["type"] == "http.response.body")
