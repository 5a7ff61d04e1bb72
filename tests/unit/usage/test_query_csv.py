"""Usage as CSV: OpenMeter's columns, every digit, and texts as they are."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from dynameter.meters.meter import Aggregation, Generation
from tests.unit.usage.builders import NOON, make_meter
from tests.unit.usage.query_api import METER, Api

DAY = "from=2026-01-14T00:00:00Z&to=2026-01-15T00:00:00Z"


def lines(answer: Any) -> list[str]:
    assert answer["statusCode"] == 200
    return str(answer["body"]).split("\n")


def test_v1_a_file_has_openmeters_type_name_and_columns(api: Api) -> None:
    api.define(make_meter(Aggregation.COUNT), (1, "2026-01-14T10:05:30Z", "a", "gpt"))

    answer = api.file(DAY)

    assert answer["headers"]["content-type"] == "text/csv"
    assert answer["headers"]["content-disposition"] == "attachment; filename=requests.csv"
    assert answer["body"] == ("window_start,window_end,value\n2026-01-14T00:00:00Z,2026-01-15T00:00:00Z,1\n")
    assert answer["isBase64Encoded"] is False


def test_v1_group_columns_are_sorted_after_the_subject(filled: Api) -> None:
    found = lines(
        filled.file(f"{DAY}&windowSize=DAY&windowTimeZone=Asia/Kolkata&groupBy=type&groupBy=subject&groupBy=model")
    )

    day = "2026-01-14T00:00:00+05:30,2026-01-15T00:00:00+05:30"
    assert found == [
        "window_start,window_end,subject,model,type,value",
        f"{day},a,claude,,4",
        f"{day},a,gpt,,1",
        f"{day},b,,,0.5",
        f"{day},b,gpt,,2",
        "",
    ]


def test_v1_a_subject_filter_adds_the_subjects_column(filled: Api) -> None:
    assert lines(filled.file(f"{DAY}&subject=b"))[0] == "window_start,window_end,subject,value"


def test_v1_nothing_but_the_columns_is_left_of_an_empty_answer(api: Api) -> None:
    api.define(METER)

    assert api.file("groupBy=model")["body"] == "window_start,window_end,model,value\n"


def test_v3_a_file_names_the_window_and_the_dimensions(filled: Api) -> None:
    answer = filled.file(
        body={
            "granularity": "PT1H",
            "group_by_dimensions": ["type", "model"],
            "filters": {"dimensions": {"subject": {"eq": "a"}}},
        }
    )

    assert answer["headers"]["content-type"] == "text/csv"
    assert answer["headers"]["content-disposition"] == "attachment; filename=requests.csv"
    assert lines(answer) == [
        "from,to,subject,model,type,value",
        "2026-01-14T10:00:00Z,2026-01-14T11:00:00Z,a,gpt,,1",
        "2026-01-14T11:00:00Z,2026-01-14T12:00:00Z,a,claude,,4",
        "",
    ]


@pytest.mark.parametrize(
    "value",
    ["12345678901234567890.123456789", "0.000000000000000001", "99999999999999999999", "-0.1", "1000000"],
)
def test_no_digit_of_a_value_is_lost(api: Api, value: str) -> None:
    api.define(make_meter(), (value, "2026-01-14T10:00:00Z", "a", ""))

    assert lines(api.file(DAY))[1].endswith(f",{value}")
    assert lines(api.file(body={}))[1].endswith(f",{value}")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a,b", '"a,b"'),
        ('say "hi"', '"say ""hi"""'),
        ("two\nlines", '"two\nlines"'),
        ("old\rmac", '"old\rmac"'),
        (" edge ", " edge "),
        ("=1+1", "=1+1"),
        ("@cmd", "@cmd"),
    ],
)
def test_a_text_is_quoted_where_it_must_be_and_never_changed(api: Api, text: str, written: str) -> None:
    api.define(METER, (1, "2026-01-14T10:00:00Z", "a", text))

    body = api.file(f"{DAY}&groupBy=model")["body"]

    assert f"Z,{written},1\n" in body
    assert list(csv.reader(io.StringIO(body, newline="")))[1][2] == text


@pytest.mark.parametrize(
    "accept", ["text/csv", "TEXT/CSV", "text/csv; charset=utf-8", "text/csv, */*", "text/html, text/csv"]
)
def test_csv_is_sent_to_whoever_asks_for_it(filled: Api, accept: str) -> None:
    assert filled.file(accept=accept)["headers"]["content-type"] == "text/csv"


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/json", "nonsense", "text/*", "application/json, text/csv", ";;,,"]
)
def test_json_is_sent_to_everybody_else(filled: Api, accept: str) -> None:
    assert filled.file(accept=accept)["headers"]["content-type"] == "application/json"


def test_an_error_stays_a_problem(filled: Api) -> None:
    answer = filled.file("windowSize=WEEK")

    assert answer["statusCode"] == 400
    assert answer["headers"]["content-type"] == "application/problem+json"


def test_a_file_too_says_while_the_meter_is_being_rebuilt(api: Api) -> None:
    api.define(make_meter(generations=(Generation(1, {}, NOON, complete=False),)))

    assert api.file()["headers"]["dynameter-state"] == "rebuilding"


def test_csv_and_json_agree(filled: Api) -> None:
    question = "windowSize=HOUR&groupBy=model&groupBy=subject"

    rows = list(csv.DictReader(io.StringIO(filled.file(question)["body"])))

    assert [(row["window_start"], row["subject"], row["model"], Decimal(row["value"])) for row in rows] == [
        (row["windowStart"], row["subject"], row["groupBy"]["model"], row["value"])
        for row in filled.v1(question)[1]["data"]
    ]
