"""Importing files: exact on a second run, going on after a stop, and honest about what was refused."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.cli.imports.checkpoint import SUFFIX
from dynameter.cli.imports.records import UnusableRecord, read_time
from tests.fake_service import FakeService, Sent, Told
from tests.unit.cli.conftest import Done, Run

CSV = "time,customer,kind,tokens,note\n"
MAPPED = ("--type-column", "kind", "--subject-column", "customer", "--time-column", "time")


class Store:
    """The intake as far as an import sees it: first payload stays, events of type "bad" are refused."""

    def __init__(self, service: FakeService) -> None:
        self.events: dict[tuple[str, str], Any] = {}
        self.requests = 0
        self.fails_after: int | None = None
        service.answer = self.take

    def take(self, sent: Sent) -> Told:
        self.requests += 1
        if self.fails_after is not None and self.requests > self.fails_after:
            return Told(503, {"detail": "no storage"})
        events = sent.json()
        bad = [index for index, one in enumerate(events) if one["type"] == "bad"]
        if len(bad) == len(events):
            errors = [{"field": f"[{index}].type", "index": index, "message": "is bad"} for index in bad]
            return Told(400, {"detail": "invalid event", "extensions": {"validationErrors": errors}})
        results = [self.one(index, event) for index, event in enumerate(events)]
        return Told(200, {"results": results})

    def one(self, index: int, event: Any) -> dict[str, Any]:
        if event["type"] == "bad":
            reason = {"field": "type", "rule": "pattern", "reason": "is bad"}
            return {"index": index, "status": "invalid", "errors": [reason]}
        known = self.events.setdefault((event["source"], event["id"]), event)
        fresh = known is event
        return {"index": index, "status": "accepted" if fresh else "duplicate" if known == event else "conflict"}


@pytest.fixture
def store(service: FakeService) -> Store:
    return Store(service)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "usage.csv"


def rows(count: int, kind: str = "completion") -> str:
    return "".join(f"2026-01-14T10:00:{n % 60:02d}Z,customer-{n % 3},{kind},{n},\n" for n in range(count))


def counts(done: Done) -> dict[str, int]:
    found = done.json()
    return {name: found[name] for name in ("accepted", "duplicate", "conflict", "rejected")}


def test_a_row_becomes_an_event_with_its_other_columns_as_data(run: Run, store: Store, file: Path) -> None:
    file.write_text(CSV + "2026-01-14T10:00:00Z,c1,completion,12.50,\n")

    run("events", "import", file, *MAPPED)

    (event,) = store.events.values()
    assert len(event.pop("id")) == 32
    assert event == {
        "specversion": "1.0",
        "source": "usage.csv",
        "type": "completion",
        "subject": "c1",
        "time": "2026-01-14T10:00:00Z",
        "data": {"tokens": "12.50"},
    }


def test_a_second_import_changes_nothing(run: Run, store: Store, file: Path) -> None:
    file.write_text(CSV + rows(30))

    first = run("events", "import", file, *MAPPED, "--json", "--batch", "7")
    second = run("events", "import", file, *MAPPED, "--json", "--batch", "11")

    assert counts(first) == {"accepted": 30, "duplicate": 0, "conflict": 0, "rejected": 0}
    assert counts(second) == {"accepted": 0, "duplicate": 30, "conflict": 0, "rejected": 0}


def test_equal_rows_are_different_events(run: Run, store: Store, file: Path) -> None:
    file.write_text(CSV + "2026-01-14T10:00:00Z,c1,completion,1,\n" * 3)

    assert counts(run("events", "import", file, *MAPPED, "--json"))["accepted"] == 3


def test_the_files_folder_packing_and_line_ends_do_not_matter(run: Run, store: Store, file: Path) -> None:
    file.write_text(CSV + rows(3))
    packed = file.parent / "elsewhere" / "usage.csv.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress((CSV + rows(3)).replace("\n", "\r\n").encode()))

    run("events", "import", file, *MAPPED)
    again = run("events", "import", packed, *MAPPED, "--json")

    assert counts(again)["duplicate"] == 3


def test_an_import_that_was_stopped_goes_on_where_it_was(run: Run, store: Store, file: Path) -> None:
    file.write_text(CSV + rows(40))
    store.fails_after = 2
    stopped = run("events", "import", file, *MAPPED, "--batch", "10", "--parallel", "1")
    store.fails_after, before = None, store.requests

    done = run("events", "import", file, *MAPPED, "--batch", "10", "--parallel", "1", "--json")

    assert stopped.code == 3
    assert "going on after line 21" in done.err
    assert store.requests - before == 2
    assert counts(done) == {"accepted": 40, "duplicate": 0, "conflict": 0, "rejected": 0}


def test_nothing_is_left_beside_the_file_when_it_is_done(run: Run, store: Store, file: Path) -> None:
    file.write_text(CSV + rows(5))

    run("events", "import", file, *MAPPED)

    assert list(file.parent.iterdir()) == [file]


def test_an_import_with_other_settings_begins_anew(run: Run, store: Store, file: Path) -> None:
    file.write_text(CSV + rows(20))
    store.fails_after = 1
    run("events", "import", file, *MAPPED, "--batch", "10", "--parallel", "1")
    store.fails_after = None

    done = run("events", "import", file, *MAPPED, "--source", "other", "--json")

    assert "other settings" in done.err
    assert counts(done)["accepted"] == 20


def test_a_file_that_was_changed_meanwhile_begins_anew(run: Run, store: Store, file: Path) -> None:
    file.write_text(CSV + rows(20))
    store.fails_after = 1
    run("events", "import", file, *MAPPED, "--batch", "10", "--parallel", "1")
    store.fails_after = None
    file.write_text(CSV + rows(20).replace("customer-1", "customer-9"))

    done = run("events", "import", file, *MAPPED, "--json")

    assert "has changed" in done.err
    assert sum(counts(done).values()) == 20


def test_a_broken_state_file_is_ignored(run: Run, store: Store, file: Path) -> None:
    file.write_text(CSV + rows(2))
    file.with_name(file.name + SUFFIX).write_text('{"version":1,"offset":"x"}')

    assert counts(run("events", "import", file, *MAPPED, "--json"))["accepted"] == 2


def test_refused_rows_are_told_with_their_lines_and_the_others_are_stored(
    run: Run, store: Store, file: Path, tmp_path: Path
) -> None:
    good, bad = rows(1), rows(1, "bad")
    file.write_text(CSV + good + bad + "too,few\n" + ",c1,completion,1,\n" + good)
    rejects = tmp_path / "rejects.jsonl"

    done = run("events", "import", file, *MAPPED, "--rejects", rejects)

    assert done.code == 1
    assert done.err.splitlines() == [
        "line 3: rejected: type: is bad",
        "line 4: rejected: has 2 cells, the header 5",
        "line 5: rejected: has no time: 'time' is empty",
    ]
    assert [json.loads(line)["line"] for line in rejects.read_text().splitlines()] == [3, 4, 5]
    assert len(store.events) == 2


def test_a_batch_of_only_bad_events_is_told_line_by_line(run: Run, store: Store, file: Path) -> None:
    file.write_text(CSV + rows(3, "bad"))

    done = run("events", "import", file, *MAPPED, "--json")

    assert [one["line"] for one in done.json()["troubles"]] == [2, 3, 4]


def test_a_used_id_with_another_payload_is_a_conflict(run: Run, store: Store, file: Path) -> None:
    file.write_text("id,customer,n\n1,c,5\n1,c,6\n")

    done = run("events", "import", file, "--type", "t", "--subject-column", "customer", "--id-column", "id", "--json")

    assert done.code == 1
    assert counts(done) == {"accepted": 1, "duplicate": 0, "conflict": 1, "rejected": 0}
    assert done.json()["troubles"][0]["line"] == 3


def test_a_quoted_cell_may_hold_lines(run: Run, store: Store, file: Path) -> None:
    file.write_text('customer,note,n\nc,"two\nlines",1\nc,x\n')

    done = run("events", "import", file, "--type", "t", "--subject-column", "customer")

    assert [one["data"] for one in store.events.values()] == [{"note": "two\nlines", "n": "1"}]
    assert "line 4: rejected" in done.err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'c,"open\n', "line 2: rejected: no CSV"),
        (b"c,\xff\xfe\n", "line 2: rejected: is not UTF-8"),
        (b"c," + b"x" * 1_000_001 + b"\n", "line 2: rejected: longer than 1000000 bytes"),
    ],
)
def test_what_cannot_be_read_is_told_and_the_rest_goes_on(
    run: Run, store: Store, file: Path, content: bytes, reason: str
) -> None:
    file.write_bytes(b"customer,n\n" + content + (b"" if b'"' in content else b"c,1\n"))

    done = run("events", "import", file, "--type", "t", "--subject-column", "customer")

    assert reason in done.err
    assert len(store.events) == (0 if b'"' in content else 1)


def test_cloudevents_are_sent_as_they_are_and_completed(run: Run, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(
        '{"type":"t","subject":"c","id":"7","source":"s","data":{"n":1.10}}\n\n{"type":"t","subject":"c"}\n'
    )

    run("events", "import", file)

    first, second = store.events.values()
    assert (first["id"], first["source"], str(first["data"]["n"])) == ("7", "s", "1.10")
    assert (len(second["id"]), second["source"], second["specversion"]) == (32, "events.jsonl", "1.0")


def test_json_objects_are_mapped_by_dotted_paths(run: Run, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"at":1768384800,"user":{"id":7},"use":{"tokens":12.50,"model":"a"}}\nnot json\n[1]\n')

    done = run("events", "import", file, "--type", "t", "--subject-column", "user.id", "--time-column", "at",
        "--time-format", "epoch", "--data-columns", "use.tokens,use.model")  # fmt: skip

    (event,) = store.events.values()
    assert (event["subject"], event["time"]) == ("7", "2026-01-14T10:00:00Z")
    assert json.dumps(event["data"], default=str) == '{"tokens": "12.50", "model": "a"}'
    assert "line 2: rejected: no JSON" in done.err
    assert "line 3: rejected: is no JSON object" in done.err


@pytest.mark.parametrize(
    ("name", "words", "reason"),
    [
        ("usage.dat", [], "--format"),
        ("usage.csv", ["--subject", "c"], "--type"),
        ("usage.csv", ["--type", "t", "--subject-column", "nope"], "no column nope"),
        ("usage.csv.gz", ["--type", "t", "--subject", "c"], "usage.csv.gz"),
    ],
)
def test_a_file_that_cannot_be_imported_so_is_wrong_usage(
    run: Run, store: Store, tmp_path: Path, name: str, words: list[str], reason: str
) -> None:
    file = tmp_path / name
    file.write_bytes(b"\x1f\x8bbroken" if name.endswith(".gz") else b"customer,n\nc,1\n")

    done = run("events", "import", file, *words)

    assert (done.code, store.requests) == (2, 0)
    assert reason in done.err


def test_a_pipe_is_refused_for_what_was_read_of_it_would_be_lost(run: Run, store: Store, tmp_path: Path) -> None:
    pipe = tmp_path / "usage.jsonl"
    os.mkfifo(pipe)

    done = run("events", "import", pipe, "--json")

    assert (done.code, store.requests) == (2, 0)
    assert "is no regular file" in done.err


def test_a_folder_that_takes_no_state_does_not_stop_an_import(run: Run, store: Store, tmp_path: Path) -> None:
    file = tmp_path / ("u" * 245 + ".csv")  # with what stands behind it the name is longer than a name may be
    file.write_text(CSV + rows(30))

    done = run("events", "import", file, *MAPPED, "--batch", "10", "--json")

    assert (done.code, counts(done)["accepted"]) == (0, 30)
    assert done.err.count("cannot be kept") == 1


def test_a_dry_run_sends_nothing(run: Run, store: Store, file: Path) -> None:
    file.write_text(CSV + rows(2) + "x\n")

    done = run("events", "import", file, *MAPPED, "--dry-run", "--json")

    assert (store.requests, done.code) == (0, 1)
    assert (done.json()["readable"], done.json()["rejected"]) == (2, 1)


@pytest.mark.parametrize(
    ("text", "form", "instant"),
    [
        ("2026-01-14T10:00:00+01:00", "rfc3339", "2026-01-14T10:00:00+01:00"),
        ("1768384800.25", "epoch", "2026-01-14T10:00:00.25Z"),
        ("1768384800250", "epoch-ms", "2026-01-14T10:00:00.25Z"),
        ("14.01.2026 10:00", "%d.%m.%Y %H:%M", "2026-01-14T10:00:00Z"),
        ("2026-01-14 10:00 +0100", "%Y-%m-%d %H:%M %z", "2026-01-14T09:00:00Z"),
    ],
)
def test_times_are_read_in_many_forms(text: str, form: str, instant: str) -> None:
    assert read_time(text, form) == instant


@given(st.text(max_size=40), st.sampled_from(["rfc3339", "epoch", "epoch-ms", "epoch-us", "%Y-%m-%d"]))
def test_no_time_makes_reading_fail_otherwise(text: str, form: str) -> None:
    with contextlib.suppress(UnusableRecord):
        read_time(text, form)
