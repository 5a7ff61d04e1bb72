"""Server-sent events, whole and in pieces."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter.gateway.sse import SseEvent, SseParser, all_data, last_data, parse_events


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"", []),
        (b"data: a\n\n", [SseEvent("", "a", "")]),
        (b"data:a\r\n\r\ndata:b\r\r", [SseEvent("", "a", ""), SseEvent("", "b", "")]),
        (b"data:  a\ndata: b\n\n", [SseEvent("", " a\nb", "")]),
        (b"event: e\nid: 1\ndata: x\n\n", [SseEvent("e", "x", "1")]),
        (b"event: ping\n\n", [SseEvent("ping", "", "")]),
        (b"id: 1\n\ndata: x\n\n", [SseEvent("", "", "1"), SseEvent("", "x", "")]),
        (b": comment\n\nretry: 3\n\ndata\n\nother: x\n\n", []),
        (b"data: last", [SseEvent("", "last", "")]),
        (b"data:\n\n", [SseEvent("", "", "")]),
        (b"\xef\xbb\xbfdata: x\n\n", [SseEvent("", "x", "")]),
        (b"data: \xc3\xa9\xff\n\n", [SseEvent("", "é\ufffd", "")]),
        (b"data: " + b"x" * 100_000 + b"\n\ndata: y\n\n", [SseEvent("", "x" * 100_000, ""), SseEvent("", "y", "")]),
    ],
)
def test_a_stream_is_read_as_apigate_reads_it(stream, events):
    assert parse_events(stream) == events


LINES = st.sampled_from([b"data: a", b"data:b", b"event: e", b"id: 1", b"", b": c", b"data", b"\xef\xbb\xbfdata: z"])
STREAMS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"])).map(b"".join), max_size=12).map(b"".join)


@given(STREAMS, st.lists(st.integers(0, 60), max_size=8))
@settings(max_examples=300, deadline=None)
def test_where_a_stream_is_cut_makes_no_difference(stream, cuts):
    parser = SseParser(max_event_bytes=max(len(stream), 1))
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]

    found = [event for a, b in pairwise(places) for event in parser.feed(stream[a:b])]

    assert found + parser.finish() == parse_events(stream)


def test_a_line_without_an_end_takes_bounded_memory_and_counts_once():
    parser = SseParser(max_event_bytes=100)

    found = [event for _ in range(1_000) for event in parser.feed(b"data: " + b"x" * 50)]
    found += parser.feed(b"\n\ndata: y\n\n")

    assert [len(event.data) for event in found] == [94, 1]


def test_an_event_of_endless_lines_takes_bounded_memory():
    parser = SseParser(max_event_bytes=100)

    found = parser.feed(b"data: 0123456789\n" * 1_000 + b"\n")

    assert len(found) == 1
    assert len(found[0].data) <= 120


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (b"data: a\n\ndata: b\n\n", "b"),
        (b"data: a\n\ndata: [DONE]\n\n", "a"),
        (b"data: [DONE]\n\ndata: a\n\n", "a"),
        (b"data: a\n\ndata: [DONE]\n\ndata: [DONE]\n\n", "[DONE]"),
        (b"data: [DONE]\n\n", ""),
        (b"", ""),
    ],
)
def test_the_last_data_is_that_before_a_final_done(stream, data):
    assert last_data(parse_events(stream)) == data


def test_all_data_is_what_there_is_joined():
    assert all_data(parse_events(b"data: a\n\nevent: ping\n\ndata: b\n\n")) == "a\nb"
