"""A service that answers what a test tells it to and keeps what it was sent, for clients that speak HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

POLL_S = 0.01


@dataclass(frozen=True)
class Sent:
    """One request as it came."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text, parse_float=Decimal)


@dataclass(frozen=True)
class Told:
    """One answer; a ``body`` that is no str is encoded as JSON. Status 0 breaks the connection instead."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


Answerer = Callable[[Sent], Told]


@dataclass
class FakeService:
    """Answers from ``script`` in turn, then with ``answer``; ``sent`` keeps the requests."""

    url: str = ""
    answer: Answerer = lambda _: Told()
    script: list[Told] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)

    def respond(self, sent: Sent) -> Told:
        self.sent.append(sent)
        return self.script.pop(0) if self.script else self.answer(sent)


@contextmanager
def fake_service() -> Iterator[FakeService]:
    """Serve on a free port while the context lasts."""
    service = FakeService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def serve(self) -> None:
            parts = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            told = service.respond(Sent(self.command, parts.path, parse_qsl(parts.query), headers, text))
            if told.status == 0:
                self.close_connection = True
                return
            body = told.body if isinstance(told.body, str) else "" if told.body is None else json.dumps(told.body)
            self.send_response(told.status)
            for name, value in {"Content-Type": told.media_type, **told.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
