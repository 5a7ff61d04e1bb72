"""One request as it is watched from beginning to end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping

from dynameter.gateway.measurement import needs_body
from dynameter.gateway.route import Protocol, Route
from dynameter.middleware.capture import BodyBuffer, Capture
from dynameter.middleware.identity import NOBODY, Caller

_MAX_LENGTH_DIGITS = 15


class Observation:
    """Fed by a middleware in the order in which things happen; cheap, and without a look at what passes.

    The event's id and time are fixed here, before anything else.
    """

    __slots__ = (
        "_body",
        "_expected",
        "_method",
        "_path",
        "_started_ns",
        "_status",
        "_time_us",
        "caller",
        "encoding",
        "ended",
        "id",
        "quota_headers",
        "request_bytes",
        "route",
        "routed",
    )

    def __init__(
        self, method: str, path: str, route: Route | None, routed: bool, time_us: int, body_bytes: int
    ) -> None:
        self.id = str(uuid.uuid4())
        self.route = route
        self.routed = routed
        self.caller: Caller | None = None
        self.quota_headers: Mapping[str, str] = {}
        self.request_bytes = 0
        self.encoding = ""
        self.ended = False
        self._method = method
        self._path = path
        self._time_us = time_us
        self._started_ns = time.perf_counter_ns()
        self._status = 0
        self._expected: int | None = None
        keeps = not routed or (route is not None and needs_body(route.metering))
        events = route is not None and route.metering.protocol is Protocol.SSE
        self._body = BodyBuffer(body_bytes if keeps else 0, events=keeps and events)

    @property
    def answered(self) -> bool:
        """Whether a response began."""
        return self._status > 0

    @property
    def whole(self) -> bool:
        """Whether everything has passed that the response's Content-Length announced: the client may have it all."""
        return self._expected is not None and self._body.total >= self._expected

    def announce(self, content_length: str | None) -> bool:
        """Take the request's Content-Length; False where it says nothing and the bytes must be counted."""
        length = _length(content_length)
        self.request_bytes = length or 0
        return length is not None

    def begin(self, status: int, encoding: str = "", content_length: str | None = None) -> None:
        """The response begins; the last one counts where several do."""
        self._status = status
        self._expected = _length(content_length)
        self.encoding = encoding.lower()

    def fail(self) -> None:
        """The app raised: the server answers 500 where no response has begun."""
        if not self._status:
            self._status = 500

    def pass_chunk(self, chunk: bytes) -> None:
        """A part of the response's body passes; to a HEAD request none does."""
        if self._method != "HEAD":
            self._body.add(chunk)

    def pass_unseen(self, size: int) -> None:
        """Bytes pass that are not seen here, such as a file that the server sends."""
        if self._method != "HEAD":
            self._body.total += size
            self._body.cut = True

    def end(self, caller: Caller | None) -> Capture:
        """The response ended, or broke off: what is to be measured."""
        self.ended = True
        body = self._body
        return Capture(
            id=self.id,
            time_us=self._time_us,
            method=self._method,
            path=self._path,
            route=self.route,
            routed=self.routed,
            status=self._status,
            request_bytes=self.request_bytes,
            response_bytes=body.total,
            latency_ms=(time.perf_counter_ns() - self._started_ns) // 1_000_000,
            body=body.content(),
            last_chunk=body.last,
            head=body.head if body.cut else None,
            encoding=self.encoding,
            lost=f"only the last {body.limit} bytes of the response were kept" if body.cut else "",
            caller=caller or NOBODY,
        )


def _length(text: str | None) -> int | None:
    """A Content-Length; None for what is none."""
    if text and text.isascii() and text.isdigit():
        return int(text[:_MAX_LENGTH_DIGITS])
    return None
