"""Meters, usage and events: what is asked, and what is shown."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.cli.options import parse_instant
from tests.conftest import WORKSPACE
from tests.fake_service import FakeService, Sent, Told
from tests.unit.cli.conftest import Run

NOW_US = 1_768_384_800_000_000  # 2026-01-14T10:00:00Z


def row(value: Any, start: str = "2026-01-14T00:00:00Z", subject: str | None = None, **groups: str) -> dict[str, Any]:
    return {
        "value": value,
        "windowStart": start,
        "windowEnd": "2026-01-15T00:00:00Z",
        "subject": subject,
        "groupBy": groups,
    }


def test_a_meter_is_made_with_group_keys_by_name_or_path(run: Run, service: FakeService) -> None:
    service.script = [Told(201, {"slug": "tokens"})]

    run("meters", "create", "tokens", "--event-type", "completion", "--aggregation", "sum", "--value", "$.tokens",
        "--group-by", "model", "--group-by", "zone=$.where.zone")  # fmt: skip

    assert service.sent[0].json() == {
        "slug": "tokens",
        "eventType": "completion",
        "aggregation": "SUM",
        "valueProperty": "$.tokens",
        "groupBy": {"model": "$.model", "zone": "$.where.zone"},
    }


def test_an_update_of_a_meter_keeps_what_is_not_named(run: Run, service: FakeService) -> None:
    kept = {"slug": "m", "name": "Old", "description": "d", "groupBy": {"a": "$.a"}, "metadata": {"x": "y"}}
    service.answer = lambda _: Told(200, kept)

    run("meters", "update", "m", "--name", "New")

    assert service.sent[1].json() == {
        "name": "New",
        "description": "d",
        "groupBy": {"a": "$.a"},
        "metadata": {"x": "y"},
    }


STATE = {"generation": 7, "state": "rebuilding", "progress": 0.25, "live_from": "2026-01-14T10:00:00Z"}


def test_a_meter_is_rebuilt(run: Run, service: FakeService) -> None:
    service.script = [Told(202, STATE)]

    done = run("meters", "rebuild", "tokens", "--restart", "--drop-expired", "--json")

    assert done.code == 0
    assert [one | {"progress": float(one["progress"])} for one in done.json()] == [{"slug": "tokens", **STATE}]
    assert service.sent[0].path == f"/v1/{WORKSPACE}/meters/tokens/rebuild"
    assert service.sent[0].json() == {"restart": True, "drop_expired": True}


def test_a_rebuild_can_be_waited_for(run: Run, service: FakeService) -> None:
    service.script = [Told(202, STATE), Told(200, STATE), Told(200, {**STATE, "state": "live", "progress": 1})]

    done = run("meters", "rebuild", "tokens", "--wait", "--json")

    assert done.json()[0]["state"] == "live"
    assert [one.method for one in service.sent] == ["POST", "GET", "GET"]


def test_all_meters_are_rebuilt_but_for_those_that_the_service_refuses(run: Run, service: FakeService) -> None:
    refused = Told(409, {"title": "Conflict", "status": 409, "detail": "being rebuilt"}, {}, "application/problem+json")
    service.script = [Told(200, [{"slug": "a"}, {"slug": "b"}]), refused, Told(202, STATE)]

    done = run("meters", "rebuild", "--all", "--json")

    assert done.code == 1
    assert "a: being rebuilt" in done.err
    assert [one["slug"] for one in done.json()] == ["b"]


def test_a_rebuild_of_all_meters_stops_where_the_service_does_not_answer(run: Run, service: FakeService) -> None:
    service.answer = lambda sent: Told(200, [{"slug": "a"}, {"slug": "b"}]) if sent.method == "GET" else Told(503)

    assert run("meters", "rebuild", "--all").code == 3
    assert [one.path for one in service.sent[1:]] == [f"/v1/{WORKSPACE}/meters/a/rebuild"]


@pytest.mark.parametrize("arguments", [[], ["tokens", "--all"]])
def test_a_rebuild_names_one_meter_or_all(run: Run, service: FakeService, arguments: list[str]) -> None:
    assert run("meters", "rebuild", *arguments).code == 2
    assert service.sent == []


def test_usage_is_asked_for_by_window_group_subject_and_filter(run: Run, service: FakeService) -> None:
    service.script = [Told(200, {"data": [row(1)]})]

    run("usage", "tokens", "--from", "7d", "--to", "2026-01-14", "--window", "day", "--time-zone", "Europe/Berlin",
        "--group-by", "model,subject", "--subject", "a", "--subject", "b", "--filter", "zone=eu")  # fmt: skip

    assert service.sent[0].path == "/api/v1/meters/tokens/query"
    assert service.sent[0].query == [
        ("from", "2026-01-07T10:00:00Z"),
        ("to", "2026-01-14T00:00:00Z"),
        ("windowSize", "DAY"),
        ("windowTimeZone", "Europe/Berlin"),
        ("groupBy", "model"),
        ("groupBy", "subject"),
        ("subject", "a"),
        ("subject", "b"),
        ("filterGroupBy[zone]", "eu"),
    ]


def test_meters_query_is_the_same_as_usage(run: Run, service: FakeService) -> None:
    service.answer = lambda _: Told(200, {"data": [row(1)]})

    assert run("meters", "query", "m").out == run("usage", "m").out


def test_a_table_has_a_column_for_each_group(run: Run, service: FakeService) -> None:
    service.script = [Told(200, {"data": [row(1, subject="c1", model="a"), row(12, subject="c2", model="bb")]})]

    assert run("usage", "m", "--window", "DAY", "--group-by", "subject,model").out.splitlines() == [
        "from                  subject  model  value",
        "2026-01-14T00:00:00Z  c1       a          1",
        "2026-01-14T00:00:00Z  c2       bb        12",
    ]


def test_csv_cannot_steer_a_terminal(run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    service.script = [Told(200, "subject,value\r\n\x1b]0;owned\x07,1\r\n", media_type="text/csv")]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    assert run("usage", "m", "--csv").out == "subject,value\n\\x1b]0;owned\\x07,1\n"


def test_csv_is_passed_through_as_it_came(run: Run, service: FakeService) -> None:
    service.script = [Told(200, "window_start,value\n2026,1\n", media_type="text/csv")]

    done = run("usage", "m", "--csv")

    assert (done.out, service.sent[0].headers["accept"]) == ("window_start,value\n2026,1\n", "text/csv")


def test_a_meter_that_is_being_rebuilt_is_told_beside_the_result(run: Run, service: FakeService) -> None:
    service.script = [Told(200, {"data": []}, {"dynameter-state": "rebuilding"})]

    done = run("usage", "m", "--json")

    assert done.json() == {"data": []}
    assert "rebuilding" in done.err


def test_forms_of_an_answer_exclude_each_other(run: Run) -> None:
    assert run("usage", "m", "--csv", "--plot").code == 2


def test_a_chart_shows_days_without_usage_as_nothing(run: Run, service: FakeService) -> None:
    service.script = [Told(200, {"data": [row("5", "2026-01-10T00:00:00Z"), row("2", "2026-01-12T00:00:00Z")]})]

    out = run("usage", "m", "--plot").out

    assert ("windowSize", "DAY") in service.sent[0].query
    assert "2026-01-11" in out
    assert "\x1b" not in out


def test_a_chart_of_many_groups_draws_the_largest_and_says_so(run: Run, service: FakeService) -> None:
    service.script = [Told(200, {"data": [row(n, model=f"m{n:02d}") for n in range(20)]})]

    out = run("usage", "tokens", "--plot", "--group-by", "model").out

    assert "8 largest of 20" in out
    assert "m19" in out
    assert "m00" not in out


def test_a_chart_of_nothing_says_so(run: Run, service: FakeService) -> None:
    service.script = [Told(200, {"data": []})]

    assert run("usage", "m", "--plot").out == "no usage\n"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("now", "2026-01-14T10:00:00Z"),
        ("90s", "2026-01-14T09:58:30Z"),
        ("24h", "2026-01-13T10:00:00Z"),
        ("2w", "2025-12-31T10:00:00Z"),
        ("999999999w", "1970-01-01T00:00:00Z"),
        ("2026-01-01", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00+01:00"),
    ],
)
def test_times_are_read_as_people_write_them(text: str, instant: str) -> None:
    assert parse_instant(text, NOW_US) == instant


@pytest.mark.parametrize("text", ["", "h", "yesterday", "2026-13-01", "-1d", "１d", "2026-01-01T00:00:00"])
def test_what_is_no_time_is_wrong_usage(run: Run, text: str) -> None:
    assert run("usage", "m", f"--from={text}").code == 2


def test_an_event_gets_its_id_before_it_is_sent_and_keeps_it(run: Run, service: FakeService) -> None:
    service.script = [Told(503)]
    service.answer = lambda sent: Told(
        200, {"results": [{"id": sent.json()["id"], "source": "s", "status": "accepted"}]}
    )

    done = run("events", "send", "--type", "t", "--subject", "c", "--data", '{"n":1.10}', "--json")

    first, second = service.sent
    assert first.text == second.text
    assert '"data":{"n":1.10}' in first.text
    assert done.json()["id"] == first.json()["id"]


def test_events_are_listed_over_pages_up_to_the_limit(run: Run, service: FakeService) -> None:
    def page(sent: Sent) -> Told:
        query = dict(sent.query)
        items = [{"event": {"id": str(n)}, "ingestedAt": "t"} for n in range(int(query["limit"]))]
        return Told(200, {"items": items, "nextCursor": "c"})

    service.answer = page

    done = run("events", "list", "--limit", "150", "--type", "t", "--from", "1h", "--json")

    assert len(done.json()) == 150
    assert [dict(one.query).get("cursor") for one in service.sent] == [None, "c"]
    assert dict(service.sent[0].query)["filter"] == '{"type":{"$eq":"t"},"time":{"$gte":"2026-01-14T09:00:00Z"}}'


def test_an_event_is_explained_meter_by_meter(run: Run, service: FakeService) -> None:
    meters = [{"slug": "tokens", "counted": False, "reason": "value is missing", "state": "live"}]
    service.script = [Told(200, {"event": {"id": "1"}, "ingested_at": "t", "voided": False, "meters": meters})]

    out = run("events", "explain", "1", "--source", "s").out

    assert service.sent[0].query == [("source", "s"), ("id", "1")]
    assert "value is missing" in out


def test_one_event_is_voided_by_its_identity(run: Run, service: FakeService) -> None:
    service.script = [Told(201, {"id": "v", "state": "done"})]

    run("events", "void", "e1", "--source", "s", "--reason", "wrong")

    assert service.sent[0].path == f"/v1/{WORKSPACE}/voids"
    assert service.sent[0].json() == {"events": [{"source": "s", "id": "e1"}], "reason": "wrong", "dry_run": False}


def test_many_events_are_voided_by_conditions_after_a_dry_run(run: Run, service: FakeService) -> None:
    change = {"slug": "m", "events": 2, "before": "3", "after": "1", "difference": "-2"}
    service.script = [Told(200, {"events": 2, "skipped": 0, "truncated": False, "meters": [change]})]

    out = run("events", "void", "--subject", "c", "--from", "2026-01-01", "--dry-run").out

    assert service.sent[0].json() == {
        "filter": {"subject": "c", "from": "2026-01-01T00:00:00Z"},
        "dry_run": True,
    }
    assert "-2" in out


@pytest.mark.parametrize("words", [[], ["e1"], ["e1", "--source", "s", "--type", "t"]])
def test_a_void_of_nothing_or_of_an_unclear_event_is_not_sent(run: Run, service: FakeService, words: list[str]) -> None:
    assert (run("events", "void", *words).code, service.sent) == (2, [])


def test_a_void_is_undone(run: Run, service: FakeService) -> None:
    service.script = [Told(204)]

    assert run("events", "void", "--undo", "V1").err == "void V1 is undone\n"
    assert (service.sent[0].method, service.sent[0].path) == ("DELETE", f"/v1/{WORKSPACE}/voids/V1")


def test_an_event_that_may_have_been_stored_is_told_by_its_id(run: Run, service: FakeService) -> None:
    service.answer = lambda _: Told(0)

    done = run("events", "send", "--type", "t", "--subject", "c")

    assert done.code == 3
    assert f"--id {service.sent[0].json()['id']}" in done.err
