"""Any text at all is refused with a place, or runs and ends in a value or an error."""

from contextlib import suppress
from decimal import Decimal, localcontext

from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter.gateway.exchange import Exchange, Measurement
from dynameter.gateway.expression import EvaluationError, ExpressionError, compile_expression
from dynameter.gateway.expression.functions import FUNCTIONS
from dynameter.gateway.measurement import measure
from dynameter.gateway.route import Metering, MeteringMode, Protocol

WORDS = """
0 1 2.5 -1 9223372036854775807 1e99 nil true false 'a' "" '12abc' b'x' [] {} # #acc #index .n
respBody status path allData sseEvents + - * / % ** == != < >= && || not in matches contains
?? ?. . .. | ? : , ( ) [ ] { } ; = let if else x
map( filter( reduce( sortBy( groupBy( find( any(
respBody.n respBody.items respBody['a'] [1,2,3] {a:1} 1..3 'a' 'b' )) })
"""
PIECES = [*WORDS.split(), *(f"{name}(" for name in FUNCTIONS)]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
    | st.text(max_size=20)
    | st.sampled_from(["12", "-3.5", "1e400", "nan", "Infinity", "0x10", "1e99999999999"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["n", "items", "a", "usage"]) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def _runs_or_is_refused(text: str, streaming: bool, body: object, data: bytes = b"data: 1\n\n") -> None:
    try:
        compiled = compile_expression(text, streaming=streaming)
    except ExpressionError:
        return
    with suppress(EvaluationError):
        compiled.evaluate(Exchange(200, response_body=body, streaming=streaming, all_data=data), now_us=0)


@given(st.text(max_size=60), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_text_is_refused_or_ends(text, streaming):
    _runs_or_is_refused(text, streaming, {"n": 1})


@given(st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join), st.booleans(), JSON)
@settings(max_examples=300, deadline=None)
def test_any_row_of_pieces_is_refused_or_ends(text, streaming, body):
    _runs_or_is_refused(text, streaming, body)


@given(
    st.sampled_from(sorted(FUNCTIONS)),
    st.lists(
        st.sampled_from(["respBody", "respBody.a", "1", "-2.5", "'a'", "nil", "[1]", "{a: 1}", "true", "b'x'"]),
        max_size=3,
    ),
    JSON,
)
@settings(max_examples=300, deadline=None)
def test_any_function_takes_any_value_or_fails_with_a_reason(name, arguments, body):
    _runs_or_is_refused(f"{name}({', '.join(arguments)})", False, body)


@given(
    st.sampled_from(
        [
            "respBody",
            "respBody.n",
            "respBody.n * 2",
            "respBody.n / respBody.a",
            "sum(respBody.items, 'n')",
            "max(respBody.items)",
            "usage.total_tokens",
            "sort(respBody.items)[0]",
            "toJSON(respBody)",
            "uniq(respBody.items) == respBody.items",
            "respBody.n ** respBody.a",
        ]
    ),
    st.sampled_from([MeteringMode.CUSTOM, MeteringMode.RESPONSE_FIELD]),
    JSON,
)
@settings(max_examples=300, deadline=None)
def test_any_body_is_measured(text, mode, body):
    measured = measure(Metering(mode, text), Exchange(200, response_body=body))

    assert isinstance(measured, Measurement)
    assert measured.units.is_finite()
    assert 0 <= measured.units < Decimal(10) ** 20
    with localcontext(prec=60):
        assert round(measured.units, 18) == measured.units
    assert measured.error is None or "the evaluation failed" not in measured.error


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_stream_is_measured(data):
    for text in ("json(sseLastData(allData)).usage.tokens ?? 1", "usage.tokens", "sseEvents", "len(allData)"):
        measured = measure(
            Metering(MeteringMode.RESPONSE_FIELD, text, protocol=Protocol.SSE),
            Exchange(200, streaming=True, all_data=data),
        )
        assert measured.units >= 0
