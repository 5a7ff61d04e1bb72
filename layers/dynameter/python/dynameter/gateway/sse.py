"""Server-sent events, read as they pass. Pure.

The format is https://html.spec.whatwg.org/multipage/server-sent-events.html, read as APIGate reads it: an event is
kept if it has data, a name or an id, an id belongs to its event alone, a field line without a colon is ignored, and a
last event without a blank line after it counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

DONE: Final = "[DONE]"
"""What OpenAI's streams end with; it is no JSON and says nothing of usage."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
_CR = ord("\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SseEvent(msgspec.Struct, frozen=True):
    """One event of a stream; what it has not is ""."""

    event: str
    data: str
    id: str


class SseParser:
    """Reads a stream in chunks of any size, cut anywhere, with bounded memory.

    ``max_event_bytes`` is what is kept of one event's data, and of one line; the rest is dropped, the event counts.
    """

    def __init__(self, max_event_bytes: int) -> None:
        self._limit = max_event_bytes
        self._rest = bytearray()  # the line that is not over yet
        self._begun = False
        self._event = b""
        self._id = b""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that ``chunk`` completes."""
        if self._begun and self._rest and b"\n" not in chunk and b"\r" not in chunk and self._rest[-1] != _CR:
            # The usual piece of a long line: it is only put by, so that small pieces do not cost the line's length.
            self._rest += chunk[: max(self._limit - len(self._rest), 0)]
            return []
        buffer = bytes(self._rest) + chunk
        if not self._begun:
            if len(buffer) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(buffer):
                self._rest = bytearray(buffer)
                return []
            self._begun = True
            buffer = buffer.removeprefix(_BYTE_ORDER_MARK)
        return self._read(buffer)

    def finish(self) -> list[SseEvent]:
        """The events that the end of the stream completes; the parser is spent then."""
        return self._read(bytes(self._rest) + b"\n\n")

    def _read(self, buffer: bytes) -> list[SseEvent]:
        # A carriage return at the end may be half of a line end: it waits for what follows.
        held = b"\r" if buffer.endswith(b"\r") else b""
        lines = _LINE_END.split(buffer[: len(buffer) - len(held)])
        self._rest = bytearray(lines.pop()[: self._limit] + held)
        events: list[SseEvent] = []
        for line in lines:
            if not line:
                self._complete(events)
            elif line.startswith(b"data:"):
                self._add_data(_value(line, 5)[: self._limit])
            elif line.startswith(b"event:"):
                self._event = _value(line, 6)[: self._limit]
            elif line.startswith(b"id:"):
                self._id = _value(line, 3)[: self._limit]
        return events

    def _add_data(self, value: bytes) -> None:
        if self._data_bytes <= self._limit:
            self._data.append(value)
            self._data_bytes += len(value) + 1

    def _complete(self, events: list[SseEvent]) -> None:
        if self._data or self._event or self._id:
            events.append(SseEvent(_text(self._event), _text(b"\n".join(self._data)), _text(self._id)))
            self._event, self._id, self._data, self._data_bytes = b"", b"", [], 0


def _value(line: bytes, start: int) -> bytes:
    return line[start + 1 :] if line[start : start + 1] == b" " else line[start:]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def parse_events(data: bytes) -> list[SseEvent]:
    """All events of a stream that ended."""
    parser = SseParser(max_event_bytes=max(len(data), 1))
    return parser.feed(data) + parser.finish()


def last_data(events: Sequence[SseEvent]) -> str:
    """The data of the last event, a final ``[DONE]`` not counted; "" where there is none."""
    if events and events[-1].data.strip() == DONE:
        events = events[:-1]
    return events[-1].data if events else ""


def all_data(events: Sequence[SseEvent]) -> str:
    """The data of all events that have some, joined by line feeds."""
    return "\n".join(event.data for event in events if event.data)
