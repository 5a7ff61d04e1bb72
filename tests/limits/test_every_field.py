"""Nothing that a caller can make long or many is without a limit: every field of every body, once far too large.

Fields are those of the OpenAPI documents that the route's usual body has room for. A path and a query string cannot be
longer than API Gateway lets them; as long as that, they do no harm.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest

from dynameter.openapi import catalogue
from tests.documented import UNDOCUMENTED, operations
from tests.limits.edges import send
from tests.unit.http.conftest import Settled
from tests.unit.http.house import KEYS, WORKSPACE_PARAMETERS, Ask, parameters_of

MEDIA_TYPE = "application/json"
HUGE = 300_000
"""Characters, past every limit of a field, within the body's."""
LINE = 9_000
"""Characters that API Gateway lets through in a path or a query string."""

UNLIMITED = {
    "POST /v1/{workspace_id}/exchanges": "what passed through a gateway: the body's limit is its own",
    "POST /admin/expressions/test": "a sample of an exchange, or an expression whose error is the answer",
    "POST /admin/routes/{id}/test": "a sample of an exchange",
}
IGNORED = {
    ("clientId",): "OpenMeter's, of its web client",
    ("customer", "key"): "the id beside it wins",
    ("data", 0, "id"): "the attribute beside it wins",
    ("phases", 0, "rateCards", 0, "price", "tiers"): "a unit price has none",
    ("metering_quantity",): "a number of any length is stored; the meter skips it",
    ("effective_at",): "a Unix time, as pydantic reads it: a float",
}
"""Fields that may be huge, as no more than the body's limit holds them."""

FIELDS = [key for key in KEYS if MEDIA_TYPE in operations()[key].get("requestBody", {}).get("content", {})]
"""Both spellings of v3's paths are answered by the same code."""


class Number(str):
    """A number as it is written in JSON."""


def written(value: Any) -> str:
    """The value as JSON."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{written(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


def variants(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Everything that a value may be by the schema."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    parts = [one for word in ("anyOf", "oneOf", "allOf") for one in schema.get(word, ())]
    if not parts or "properties" in schema:
        yield schema
    for one in parts:
        yield from variants(document, one)


def huge(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Any]:
    """Values of the schema's types that are far too large."""
    for one in variants(document, schema):
        types = one.get("type")
        if types == "string" and "enum" not in one and "const" not in one:
            yield "a" * HUGE
            if one.get("format") == "date-time":
                yield f"2026-01-01T00:00:00.{'0' * HUGE}Z"
        elif types == "array":
            item = next(variants(document, one.get("items", {})), {})
            yield [{}] * 20_000 if item.get("type") == "object" else [f"k{number}" for number in range(20_000)]
        elif types == "integer":
            yield from (10**400, -(10**400), 2**63)
        elif types == "number":
            yield from (Number("1e900"), Number("1." + "1" * 4_000), 10**400)
        elif types == "object" and isinstance(one.get("additionalProperties"), dict):
            yield from ({f"k{number}": "v" for number in range(20_000)}, {"a" * HUGE: "v"}, {"k": "a" * HUGE})


def places(
    document: Mapping[str, Any], schema: Mapping[str, Any], value: Any, way: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """Every known field of the objects in the value, whether they have it or not."""
    for one in variants(document, schema):
        if isinstance(value, dict):
            for name, field in one.get("properties", {}).items():
                yield (*way, name), field
                if name in value:
                    yield from places(document, field, value[name], (*way, name))
        elif isinstance(value, list) and value and "items" in one:
            yield from places(document, one["items"], value[0], (*way, 0))


def replaced(value: Any, way: tuple[str | int, ...], made: Any) -> Any:
    """A copy of the value with something else in that place."""
    whole = deepcopy(value)
    at = whole
    for step in way[:-1]:
        at = at[step]
    at[way[-1]] = made
    return whole


@pytest.mark.parametrize("route", [key for key in FIELDS if " /v3/openmeter/" not in key and key not in UNLIMITED])
def test_no_field_of_a_body_may_be_huge(route: str, untouched: Settled) -> None:
    usual, operation = untouched.asks[route], operations()[route]
    document = catalogue.document(operation["document"]) or {}
    schema = operation["requestBody"]["content"][MEDIA_TYPE]["schema"]
    served = set()
    for way, field in places(document, schema, usual.body):
        for value in huge(document, field):
            body = written(replaced(usual.body, way, value))
            answer = send(untouched, route, Ask(body, usual.query, usual.path, usual.before)).answer
            assert answer.status < 500, (way, answer.text[:300])
            if answer.status < 300:
                served.add(way)
            if answer.status < 300 or usual.before:
                untouched.house.put_back(untouched.kept)

    UNDOCUMENTED.clear()  # what is ignored is not documented at such a size
    assert sorted(served - set(IGNORED), key=str) == []


@pytest.mark.parametrize("route", KEYS)
def test_the_longest_path_and_query_string_do_no_harm(route: str, untouched: Settled) -> None:
    usual = untouched.asks[route]
    paths = [one for one in parameters_of(route) if one not in WORKSPACE_PARAMETERS]
    queries = [one["name"] for one in operations()[route].get("parameters", ()) if one["in"] == "query"]
    asks = [Ask(usual.body, usual.query, {**usual.path, name: "a" * LINE}) for name in paths]
    asks += [Ask(usual.body, (*usual.query, (name, "a" * LINE)), usual.path) for name in queries]
    asks += [Ask(usual.body, (*usual.query, *((name, "a") for _ in range(LINE // 10))), usual.path) for name in queries]

    for ask in asks:
        answer = send(untouched, route, ask).answer
        assert answer.status < 500, (ask.path, ask.query[-1:], answer.text[:300])
        if answer.status < 300 and not route.startswith("GET "):
            untouched.house.put_back(untouched.kept)
    UNDOCUMENTED.clear()
