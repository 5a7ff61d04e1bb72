"""An exchange as it passed through this process, kept until it is measured. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from dynameter.gateway.route import Route
from dynameter.gateway.sse import SseParser
from dynameter.middleware.identity import NOBODY, Caller

MAX_LAST_CHUNK_BYTES = 4_096
"""What is kept of a stream's last chunk, as APIGate reads it."""
MAX_COUNTED_LINE_BYTES = 1_024
"""What is read of a line of which only the event counts."""
OVERHEAD_BYTES = 1_024
"""What a capture takes in memory besides its body, about."""


@dataclass(frozen=True, slots=True)
class Capture:
    """``routed`` says whether ``route`` was looked up, or could not be for the routes were not known yet.

    ``body`` is as it was sent, encoded as ``encoding`` says; ``lost`` says why it is not whole, "" where it is.
    """

    id: str
    time_us: int
    method: str
    path: str
    route: Route | None = None
    routed: bool = True
    status: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    latency_ms: int = 0
    body: bytes = b""
    last_chunk: bytes = b""
    head: EventCount | None = None
    encoding: str = ""
    lost: str = ""
    caller: Caller = NOBODY

    @property
    def size(self) -> int:
        """The bytes it takes in memory, about."""
        return OVERHEAD_BYTES + len(self.body) + len(self.path)

    def without_body(self, why: str) -> Capture:
        """The same without its body."""
        return replace(self, body=b"", last_chunk=b"", lost=why)


class EventCount:
    """Counts server-sent events of a stream whose beginning is not kept; the parser knows where in an event it is."""

    __slots__ = ("_count", "_parser")

    def __init__(self) -> None:
        self._parser = SseParser(MAX_COUNTED_LINE_BYTES)
        self._count = 0

    def pass_on(self, chunk: bytes) -> None:
        """A part of the beginning, in order."""
        self._count += len(self._parser.feed(chunk))

    def finish(self, rest: bytes) -> int:
        """The events of the whole stream, given what was kept of it; to be called once."""
        return self._count + len(self._parser.feed(rest)) + len(self._parser.finish())


class BodyBuffer:
    """Keeps the end of what passes, up to a limit; counts all of it."""

    __slots__ = ("_chunks", "_kept", "cut", "head", "last", "limit", "total")

    def __init__(self, limit: int, *, events: bool = False) -> None:
        """``events``: count the server-sent events of what is not kept."""
        self.limit = limit
        self.head = EventCount() if events else None
        self._chunks: deque[bytes] = deque()
        self._kept = 0
        self.total = 0
        self.cut = False
        self.last = b""

    def add(self, chunk: bytes) -> None:
        """Take a chunk that passes."""
        size = len(chunk)
        self.total += size
        if not self.limit or not size:
            return
        kept = bytes(chunk)
        self.last = kept[-MAX_LAST_CHUNK_BYTES:]
        self._chunks.append(kept)
        self._kept += size
        while self._kept > self.limit:
            self._lose(self._chunks.popleft())

    def content(self) -> bytes:
        """What was kept."""
        return b"".join(self._chunks)

    def _lose(self, chunk: bytes) -> None:
        """Let go of the oldest chunk, but for what there is room for where it is the only one."""
        self.cut = True
        self._kept -= len(chunk)
        if not self._chunks:
            chunk, rest = chunk[: -self.limit], chunk[-self.limit :]
            self._chunks.append(rest)
            self._kept += len(rest)
        if self.head is not None:
            self.head.pass_on(chunk)
