"""Access logs as exchanges: the formats, the ids, and that no line stops the reading."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter import rfc3339
from dynameter.gateway.accesslogs import BadLine, LogFormat, LoggedExchange, detect_format, read_access_log
from dynameter.gateway.accesslogs.entry import MAX_LINE_CHARACTERS, MAX_PATH_CHARACTERS
from dynameter.gateway.exchange import Exchange
from local.template import ROOT

CLF = '203.0.113.7 - ada [14/Jan/2026:11:00:00 +0100] "GET /a%20b?x=1 HTTP/1.1" 200 1536'
GATEWAY_CLF = '203.0.113.7 - - [14/Jan/2026:10:00:00 +0000]"POST /v1/chat HTTP/1.1" 201 99 JKJaXmPLvHcESHA= JKJaX'
ALB = (
    "https 2026-01-14T10:00:01.186641Z app/edge/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 "
    '200 200 34 366 "GET https://www.example.com:443/orders/7?page=2 HTTP/1.1" "curl/7.46.0 \\"x\\"" - - '
    'arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/t/73e2d6bc24d8a067 "Root=1-58337262-36d228ad5" '
    '"www.example.com" "-" 0 2026-01-14T10:00:01.100000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234'
)
CLOUDFRONT = [
    "#Version: 1.0",
    "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
    "cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes",
    "2026-01-14\t10:00:00\tFRA56\t392\t192.0.2.100\tGET\td111.cloudfront.net\t/in%20dex.html\t200\t-\tMozilla/5.0\t-"
    "\tuser%3Dada\tHit\tSOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==\td111.cloudfront.net\thttps\t23",
]
TEN = rfc3339.parse("2026-01-14T10:00:00Z")


def read(lines: list[str], format: LogFormat, user_field: str = "") -> tuple[list[LoggedExchange], list[BadLine]]:
    bad: list[BadLine] = []
    return list(read_access_log(lines, format, user_field=user_field, on_bad_line=bad.append)), bad


def one(line: str, format: LogFormat, user_field: str = "") -> LoggedExchange:
    found, bad = read([line], format, user_field)
    assert not bad
    return found[0]


def reason(line: str, format: LogFormat, user_field: str = "") -> str:
    found, bad = read([line], format, user_field)
    assert not found
    return bad[0].reason


def gateway(**fields: object) -> str:
    base = {"requestId": "r-1", "httpMethod": "GET", "path": "/x", "status": "200", "responseLength": "10"}
    return json.dumps({**base, "requestTimeEpoch": "1768384800123", **fields})


def test_a_json_line_of_api_gateway_is_an_exchange() -> None:
    found = one(gateway(requestLength=7), LogFormat.API_GATEWAY)

    assert found.id == "r-1"
    assert found.time_us == TEN + 123_000
    assert found.exchange == Exchange(200, "GET", "/x", request_bytes=7, response_bytes=10)


def test_the_format_of_this_service_s_own_api_is_read_from_an_export_of_its_logs() -> None:
    text = (ROOT / "template.yaml").read_text()
    format = text.partition("AccessLogSettings:")[2].partition("Format: '")[2].partition("'")[0]
    values = {
        "$context.requestId": "own-1",
        "$context.routeKey": "POST /api/v1/events",
        "$context.status": "204",
        "$context.responseLatency": "12",
        "$context.responseLength": "0",
        "$context.authorizer.key_id": "01ABC",
        "$context.error.message": "-",
    }
    for name, value in values.items():
        format = format.replace(f'"{name}"', json.dumps(value))

    found = one(f"2026-01-14T10:00:00.000Z {format}", LogFormat.API_GATEWAY, "keyId")

    assert (found.id, found.time_us, found.user_id) == ("own-1", TEN, "01ABC")
    assert (found.exchange.method, found.exchange.path) == ("POST", "/api/v1/events")


@pytest.mark.parametrize(
    "field",
    [
        {"requestTime": "14/Jan/2026:10:00:00 +0000"},
        {"time": "2026-01-14T11:00:00+01:00"},
        {"timestamp": 1768384800},
        {"requestTimeEpoch": 1768384800000},
    ],
    ids=lambda field: next(iter(field)),
)
def test_the_time_of_a_json_line_comes_in_any_of_the_usual_forms(field: dict[str, object]) -> None:
    line = json.loads(gateway())
    del line["requestTimeEpoch"]

    assert one(json.dumps(line | field), LogFormat.API_GATEWAY).time_us == TEN


def test_a_json_line_without_a_time_is_bad_and_the_reason_names_what_to_log() -> None:
    line = json.loads(gateway())
    del line["requestTimeEpoch"]

    assert "requesttimeepoch" in reason(json.dumps(line), LogFormat.API_GATEWAY)


def test_the_user_comes_from_the_named_field_whatever_its_case() -> None:
    assert one(gateway(Sub="ada"), LogFormat.API_GATEWAY, "sub").user_id == "ada"


def test_a_dash_is_no_user() -> None:
    assert one(gateway(sub="-"), LogFormat.API_GATEWAY, "sub").user_id == ""


def test_a_variable_that_was_not_resolved_is_no_user() -> None:
    assert one(gateway(sub="$context.authorizer.sub"), LogFormat.API_GATEWAY, "sub").user_id == ""


def test_a_user_of_absurd_length_makes_the_line_bad() -> None:
    assert "user" in reason(gateway(sub="x" * 600), LogFormat.API_GATEWAY, "sub")


def test_a_line_of_the_common_log_format_is_an_exchange() -> None:
    found = one(CLF, LogFormat.CLF, "user")

    assert (found.time_us, found.user_id) == (TEN, "ada")
    assert found.exchange == Exchange(200, "GET", "/a b", response_bytes=1536, user_id="ada")


def test_api_gateway_s_own_clf_keeps_the_request_id() -> None:
    found = one(GATEWAY_CLF, LogFormat.API_GATEWAY)

    assert (found.id, found.exchange.method, found.exchange.path) == ("JKJaXmPLvHcESHA=", "POST", "/v1/chat")


def test_the_combined_format_s_referer_is_no_id() -> None:
    found = one(CLF + ' "https://example.com/long-enough" "Mozilla/5.0"', LogFormat.CLF)

    assert found.id.endswith("-1")


def test_equal_lines_without_ids_are_different_requests_and_have_the_same_ids_when_read_again() -> None:
    first, _ = read([CLF, CLF], LogFormat.CLF)
    again, _ = read([CLF, CLF], LogFormat.CLF)

    assert first[0].id != first[1].id
    assert first == again


def test_a_line_of_a_load_balancer_is_an_exchange() -> None:
    found = one(ALB, LogFormat.ALB, "client")

    assert found.id == "Root=1-58337262-36d228ad5/2026-01-14T10:00:01.100000Z/192.168.131.39:2817"
    assert (found.time_us, found.user_id) == (TEN + 1_100_000, "192.168.131.39")
    assert found.exchange == Exchange(
        200, "GET", "/orders/7", request_bytes=34, response_bytes=366, user_id="192.168.131.39"
    )


def test_a_load_balancer_s_request_without_response_does_not_count() -> None:
    assert "no response" in reason(ALB.replace(" 200 200 34", " - - 34"), LogFormat.ALB)


def test_a_request_that_the_load_balancer_could_not_read_is_bad() -> None:
    assert "method" in reason(
        ALB.replace("GET https://www.example.com:443/orders/7?page=2 HTTP/1.1", "- - -"), LogFormat.ALB
    )


def test_a_line_of_cloudfront_is_an_exchange_by_the_fields_that_the_file_names() -> None:
    found, bad = read(CLOUDFRONT, LogFormat.CLOUDFRONT, "cs(Cookie)")

    assert not bad
    assert found[0].id == "SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ=="
    assert (found[0].time_us, found[0].line, found[0].user_id) == (TEN, 3, "user=ada")
    assert found[0].exchange == Exchange(
        200, "GET", "/in dex.html", request_bytes=23, response_bytes=392, user_id="user=ada"
    )


def test_cloudfront_s_fields_may_come_in_another_order() -> None:
    lines = [
        "#Fields: timestamp(ms) sc-status cs-method cs-uri-stem sc-bytes x-edge-request-id",
        "1768384800000\t404\tGET\t/x\t12\tedge-1",
    ]

    found, _ = read(lines, LogFormat.CLOUDFRONT)

    assert (found[0].id, found[0].time_us, found[0].exchange.status) == ("edge-1", TEN, 404)


def test_cloudfront_s_request_without_response_does_not_count() -> None:
    assert "no response" in reason(CLOUDFRONT[2].replace("\t200\t", "\t000\t"), LogFormat.CLOUDFRONT)


def test_bad_lines_are_told_with_their_numbers_and_the_others_are_read() -> None:
    found, bad = read(["nonsense", "", CLF, "{", CLF], LogFormat.CLF)

    assert [one.line for one in found] == [3, 5]
    assert [one.line for one in bad] == [1, 4]


def test_a_line_over_the_limit_is_bad() -> None:
    assert str(MAX_LINE_CHARACTERS) in reason(CLF + " " * 10 + "x" * MAX_LINE_CHARACTERS, LogFormat.CLF)


def test_a_long_path_is_cut() -> None:
    assert len(one(gateway(path="/" + "x" * 9_000), LogFormat.API_GATEWAY).exchange.path) == MAX_PATH_CHARACTERS


def test_a_number_of_bytes_of_absurd_length_makes_the_line_bad() -> None:
    assert "number of bytes" in reason(gateway(responseLength="9" * 30), LogFormat.API_GATEWAY)


@pytest.mark.parametrize(
    ("line", "format"),
    [
        (gateway(), LogFormat.API_GATEWAY),
        (CLF, LogFormat.CLF),
        (ALB, LogFormat.ALB),
        (CLOUDFRONT[0], LogFormat.CLOUDFRONT),
        (CLOUDFRONT[2], LogFormat.CLOUDFRONT),
    ],
)
def test_the_format_is_told_by_the_first_line(line: str, format: LogFormat) -> None:
    assert detect_format(line) is format


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.text(), st.sampled_from([CLF, ALB, *CLOUDFRONT, gateway()])), max_size=4), st.data())
def test_no_text_stops_the_reading(lines: list[str], data: st.DataObject) -> None:
    format = data.draw(st.sampled_from(LogFormat))
    if lines and lines[0]:
        cut = data.draw(st.integers(0, len(lines[0]) - 1))
        lines[0] = lines[0][:cut] + data.draw(st.text(max_size=5)) + lines[0][cut + 1 :]

    found, bad = read(lines, format, "user")

    assert len(found) + len(bad) <= len(lines)
    for one in found:
        (one.id + one.user_id + one.exchange.path + one.exchange.method).encode()


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["requestId", "time", "path", "status", "httpMethod"]), st.text() | st.integers())
)
def test_no_json_object_stops_the_reading(fields: dict[str, object]) -> None:
    found, bad = read([gateway(**fields)], LogFormat.API_GATEWAY)

    assert len(found) + len(bad) == 1
