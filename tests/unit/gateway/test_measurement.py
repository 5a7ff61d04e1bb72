"""What an exchange counts: APIGate's table, and where this service decided otherwise."""

from decimal import Decimal

import pytest

from dynameter import codec
from dynameter.gateway.exchange import ABSENT, Exchange, Measurement
from dynameter.gateway.expression import ExpressionError
from dynameter.gateway.measurement import MAX_ERROR_CHARACTERS, check_metering, measure, needs_body
from dynameter.gateway.route import Metering, MeteringMode, Protocol

D = Decimal
SEED_BODY = '{"result":"...","usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150}}'
MODEL = "respBody.model == 'gpt-4' ? respBody.tokens * 2 : respBody.tokens"
TOTAL = "respBody.usage.total_tokens"
STREAMED = "json(sseLastData(allData)).usage.tokens ?? 1"
NO_BODY = None


def exchange(body: str | None = None, *, status: int = 200, response_bytes: int = 1536) -> Exchange:
    decoded = ABSENT if body is None else codec.decode(body)
    return Exchange(status, request_bytes=10, response_bytes=response_bytes, response_body=decoded)


def stream(data: bytes) -> Exchange:
    return Exchange(200, response_bytes=len(data), streaming=True, all_data=data)


def custom(expression: str, protocol: Protocol = Protocol.HTTP) -> Metering:
    return Metering(MeteringMode.CUSTOM, expression, protocol=protocol)


# The table: expression, body, units, whether the default was counted because of an error.
TABLE = [
    ("responseBytes / 1024", NO_BODY, "1.5", False),
    (TOTAL, SEED_BODY, "150", False),
    (TOTAL, '{"usage":{}}', "0", False),
    (TOTAL, "{}", "1", True),
    (TOTAL, NO_BODY, "1", True),
    ("respBody", NO_BODY, "0", False),
    (MODEL, '{"model":"gpt-4","tokens":100}', "200", False),
    (MODEL, '{"model":"other","tokens":100}', "100", False),
    (MODEL, '{"model":"gpt-4"}', "1", True),
    (MODEL, '{"model":"other"}', "0", False),
    ("respBody.n", '{"n":"150"}', "150", False),
    ("respBody.n", '{"n":"12abc"}', "12", False),
    ("respBody.n", '{"n":"abc"}', "0", False),
    ("respBody.n", '{"n":true}', "0", False),
    ("respBody.n", '{"n":[1]}', "0", False),
    ("respBody.n", '{"n":{"a":1}}', "0", False),
    ('get(respBody, "a.b.c") ?? 1', "{}", "1", False),
    ('get(respBody, "a.b.c") ?? 1', '{"a":{}}', "1", False),
    ('get(respBody, "a.b.c") ?? 1', '{"a":{"b":{}}}', "1", False),
    ('get(respBody, "a.b.c") ?? 1', '{"a":{"b":{"c":5}}}', "5", False),
    ("max(respBody.tokens, 1)", '{"tokens":7}', "0", False),
    ("max(respBody.tokens, 1)", "{}", "0", False),
    ("max([respBody.tokens, 1])", '{"tokens":7}', "7", False),
    ("respBody.n % 2", '{"n":4}', "1", True),
    ("status >= 400 ? 0 : 1", NO_BODY, "1", False),
    ('sum(respBody.items, "tokens")', '{"items":[{"tokens":1},{"tokens":2},{}]}', "3", False),
    ("1", NO_BODY, "1", False),
    ("foo", NO_BODY, "1", True),
    ("1 +", NO_BODY, "1", True),
    ("env('HOME')", NO_BODY, "1", True),
]


@pytest.mark.parametrize(("expression", "body", "units", "failed"), TABLE)
def test_apigates_table_holds(expression, body, units, failed):
    measured = measure(custom(expression), exchange(body))

    assert (str(measured.units), measured.error is not None) == (units, failed)


def test_an_error_status_may_count_nothing():
    assert measure(custom("status >= 400 ? 0 : 1"), exchange(status=404)) == Measurement(D(0))


@pytest.mark.parametrize(
    ("data", "units", "failed"),
    [
        (b'data: {"usage":{"tokens":42}}\n\n', "42", False),
        (b'data: {"usage":{"tokens":42}}\n\ndata: [DONE]\n\n', "42", False),
        (b"data: [DONE]\n\n", "1", True),
        (b'data: {"usage":{}}\n\n', "1", False),
        (b"", "1", True),
    ],
)
def test_apigates_table_of_streams_holds_and_a_final_done_is_skipped(data, units, failed):
    measured = measure(custom(STREAMED, Protocol.SSE), stream(data))

    assert (str(measured.units), measured.error is not None) == (units, failed)


