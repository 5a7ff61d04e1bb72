"""Importing access logs: requests as exchanges, each once, and going on after a stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import WORKSPACE
from tests.fake_service import FakeService, Sent, Told
from tests.unit.cli.conftest import Run

LINE = '10.0.0.1 - alice [14/Jan/2026:10:00:00 +0000] "GET /x HTTP/1.1" 200 1536\n'


class Store:
    """The exchanges door as far as an import sees it; requests to /bad are refused."""

    def __init__(self, service: FakeService) -> None:
        self.exchanges: dict[tuple[str, str], Any] = {}
        self.fails_after: int | None = None
        self.requests = 0
        service.answer = self.take

    def take(self, sent: Sent) -> Told:
        self.requests += 1
        if self.fails_after is not None and self.requests > self.fails_after:
            return Told(503, {"errors": [{"detail": "no storage"}]})
        results, errors = [], []
        for index, one in enumerate(sent.json()):
            if one["path"] == "/bad":
                results.append({"status": "rejected"})
                errors.append({"detail": "is bad", "source": {"pointer": f"/{index}/path"}})
                continue
            known = self.exchanges.setdefault((one["source"], one["id"]), one)
            results.append({"status": "accepted" if known is one else "duplicate"})
        if len(errors) == len(results):
            return Told(400, {"errors": errors})
        return Told(202, {"data": results, "errors": errors})


@pytest.fixture
def store(service: FakeService) -> Store:
    return Store(service)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def test_a_request_becomes_an_exchange(run: Run, store: Store, service: FakeService, log: Path) -> None:
    log.write_text(LINE)

    assert run("events", "import", log, "--user-field", "user").code == 0

    (exchange,) = store.exchanges.values()
    assert service.sent[0].path == f"/v1/{WORKSPACE}/exchanges"
    assert exchange.pop("id")
    assert exchange == {
        "source": "access.log",
        "time": "2026-01-14T10:00:00Z",
        "user_id": "alice",
        "method": "GET",
        "path": "/x",
        "status": 200,
        "requestBytes": 0,
        "responseBytes": 1536,
    }


def test_equal_lines_count_each_and_a_second_import_counts_none(run: Run, store: Store, log: Path) -> None:
    log.write_text(LINE * 7)

    first, second = (run("events", "import", log, "--batch", "3", "--json").json() for _ in range(2))

    assert (first["accepted"], second["accepted"], second["duplicate"]) == (7, 0, 7)


def test_an_import_that_was_stopped_goes_on_without_sending_again(run: Run, store: Store, log: Path) -> None:
    log.write_text((LINE * 2 + "nonsense\n") * 4)
    store.fails_after = 2
    stopped = run("events", "import", log, "--batch", "3", "--parallel", "1")
    store.fails_after = None

    done = run("events", "import", log, "--batch", "3", "--parallel", "1", "--json")

    assert stopped.code == 3
    assert (done.json()["accepted"], done.json()["duplicate"], len(store.exchanges)) == (8, 0, 8)


def test_a_bad_line_before_a_stop_is_told_once(run: Run, store: Store, log: Path) -> None:
    log.write_text(LINE + "nonsense\n" + LINE)
    store.fails_after = 1
    run("events", "import", log, "--batch", "1", "--parallel", "1")
    store.fails_after = None

    done = run("events", "import", log, "--batch", "1", "--parallel", "1", "--json")

    assert (done.json()["accepted"], done.json()["rejected"]) == (2, 1)


def test_bad_lines_and_refused_requests_are_told_by_line(run: Run, store: Store, log: Path) -> None:
    log.write_text(LINE + "nonsense\n" + LINE.replace("/x", "/bad") + LINE)

    done = run("events", "import", log)

    assert done.code == 1
    assert [line[:17] for line in done.err.splitlines()] == ["line 2: rejected:", "line 3: rejected:"]
    assert "path: is bad" in done.err


def test_columns_mean_nothing_in_a_log(run: Run, store: Store, log: Path) -> None:
    log.write_text(LINE)

    assert run("events", "import", log, "--type", "t").code == 2
