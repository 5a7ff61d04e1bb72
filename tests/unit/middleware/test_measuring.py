"""From what passed to an event, and what is kept of what passes."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter import codec, rfc3339
from dynameter.events import rules
from dynameter.events.event import EventDraft
from dynameter.gateway.route import MatchType, Metering, MeteringMode, Protocol, Route
from dynameter.middleware.capture import BodyBuffer, Capture
from dynameter.middleware.identity import Caller
from dynameter.middleware.measuring import UnreadableBody, decompress, to_event

LIMIT = 1_000
EXPRESSIONS = ["", "1", "respBody.n", "usage.total_tokens", "sseEvents", "json(sseLastData(allData)).n", "(", "1/0"]


def metered(mode: MeteringMode, expression: str, protocol: Protocol = Protocol.HTTP) -> Route:
    metering = Metering(mode, expression, protocol=protocol)
    return Route("", "r", "r", "/", MatchType.PREFIX, (), 0, True, metering, 0, 0)


def event(**more: Any) -> Mapping[str, Any]:
    capture = Capture(**{"id": "id", "time_us": 0, "method": "GET", "path": "/", "status": 200, **more})
    found: Mapping[str, Any] = json.loads(to_event(capture, source="s", body_bytes=LIMIT))
    return found


def field_route(expression: str = "n") -> Route:
    return metered(MeteringMode.RESPONSE_FIELD, expression)


def test_an_exchange_without_a_route_counts_one() -> None:
    data = event()["data"]

    assert (data["units"], data["requests"], data.get("metering_error")) == ("1", 1, None)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip"], ids=["unknown", "also unknown", "untrue"])
def test_a_body_that_cannot_be_decoded_counts_the_default_and_says_why(encoding: str) -> None:
    data = event(route=field_route(), body=b'{"n":7}', encoding=encoding)["data"]

    assert data["units"] == "1"
    assert encoding in data["metering_error"]


def test_a_body_that_decodes_to_more_than_the_limit_is_not_read() -> None:
    with pytest.raises(UnreadableBody, match="1000 bytes"):
        decompress(zlib.compress(b"x" * 1_000_000), "deflate", LIMIT)


def test_every_member_of_a_gzip_body_is_read() -> None:
    assert decompress(gzip.compress(b"ab") + gzip.compress(b"cd") + b"\0\0", "gzip", LIMIT) == b"abcd"


def test_members_that_decode_to_more_than_the_limit_together_are_not_read() -> None:
    with pytest.raises(UnreadableBody, match="1000 bytes"):
        decompress(gzip.compress(b"x" * 900) * 2, "gzip", LIMIT)


def test_raw_deflate_or_a_zlib_stream_are_both_deflate() -> None:
    assert decompress(zlib.compress(b"abc"), "deflate", LIMIT) == b"abc"


def test_a_stream_that_was_cut_begins_at_an_event() -> None:
    route = metered(MeteringMode.CUSTOM, "sseEvents", Protocol.SSE)
    data = event(route=route, body=b"ta: half\n\ndata: 1\n\ndata: 2\n\n", lost="only the end was kept")["data"]

    assert (data["units"], data["metering_error"]) == ("2", "only the end was kept")


texts = st.text(st.characters(), max_size=40)


@given(
    method=texts,
    path=texts,
    user=texts.filter(lambda one: "\0" not in one and one.isprintable()),
    plan=st.text(max_size=5),
    body=st.binary(max_size=200) | st.sampled_from([b'{"n":7}', b"data: 1\n\n", b"[" * 200]),
    encoding=st.sampled_from(["", "gzip", "br", "identity"]),
    mode=st.sampled_from(MeteringMode),
    protocol=st.sampled_from(Protocol),
    expression=st.sampled_from(EXPRESSIONS) | st.text(max_size=10),
    status=st.integers(100, 599),
    lost=st.sampled_from(["", "cut"]),
)
def test_whatever_passes_becomes_an_event_that_the_service_takes(
    method: str,
    path: str,
    user: str,
    plan: str,
    body: bytes,
    encoding: str,
    mode: MeteringMode,
    protocol: Protocol,
    expression: str,
    status: int,
    lost: str,
) -> None:
    capture = Capture(
        id="id",
        time_us=1,
        method=method,
        path=path,
        route=metered(mode, expression, protocol),
        status=status,
        response_bytes=len(body),
        body=body,
        last_chunk=body[-5:],
        encoding=encoding,
        lost=lost,
        caller=Caller(user, plan),
    )

    found = codec.decode(to_event(capture, source="s", body_bytes=LIMIT))

    draft = EventDraft(found["source"], found["id"], found["type"], found["subject"], None, found["data"])
    assert rules.check(draft) == ()
    assert rfc3339.parse(found["time"]) == 1


@given(st.lists(st.binary(max_size=20)), st.integers(0, 50))
def test_a_buffer_counts_everything_and_keeps_the_end(chunks: list[bytes], limit: int) -> None:
    buffer = BodyBuffer(limit)
    for chunk in chunks:
        buffer.add(chunk)

    everything = b"".join(chunks)
    assert buffer.total == len(everything)
    assert len(buffer.content()) <= limit
    assert everything.endswith(buffer.content())
    if limit:
        assert buffer.cut == (buffer.content() != everything)
