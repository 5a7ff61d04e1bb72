"""Requests as no client sends them: every one is answered, none with a fault of the service, all as documented."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter import codec
from tests.abuse.fuzz.effort import effort
from tests.abuse.fuzz.oddities import HUGE, lines, segments, spoiled, texts, tokens
from tests.abuse.gate import Gate, gate
from tests.documented import operations
from tests.simulation.world import Answer
from tests.unit.http.house import KEYS, Ask
from tests.unit.http.requests import requests

PREFER = ("return=minimal", "return=representation", "handling=lenient", "wait=1", ", ,;;", 'return="x', "=", "a=b;c")
ENTITY_TAGS = ("*", '"', 'W/"x"', '"1"', "1", '"' + "9" * 400 + '"', ",,,", '"-1"', '"1", "2"')
MEDIA_TYPES = (
    "",
    ";",
    "/",
    "*/*",
    "application/json; charset=latin-1",
    "application/json;charset=utf-8;x",
    "APPLICATION/JSON",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/vnd.api+json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
    "text/csv",
    "text/csv;q=0",
    "text/csv;q=x, */*;q=",
    "application/octet-stream",
)
HEADERS: dict[str, st.SearchStrategy[str]] = {
    "prefer": st.sampled_from(PREFER) | lines,
    "if-match": st.sampled_from(ENTITY_TAGS) | lines,
    "if-none-match": st.sampled_from(ENTITY_TAGS) | lines,
    "idempotency-key": st.sampled_from(("", " ", '"a"', "a" * 300, "é")) | lines,
    "accept": st.sampled_from(MEDIA_TYPES) | lines,
    "content-type": st.sampled_from(MEDIA_TYPES) | lines,
    "content-encoding": st.sampled_from(("gzip", "br", "identity")),
    "x-forwarded-for": lines,
    "cookie": lines,
}
WITH_BODY = [key for key in KEYS if key.split(" ", 1)[0] in ("POST", "PUT", "PATCH")]


@pytest.fixture(scope="module")
def service() -> Iterator[Gate]:
    with gate() as found:
        yield found


@pytest.fixture(scope="module")
def asks(service: Gate) -> dict[str, Ask]:
    return requests(service.tenant)


def target_of(service: Gate, route: str, ask: Ask) -> str:
    path = service.tenant.path(route, **ask.path)
    return re.sub(r"\{(\w+)\}", lambda found: path[found[1]], route.split(" ", 1)[1])


def no_fault(service: Gate, answer: Answer) -> None:
    assert service.take_faults() == []
    assert answer.status < 500 or answer.status == 501, answer.text


@given(st.data())
@effort(400)
def test_any_body_is_answered(service: Gate, asks: dict[str, Ask], data: st.DataObject) -> None:
    route = data.draw(st.sampled_from(WITH_BODY))
    ask = asks[route]
    raw = data.draw(spoiled(ask.body) if ask.body is not None else tokens | st.binary(max_size=40))

    answer = service.send(route.split(" ", 1)[0], target_of(service, route, ask), {"content-type": ask.media_type}, raw)

    no_fault(service, answer)


@pytest.mark.parametrize("raw", [HUGE, b"1." + HUGE, b'{"key":' + HUGE + b"}", b'[{"id":' + HUGE + b"}]"])
def test_a_number_of_a_million_digits_is_answered_by_every_route(
    service: Gate, asks: dict[str, Ask], raw: bytes
) -> None:
    for route in WITH_BODY:
        no_fault(service, service.send(route.split(" ", 1)[0], target_of(service, route, asks[route]), None, raw))


@given(st.data())
@effort(300)
def test_any_path_is_answered(service: Gate, asks: dict[str, Ask], data: st.DataObject) -> None:
    method, pattern = data.draw(st.sampled_from(KEYS)).split(" ", 1)
    known = service.tenant.parameters()

    def fill(found: re.Match[str]) -> str:
        return data.draw(segments | st.sampled_from(known[found[1]]))

    path = re.sub(r"\{(\w+)\}", fill, pattern)
    path += data.draw(st.sampled_from(("", "", "", "/", "//", "/..", ";a=b", "%2F")))

    no_fault(service, service.send(method, path, None, codec.encode(asks[f"{method} {pattern}"].body)))


@given(st.sampled_from(("GET", "POST", "HEAD", "OPTIONS", "TRACE", "get", "é")), st.lists(segments, max_size=6))
@effort(100)
def test_any_place_is_answered(service: Gate, method: str, parts: list[str]) -> None:
    no_fault(service, service.send(method, "/" + "/".join(parts)))


@given(st.data())
@effort(500)
def test_any_query_string_is_answered(service: Gate, asks: dict[str, Ask], data: st.DataObject) -> None:
    route = data.draw(st.sampled_from(KEYS))
    ask = asks[route]
    named = [one["name"] for one in operations()[route].get("parameters", ()) if one["in"] == "query"]
    names = st.sampled_from([*named, "filter", "page", "sort", "filterGroupBy"]) if named else segments
    brackets = st.sampled_from(("", "", "", "[]", "[", "[a]", "[a][b]", "[size]", "[eq]", "[and][0][eq]", "%5Beq%5D"))
    pair = st.tuples(names, brackets, st.sampled_from(("=", "=", "=", "", "==")), segments).map("".join)
    pairs = data.draw(st.lists(pair, max_size=5))
    if data.draw(st.booleans()):
        pairs += [f"{name}={value}" for name, value in ask.query]
    query = data.draw(st.sampled_from(("&", "&", "&&", ";"))).join(pairs)

    answer = service.send(
        route.split(" ", 1)[0], f"{target_of(service, route, ask)}?{query}", None, codec.encode(ask.body)
    )

    no_fault(service, answer)


@given(st.data())
@effort(400)
def test_any_headers_are_answered(service: Gate, asks: dict[str, Ask], data: st.DataObject) -> None:
    route = data.draw(st.sampled_from(KEYS))
    ask = asks[route]
    headers = data.draw(st.fixed_dictionaries({}, optional=HEADERS))
    body = b"" if ask.body is None else ask.body if isinstance(ask.body, bytes) else codec.encode(ask.body)

    no_fault(service, service.send(route.split(" ", 1)[0], target_of(service, route, ask), headers, body))


@given(texts, st.sampled_from(("/openapi.json", "/docs")), st.lists(segments, max_size=20))
@effort(60)
def test_any_question_for_the_documents_is_answered(service: Gate, text: str, path: str, parts: list[str]) -> None:
    tag = text.encode("utf-8", "replace").decode("latin-1")
    query = "&".join(f"dialect={part}" for part in parts)

    no_fault(service, service.send("GET", f"{path}?{query}", {"if-none-match": tag}))
