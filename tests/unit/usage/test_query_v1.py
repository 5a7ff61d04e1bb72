"""The usage queries of OpenMeter v1 and of Zuplo, as clients send them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dynameter.dialects import answer_size
from dynameter.meters.meter import Aggregation, Generation
from tests.conftest import OTHER_WORKSPACE
from tests.unit.usage.builders import NOON, make_meter
from tests.unit.usage.query_api import METER, V1, ZUPLO, Api


def located(answer: Any) -> list[tuple[str, str]]:
    return [(one["field"], one["code"]) for one in answer["extensions"]["validationErrors"]]


def test_v1_answers_compact_json_in_openmeters_shape(api: Api) -> None:
    api.define(make_meter(Aggregation.COUNT, slug="requests"), (1, "2026-01-14T10:05:30Z", "a", "gpt"))

    answer = api.answer(f"GET {V1}", path={"meterIdOrSlug": "requests"})

    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"] == "application/json"
    assert answer["body"] == (
        '{"data":[{"groupBy":{},"subject":null,"value":1,'
        '"windowStart":"2026-01-14T10:05:00Z","windowEnd":"2026-01-14T10:06:00Z"}]}'
    )


def test_v1_takes_what_the_javascript_client_sends(filled: Api) -> None:
    status, answer = filled.v1(
        "from=2026-01-14T00:00:00.000Z&to=2026-01-15T00:00:00.000Z&windowSize=DAY&windowTimeZone=Europe/Paris"
        "&subject=a&subject=b&groupBy=model&groupBy=type&filterGroupBy[model]=gpt&clientId=x"
    )

    day = {"windowStart": "2026-01-14T00:00:00+01:00", "windowEnd": "2026-01-15T00:00:00+01:00"}
    assert (status, answer) == (
        200,
        {
            "from": "2026-01-14T00:00:00Z",
            "to": "2026-01-15T00:00:00Z",
            "windowSize": "DAY",
            "data": [
                {"groupBy": {"model": "gpt", "type": ""}, "subject": "a", "value": 1, **day},
                {"groupBy": {"model": "gpt", "type": ""}, "subject": "b", "value": 2, **day},
            ],
        },
    )


@pytest.mark.parametrize(
    "query",
    [
        [("filterGroupBy", "{'model': 'gpt'}")],
        [("filterGroupBy", '{"model": ["gpt"]}')],
        [("filterGroupBy[model]", "gpt")],
        [("filterGroupBy[model]", "gpt"), ("filterGroupBy[model]", "other")],
        [("advancedMeterGroupByFilters", '{"model":{"$eq":"gpt"}}')],
        [("advancedMeterGroupByFilters", '{"model":{"$in":["gpt","x"]}}')],
    ],
)
def test_v1_reads_filters_in_every_form_that_clients_send(filled: Api, query: list[tuple[str, str]]) -> None:
    assert filled.v1(query)[1]["data"][0]["value"] == 3


@pytest.mark.parametrize("name", ["filterGroupBy", "advancedMeterGroupByFilters"])
@pytest.mark.parametrize(
    "text",
    [
        "{('model',): 'gpt'}",
        "{None: 'gpt'}",
        "{'model': 1j}",
        "{'model': ...}",
        "{'model': '\\ud800'}",
        '{"model": {"$eq": "\\ud800"}}',
        "{'\\ud800': 'gpt'}",
        "{'model': 0x" + "f" * 8_000 + "}",
    ],
)
def test_v1_refuses_filters_in_its_url_that_json_cannot_say(filled: Api, name: str, text: str) -> None:
    status, answer = filled.v1([(name, text)])

    assert (status, located(answer)) == (400, [(name, "type")])


def test_v1_post_takes_the_same_as_a_body(filled: Api) -> None:
    status, answer = filled.v1(
        body={
            "from": "2026-01-14T11:00:00+01:00",
            "to": "2026-01-14T12:00:00Z",
            "windowSize": "HOUR",
            "subject": ["a"],
            "groupBy": ["subject", "model"],
            "filterGroupBy": {"model": ["gpt", "claude"]},
            "unknown": True,
        }
    )

    found = [(row["windowStart"], row["subject"], row["groupBy"], row["value"]) for row in answer["data"]]
    assert status == 200
    assert found == [
        ("2026-01-14T10:00:00Z", "a", {"model": "gpt"}, 1),
        ("2026-01-14T11:00:00Z", "a", {"model": "claude"}, 4),
    ]


@pytest.mark.parametrize(
    "value",
    [
        "12345678901234567890.123456789",
        "9007199254740993",
        "0.000000000000000001",
        "100",
        "-0.1",
        "99999999999999999999",
    ],
)
def test_v1_prints_every_digit_as_a_json_number(api: Api, value: str) -> None:
    api.define(make_meter(), (value, "2026-01-14T10:00:00Z", "a", ""))

    answer = api.answer(f"GET {V1}", path={"meterIdOrSlug": "requests"})

    assert f'"value":{value},' in answer["body"]


def test_v1_finds_a_meter_by_its_id(filled: Api) -> None:
    status, answer = filled.call(f"GET {V1}", path={"meterIdOrSlug": METER.id})

    assert (status, answer["data"][0]["value"]) == (200, Decimal("7.5"))


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("from=yesterday", "from", "format"),
        ("from=2026-01-14T10:00:00", "from", "format"),
        ("to=1969-12-31T23:59:59Z", "to", "format"),
        ("from=2026-01-14T10:00:00Z&to=2026-01-14T10:00:00Z", "to", "range"),
        ("windowSize=WEEK", "windowSize", "enum"),
        ("windowSize=day", "windowSize", "enum"),
        ("windowTimeZone=Mars", "windowTimeZone", "invalid_time_zone"),
        ("windowTimeZone=", "windowTimeZone", "invalid_time_zone"),
        ("groupBy=nope", "groupBy[0]", "invalid_group_by"),
        ("groupBy=model&groupBy=customer_id", "groupBy[1]", "invalid_group_by"),
        ("filterGroupBy[nope]=x", "filterGroupBy.nope", "invalid_filter"),
        ("filterGroupBy=nonsense", "filterGroupBy", "type"),
        ("filterGroupBy={'model': 1}", "filterGroupBy", "type"),
        ("filterGroupBy=__import__('os')", "filterGroupBy", "type"),
        ("filterGroupBy=" + "[" * 5_000, "filterGroupBy", "type"),
        ("filterGroupBy=" + "x" * 9_000, "filterGroupBy", "type"),
        ("advancedMeterGroupByFilters=[]", "advancedMeterGroupByFilters", "type"),
        ('advancedMeterGroupByFilters={"model":1}', "advancedMeterGroupByFilters.model", "type"),
        (
            'advancedMeterGroupByFilters={"model":{"$regex":"g"}}',
            "advancedMeterGroupByFilters.model.$regex",
            "unsupported_filter_operator",
        ),
        (
            'advancedMeterGroupByFilters={"model":{"$or":[{"$eq":"g"},{"$in":[1]}]}}',
            "advancedMeterGroupByFilters.model.$or[1].$in",
            "format",
        ),
        ('advancedMeterGroupByFilters={"model":{"$in":[]}}', "advancedMeterGroupByFilters.model.$in", "max_items"),
        ('advancedMeterGroupByFilters={"nope":{"$eq":"g"}}', "advancedMeterGroupByFilters.nope", "invalid_filter"),
        (
            'advancedMeterGroupByFilters={"model":{"$eq":"g"}}&filterGroupBy[model]=x',
            "advancedMeterGroupByFilters",
            "exclusive",
        ),
        ("&".join(["subject=x"] * 101), "subject", "max_items"),
        ("&".join(["groupBy=model"] * 101), "groupBy", "max_items"),
        ("&".join(["filterCustomerId=x"] * 101), "filterCustomerId", "max_items"),
        ("&".join(["filterGroupBy[model]=x"] * 101), "filterGroupBy.model", "max_items"),
    ],
)
def test_v1_refuses_what_cannot_be_asked_and_names_the_parameter(
    filled: Api, query: str, field: str, code: str
) -> None:
    status, answer = filled.v1(query)

    assert status == 400
    assert located(answer) == [(field, code)]
    assert field.split("[")[0].split(".")[0] in answer["detail"] or "group by" in answer["detail"]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ("", "", "required"),
        ("{", "", "json"),
        ("[]", "", "type"),
        ({"from": 5}, "from", "type"),
        ({"from": True}, "from", "type"),
        ({"subject": "a"}, "subject", "type"),
        ({"subject": [1]}, "subject[0]", "type"),
        ({"groupBy": ["x"]}, "groupBy[0]", "invalid_group_by"),
        ({"filterGroupBy": {"model": "gpt"}}, "filterGroupBy.model", "type"),
        ({"filterGroupBy": {"model": []}}, "filterGroupBy.model", "max_items"),
        ({"windowSize": "SECOND"}, "windowSize", "enum"),
    ],
)
def test_v1_refuses_a_body_that_is_wrong_and_names_the_field(filled: Api, body: Any, field: str, code: str) -> None:
    status, answer = filled.v1(body=body)

    assert status == 400
    assert located(answer) == [(field, code)]


def test_v1_says_what_openmeter_says_of_an_unknown_group(filled: Api) -> None:
    assert "invalid group by: nope" in filled.v1("groupBy=nope")[1]["detail"]


def test_v1_a_customer_that_is_not_there_is_not_found(filled: Api) -> None:
    assert filled.v1("filterCustomerId=01KEYZ8Q4V0000000000000009")[0] == 404
    assert filled.v1(body={"filterCustomerId": ["x"]})[0] == 404


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ('{"$ne":"gpt"}', Decimal("4.5")),
        ('{"$nin":["gpt",""]}', 4),
        ('{"$like":"_l%"}', 4),
        ('{"$nlike":"g%"}', Decimal("4.5")),
        ('{"$ilike":"GP%"}', 3),
        ('{"$nilike":"%T"}', Decimal("4.5")),
        ('{"$gt":"claude"}', 3),
        ('{"$gte":"claude"}', 7),
        ('{"$lt":"claude"}', Decimal("0.5")),
        ('{"$lte":"claude"}', Decimal("4.5")),
        ('{"$and":[{"$ne":"gpt"},{"$ne":""}]}', 4),
        ('{"$or":[{"$eq":"gpt"},{"$eq":"claude"}]}', 7),
        ('{"$eq":""}', Decimal("0.5")),
        ("{}", Decimal("7.5")),
    ],
)
def test_v1_knows_every_operator_of_a_filter(filled: Api, condition: str, value: Decimal) -> None:
    sent = [("advancedMeterGroupByFilters", f'{{"model":{condition}}}')]

    assert filled.v1(sent)[1]["data"][0]["value"] == value


def test_v1_filters_of_several_keys_must_all_hold(filled: Api) -> None:
    filters = {"model": {"$ne": "gpt"}, "type": {"$eq": ""}}

    assert filled.v1(body={"advancedMeterGroupByFilters": filters})[1]["data"][0]["value"] == Decimal("4.5")


def test_v1_says_while_the_meter_is_being_rebuilt(api: Api) -> None:
    newer = (Generation(1, {}, 0, complete=True), Generation(2, {"model": "$.model"}, NOON, complete=False))
    api.define(make_meter(generations=newer), (1, "2026-01-14T10:05:00Z", "a", "gpt"))

    answer = api.answer(f"GET {V1}", path={"meterIdOrSlug": "requests"})

    assert answer["headers"]["dynameter-state"] == "rebuilding"
    assert '"value":1' in answer["body"]


def test_v1_says_nothing_of_a_meter_that_is_live(filled: Api) -> None:
    assert "dynameter-state" not in filled.answer(f"GET {V1}", path={"meterIdOrSlug": "requests"})["headers"]


def test_v1_an_unknown_meter_is_404(api: Api) -> None:
    assert api.v1()[0] == 404


def test_a_deleted_meter_is_404_by_its_id_too(api: Api) -> None:
    api.define(make_meter(deleted_at_us=NOON))

    assert api.call(f"GET {V1}", path={"meterIdOrSlug": METER.id})[0] == 404
    assert api.v3({})[0] == 404


def test_another_workspace_sees_nothing(filled: Api) -> None:
    assert filled.v1(workspace=OTHER_WORKSPACE)[0] == 404
    assert filled.v1(workspace=None)[0] == 401
    assert filled.v1(scopes="events:write")[0] == 403
    assert filled.v1(route=ZUPLO, workspace=OTHER_WORKSPACE)[0] == 403


def test_an_answer_too_large_for_lambda_is_413(filled: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_size, "MAX_ANSWER_BYTES", 100)

    status, answer = filled.v1()

    assert status == 413
    assert "shorter range" in answer["detail"]


@pytest.mark.parametrize("body", [None, {}])
def test_zuplo_answers_as_v1_does(filled: Api, body: Any) -> None:
    status, answer = filled.v1(route=ZUPLO, body=body)

    assert (status, answer["data"][0]["value"]) == (200, Decimal("7.5"))


@pytest.mark.parametrize("request_", [{"query": "filterSubscription=x"}, {"body": {"filterSubscription": ["x"]}}])
def test_zuplo_refuses_the_filter_it_cannot_apply(filled: Api, request_: dict[str, Any]) -> None:
    status, answer = filled.v1(route=ZUPLO, **request_)

    assert status == 400
    assert located(answer)[0][0] == "filterSubscription"
    assert answer["trace"]["requestId"]