@pytest.mark.parametrize(
    ("expression", "units"),
    [("sseEvents", 3), ("sseEvents * 2", 6), ("count(sseEvents(allData))", 3), ("len(allData)", 33), ("respBody.x", 1)],
)
def test_streams_are_counted_by_events_and_bytes(expression, units):
    measured = measure(custom(expression, Protocol.SSE), stream(b"data: aaa\n\n" * 3))

    assert measured.units == units


class TestModes:
    def test_request_counts_one_whatever_the_expression_says(self):
        assert measure(Metering(MeteringMode.REQUEST, "1 +"), exchange()) == Measurement(D(1))

    def test_bytes_without_an_expression_counts_the_responses_bytes(self):
        assert measure(Metering(MeteringMode.BYTES), exchange()) == Measurement(D(1536))

    def test_bytes_of_a_stream_counts_what_passed(self):
        metering = Metering(MeteringMode.BYTES, protocol=Protocol.SSE)

        assert measure(metering, stream(b"data: x\n\n")) == Measurement(D(9))

    def test_bytes_with_an_expression_counts_what_it_says(self):
        metering = Metering(MeteringMode.BYTES, "(requestBytes + responseBytes) / 1024")

        assert measure(metering, exchange()) == Measurement(D("1.509765625"))

    @pytest.mark.parametrize("mode", [MeteringMode.CUSTOM, MeteringMode.RESPONSE_FIELD])
    def test_the_other_modes_without_an_expression_count_the_default(self, mode):
        assert measure(Metering(mode), exchange(), D(3)) == Measurement(D(3))

    @pytest.mark.parametrize(
        "path", [TOTAL, "usage.total_tokens", "usage['total_tokens']", 'get(respBody, "usage.total_tokens")']
    )
    def test_response_field_takes_an_expression_and_a_bare_path(self, path):
        assert measure(Metering(MeteringMode.RESPONSE_FIELD, path), exchange(SEED_BODY)) == Measurement(D(150))

    def test_a_bare_path_may_go_through_arrays(self):
        metering = Metering(MeteringMode.RESPONSE_FIELD, "choices[-1].tokens")

        assert measure(metering, exchange('{"choices":[{"tokens":1},{"tokens":2}]}')) == Measurement(D(2))

    @pytest.mark.parametrize(
        ("body", "units", "failed"), [('{"usage":{}}', 0, False), ("{}", 1, True), (None, 1, True)]
    )
    def test_a_bare_path_misses_as_an_expression_does(self, body, units, failed):
        measured = measure(Metering(MeteringMode.RESPONSE_FIELD, "usage.total_tokens"), exchange(body))

        assert (measured.units, measured.error is not None) == (units, failed)

    def test_a_bare_path_that_begins_with_a_variable_is_an_expression(self):
        metering = Metering(MeteringMode.RESPONSE_FIELD, "status")

        assert measure(metering, exchange('{"status":7}')) == Measurement(D(200))

    def test_in_a_stream_a_bare_path_reads_the_last_data(self):
        metering = Metering(MeteringMode.RESPONSE_FIELD, "usage.tokens", protocol=Protocol.SSE)

        measured = measure(metering, stream(b'data: {"usage":{"tokens":42}}\n\ndata: [DONE]\n\n'))

        assert measured == Measurement(D(42))

    def test_a_bare_path_is_nothing_in_the_other_modes(self):
        measured = measure(custom("usage.total_tokens"), exchange(SEED_BODY))

        assert measured.units == 1
        assert "unknown name usage (line 1, column 1)" in str(measured.error)


