"""OpenMeter's own JavaScript SDK, unmodified, against this service; skipped where node is absent."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.api import Api
from tests.conformance.polling import eventually

CALL_S = 180
TIME = "2026-01-14T10:00:00.000Z"

Calls = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def sdk(node_folder: Path, api: Api) -> Calls:
    """Runs calls, each ``[resource, method, *arguments]``, one after the other in one program."""

    def run(*calls: list[Any]) -> list[dict[str, Any]]:
        task = json.dumps({"baseUrl": api.url, "apiKey": api.key, "calls": calls})
        done = subprocess.run(
            ["node", "call.mjs"],
            cwd=node_folder,
            input=task,
            capture_output=True,
            text=True,
            timeout=CALL_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        return answers

    return run


def values(answers: list[dict[str, Any]]) -> list[Any]:
    assert [one["error"] for one in answers if "error" in one] == []
    return [one["value"] for one in answers]


def meter(slug: str) -> dict[str, Any]:
    return {
        "slug": slug,
        "eventType": slug,
        "aggregation": "SUM",
        "valueProperty": "$.tokens",
        "groupBy": {"model": "$.model"},
    }


def event(slug: str, subject: str, model: str, tokens: int) -> dict[str, Any]:
    return {"type": slug, "subject": subject, "time": TIME, "data": {"tokens": tokens, "model": model}}


def test_it_ingests_one_and_many_and_queries_them(sdk: Calls, api: Api) -> None:
    slug = api.fresh("node")
    again = {**event(slug, "a", "gpt-4", 10), "id": "1", "source": slug}
    many = [event(slug, "a", "gpt-4", 5), event(slug, "b", "small", 1)]
    query = {"from": TIME, "to": "2026-01-15T00:00:00.000Z", "windowSize": "HOUR", "windowTimeZone": "UTC"}

    values(
        sdk(
            ["meters", "create", meter(slug)],
            ["events", "ingest", again],
            ["events", "ingest", again],
            ["events", "ingest", many],
        )
    )

    def usage() -> set[tuple[str, str, int]]:
        parameters = {**query, "subject": ["a", "b"], "groupBy": ["model"]}
        (answer,) = values(sdk(["meters", "query", slug, parameters]))
        return {(row["subject"], row["groupBy"]["model"], row["value"]) for row in answer["data"]}

    eventually(usage, {("a", "gpt-4", 15), ("b", "small", 1)}, within_s=10)
    (filtered,) = values(sdk(["meters", "query", slug, {"filterGroupBy": {"model": "small"}}]))
    assert [row["value"] for row in filtered["data"]] == [1]


def test_it_creates_lists_gets_updates_and_deletes_meters(sdk: Calls, api: Api) -> None:
    slug = api.fresh("node")

    answers = sdk(
        ["meters", "create", meter(slug)],
        ["meters", "list"],
        ["meters", "update", slug, {"name": "Tokens", "groupBy": {"model": "$.model"}}],
        ["meters", "get", slug],
        ["meters", "delete", slug],
        ["meters", "get", slug],
    )

    created, listed, updated, read, _ = values(answers[:5])
    assert created["slug"] == slug
    assert slug in {one["slug"] for one in listed}
    assert updated["name"] == read["name"] == "Tokens"
    assert answers[5]["error"]["status"] == 404
