"""Meters that reach back, on the local server as a process: its waits are milliseconds, and nothing is missed."""

from __future__ import annotations

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.conformance.polling import eventually
from tests.running_server import Server

BATCH = "application/cloudevents-batch+json"
TOKENS = {"slug": "tokens", "eventType": "request", "aggregation": "SUM", "valueProperty": "$.tokens"}
PATIENCE_S = 90


def call(server: Server, method: str, path: str, body: Any = None, media_type: str = "application/json") -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": media_type}
    request = urllib.request.Request(server.url + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def emit(server: Server, type_: str, start: int, count: int) -> None:
    events = [
        {
            "specversion": "1.0",
            "id": f"{type_}-{number}",
            "source": "test",
            "type": type_,
            "subject": f"customer-{number % 4}",
            "time": f"2026-01-14T10:{number % 60:02d}:00Z",
            "data": {"tokens": 1, "model": f"m{number % 3}", "route": f"r{number % 2}"},
        }
        for number in range(start, start + count)
    ]
    call(server, "POST", "/api/v1/events", events, BATCH)


def state(server: Server, slug: str) -> str:
    found: str = call(server, "GET", f"/v1/{server.workspace}/meters/{slug}/state")["state"]
    return found


def usage(server: Server, slug: str, key: str) -> Any:
    rows = call(server, "GET", f"/api/v1/meters/{slug}/query?groupBy={key}")["data"]
    return {row["subject"] if key == "subject" else row["groupBy"][key]: row["value"] for row in rows}


def test_a_meter_made_after_its_events_counts_them(server: Server) -> None:
    emit(server, "old", 0, 120)

    call(server, "POST", "/api/v1/meters", {**TOKENS, "slug": "old", "eventType": "old"})

    eventually(lambda: state(server, "old"), "live", within_s=PATIENCE_S)
    assert usage(server, "old", "subject") == {f"customer-{number}": 30 for number in range(4)}


def test_events_that_are_being_stored_while_the_meter_is_made_count_once(server: Server) -> None:
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(emit, server, "busy", start, 50) for start in range(0, 600, 50)]
        sent[0].result()
        call(server, "POST", "/api/v1/meters", {**TOKENS, "slug": "busy", "eventType": "busy"})
        for one in sent:
            one.result()

    eventually(lambda: state(server, "busy"), "live", within_s=PATIENCE_S)
    expected = {f"customer-{number}": 150 for number in range(4)}
    eventually(lambda: usage(server, "busy", "subject"), expected, within_s=PATIENCE_S)


def test_a_changed_grouping_covers_the_events_from_before_it(server: Server) -> None:
    call(server, "POST", "/api/v1/meters", {**TOKENS, "slug": "grouped", "eventType": "grouped"})
    emit(server, "grouped", 0, 60)

    call(server, "PUT", "/api/v1/meters/grouped", {"groupBy": {"route": "$.route"}})

    eventually(lambda: state(server, "grouped"), "live", within_s=PATIENCE_S)
    eventually(lambda: usage(server, "grouped", "route"), {"r0": 30, "r1": 30}, within_s=PATIENCE_S)
    call(server, "PUT", "/api/v1/meters/grouped", {"groupBy": {"model": "$.model"}})
    eventually(lambda: state(server, "grouped"), "live", within_s=PATIENCE_S)
    assert usage(server, "grouped", "model") == {"m0": 20, "m1": 20, "m2": 20}


def test_the_greatest_value_is_found_again_when_it_was_voided(server: Server) -> None:
    peak = {"slug": "peak", "eventType": "peak", "aggregation": "MAX", "valueProperty": "$.tokens"}
    call(server, "POST", "/api/v1/meters", peak)
    for id_, tokens in (("low", 3), ("high", 8)):
        event = {"specversion": "1.0", "id": id_, "source": "test", "type": "peak", "subject": "customer-1"}
        sent = {**event, "time": "2026-01-14T10:00:00Z"} | {"data": {"tokens": tokens}}
        call(server, "POST", "/api/v1/events", sent, "application/cloudevents+json")
    eventually(lambda: usage(server, "peak", "subject"), {"customer-1": 8}, within_s=PATIENCE_S)

    call(server, "POST", f"/v1/{server.workspace}/voids", {"events": [{"source": "test", "id": "high"}]})

    eventually(lambda: usage(server, "peak", "subject"), {"customer-1": 3}, within_s=PATIENCE_S)