@pytest.mark.parametrize(
    ("expression", "body", "reason"),
    [
        ("respBody.refund", '{"refund":-5}', "the result is negative"),
        ("respBody.refund", '{"refund":"-5"}', "the result is negative"),
        ("respBody.n", '{"n":"NaN"}', "the result is not finite"),
        ("respBody.n", '{"n":"-Infinity"}', "the result is not finite"),
        ("respBody.n / 0", '{"n":1}', "division by zero (line 1, column 12)"),
        ("0 / 0", None, "division by zero"),
        ("respBody.n", '{"n":100000000000000000000}', "more than 20 digits before the point"),
        ("respBody.n", '{"n":"1e999"}', "more than 20 digits before the point"),
        ("respBody.n", '{"n":99999999999999999999.9999999999999999999}', "more than 20 digits before the point"),
    ],
)
def test_negative_infinite_and_endless_results_are_errors(expression, body, reason):
    measured = measure(custom(expression), exchange(body), D(7))

    assert measured.units == 7
    assert reason in str(measured.error)


@pytest.mark.parametrize(
    ("expression", "body", "units"),
    [
        ("respBody.n * 3", '{"n":0.1}', "0.3"),
        ("respBody.n", '{"n":12345678901234567890.123456789012345678}', "12345678901234567890.123456789012345678"),
        ("respBody.n", '{"n":0.0000000000000000005}', "0"),
        ("respBody.n", '{"n":0.0000000000000000015}', "2E-18"),
        ("respBody.n", '{"n":0.00000000000000000250000000001}', "3E-18"),
        ("1 / 3", None, "0.333333333333333333"),
        ("2 / 3", None, "0.666666666666666667"),
        ("respBody.n", '{"n":-0.0}', "0"),
        ("respBody.n", '{"n":" 1.5e2 tokens"}', "150"),
        ("respBody.n", '{"n":"information"}', "0"),
        ("respBody.n", '{"n":"1e-999999999"}', "0"),
    ],
)
def test_units_are_exact_and_rounded_half_even_past_18_digits(expression, body, units):
    measured = measure(custom(expression), exchange(body))

    assert (measured.units, measured.error) == (D(units), None)


def test_an_error_says_what_and_where_and_nothing_of_the_body():
    measured = measure(custom("respBody.secret\n  .deeper"), exchange('{"secret":"hunter2"}'))

    assert measured == Measurement(D(1), "cannot read field deeper of string (line 2, column 4)")


def test_an_error_is_short():
    measured = measure(custom("respBody." + "x" * 3_000 + ".y"), exchange("{}"))

    assert len(str(measured.error)) <= MAX_ERROR_CHARACTERS


def test_a_body_of_anything_python_has_does_not_raise():
    measured = measure(custom("respBody.x + 1"), Exchange(200, response_body={"x": object()}))

    assert measured.units == 1
    assert measured.error is not None


def test_a_failure_counts_the_default_that_the_caller_names():
    assert measure(custom("1 / 0"), exchange(), D("2.5")).units == D("2.5")


def test_the_time_is_the_callers():
    assert measure(custom("now()"), exchange(), now_us=1_700_000_000_000_000) == Measurement(D(1_700_000_000))


def test_a_wrong_expression_is_refused_with_its_place_when_it_is_written():
    with pytest.raises(ExpressionError, match=r"unknown name foo \(line 1, column 12\)"):
        check_metering(custom("respBody.a+foo"))


def test_an_expression_is_checked_against_how_the_response_travels():
    check_metering(custom(STREAMED, Protocol.HTTP_STREAM))

    with pytest.raises(ExpressionError, match="streams only"):
        check_metering(custom(STREAMED))


def test_a_bare_path_is_accepted_in_mode_response_field_only():
    check_metering(Metering(MeteringMode.RESPONSE_FIELD, "usage.total_tokens"))

    with pytest.raises(ExpressionError):
        check_metering(custom("usage.total_tokens"))


def test_no_expression_is_no_error():
    check_metering(custom(""))


@pytest.mark.parametrize(
    ("metering", "needed"),
    [
        (Metering(MeteringMode.REQUEST, TOTAL), False),
        (Metering(MeteringMode.BYTES), False),
        (Metering(MeteringMode.BYTES, "responseBytes / 1024"), False),
        (Metering(MeteringMode.BYTES, "len(respBody.items)"), True),
        (custom("1"), False),
        (custom(""), False),
        (custom(TOTAL), True),
        (custom("foo"), False),
        (Metering(MeteringMode.RESPONSE_FIELD, "usage.total_tokens"), True),
        (Metering(MeteringMode.RESPONSE_FIELD, "usage.tokens", protocol=Protocol.SSE), True),
        (custom("sseEvents", Protocol.SSE), True),
    ],
)
def test_whether_a_body_must_be_kept_is_known_before(metering, needed):
    assert needs_body(metering) is needed
