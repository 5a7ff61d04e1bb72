"""The documents over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dynameter.openapi.catalogue import NAMES, document
from tests.conftest import LambdaContext, http_event, load_function

Answer = dict[str, Any]


def _get(route: str, query: list[tuple[str, str]] | None = None, headers: dict[str, str] | None = None) -> Answer:
    event = http_event(route, query=query, headers=headers, workspace=None)
    answer: Answer = load_function("describe").handler(event, LambdaContext())
    return answer


@pytest.mark.parametrize("name", NAMES)
def test_a_dialects_document_is_answered_to_who_has_no_key(name: str) -> None:
    answer = _get("GET /openapi.json", [("dialect", name)])
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == document(name)


def test_without_a_dialect_the_document_has_all() -> None:
    assert json.loads(_get("GET /openapi.json")["body"]) == document(None)


@pytest.mark.parametrize("route", ["GET /openapi.json", "GET /docs"])
def test_an_unknown_dialect_is_not_found_and_the_known_ones_are_named(route: str) -> None:
    answer = _get(route, [("dialect", "<script>")])
    assert answer["statusCode"] == 404
    assert json.loads(answer["body"]) == {"message": f"dialect must be one of {', '.join(NAMES)}"}


@pytest.mark.parametrize("route", ["GET /openapi.json", "GET /docs"])
def test_who_has_the_document_is_not_sent_it_again(route: str) -> None:
    tag = _get(route)["headers"]["etag"]
    again = _get(route, headers={"if-none-match": tag})
    assert (again["statusCode"], again["body"]) == (304, "")


@pytest.mark.parametrize("name", NAMES)
def test_a_dialects_page_shows_each_of_its_operations(name: str) -> None:
    page = _get("GET /docs", [("dialect", name)])["body"]
    ids = [one["operationId"] for methods in (document(name) or {})["paths"].values() for one in methods.values()]
    assert [one for one in ids if f'<details id="{one}">' not in page] == []


def test_the_page_of_everything_leads_to_every_operation() -> None:
    page = _get("GET /docs")["body"]
    paths = [path for path in (document(None) or {})["paths"] if f"<code>{path}</code>" not in page]
    assert paths == []


def test_a_page_can_run_no_script() -> None:
    answer = _get("GET /docs")
    assert "<script" not in answer["body"]
    assert answer["headers"]["content-security-policy"].startswith("default-src 'none'")


def test_a_query_string_of_too_many_parts_is_refused() -> None:
    answer = _get("GET /docs", [("dialect", "zuplo")] * 100)
    assert answer["statusCode"] == 400
