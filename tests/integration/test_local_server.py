"""The local server as a process: an event's whole way on each engine, and how the process starts and stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from typing import Any

from local.template import ROOT
from tests.conformance.polling import eventually
from tests.running_server import Server, running_server

BATCH = "application/cloudevents-batch+json"
START_S = 90


def call(server: Server, method: str, path: str, body: Any = None, media_type: str = "application/json") -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": media_type}
    request = urllib.request.Request(server.url + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=START_S) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def events(start: int, count: int) -> list[dict[str, Any]]:
    return [
        {
            "specversion": "1.0",
            "id": str(number),
            "source": "test",
            "type": "request",
            "subject": f"customer-{number % 3}",
            "time": f"2026-01-14T10:{number % 60:02d}:00Z",
            "data": {"tokens": "0.1"},
        }
        for number in range(start, start + count)
    ]


def usage(server: Server, meter: str) -> Any:
    answer = call(server, "GET", f"/api/v1/meters/{meter}/query?groupBy=subject")
    return [(row["subject"], row["value"]) for row in answer["data"]]


def test_events_become_usage_and_count_once_however_often_they_are_sent(server: Server) -> None:
    call(server, "POST", "/api/v1/meters", {"slug": "calls", "eventType": "request", "aggregation": "COUNT"})
    tokens = {"slug": "tokens", "eventType": "request", "aggregation": "SUM", "valueProperty": "$.tokens"}
    call(server, "POST", "/api/v1/meters", tokens)

    for _ in range(3):
        call(server, "POST", "/api/v1/events", events(0, 60), BATCH)
    call(server, "POST", "/api/v1/events", events(60, 3), BATCH)

    # The last events come after every repeat in the stream: once they show, the repeats have been seen.
    eventually(lambda: usage(server, "calls"), [(f"customer-{number}", 21) for number in range(3)], within_s=10)
    eventually(lambda: usage(server, "tokens"), [(f"customer-{number}", 2.1) for number in range(3)], within_s=10)


def test_sigterm_ends_the_server_cleanly() -> None:
    with running_server() as server:
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(START_S)
        log = server.log.read_text()

    assert code == 0
    assert "Traceback" not in log


def test_a_port_in_use_is_a_clear_message() -> None:
    with running_server() as server:
        port = server.url.rpartition(":")[2]
        second = subprocess.run(
            [sys.executable, "-m", "local"],
            cwd=ROOT,
            env={**os.environ, "PORT": port, "HOST": "127.0.0.1", "DYNAMETER_ENDPOINT": ""},
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )

    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in second.stderr
    assert "Traceback" not in second.stderr


def test_the_help_names_every_variable() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "local", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=START_S, check=True
    )

    for name in ("PORT", "HOST", "DYNAMETER_ENDPOINT", "DYNAMETER_TABLE_PREFIX", "EVENT_WRITES"):
        assert name in shown.stdout
