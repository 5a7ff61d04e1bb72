"""The functions: APIGate's read any value, expr-lang's builtins only their own kind."""

from decimal import Decimal

import pytest

from dynameter.gateway.expression import EvaluationError
from dynameter.gateway.expression.closures import CLOSURE_FUNCTIONS
from dynameter.gateway.expression.functions import FUNCTIONS

D = Decimal
NOW_US = 1_700_000_000_123_456
BODY = '{"items":[{"n":1},{"n":"2x"},{}],"nested":[1,[2,[3]]],"map":{"b":1,"a":2}}'
APIGATE = """
lower upper trim trimPrefix trimSuffix replace split join base64Encode base64Decode urlEncode urlDecode
jsonEncode jsonDecode sha256 hmacSha256 now nowRFC3339 coalesce default toString toInt toFloat json
lines linesNonEmpty sseEvents sseLastData sseAllData last first sum get count avg max min
"""
BUILTINS = """
len type int float string abs ceil floor round mean median map filter find findIndex findLast
findLastIndex all any one none groupBy sortBy sort reduce concat flatten uniq take reverse keys values
toPairs fromPairs toJSON fromJSON toBase64 fromBase64 splitAfter repeat indexOf lastIndexOf hasPrefix
hasSuffix date duration timezone bitand bitor bitxor bitnand bitnot bitshl bitshr bitushr
"""


def test_every_function_of_apigate_but_env_is_here_and_nothing_else():
    assert {*FUNCTIONS, *CLOSURE_FUNCTIONS} == {*APIGATE.split(), *BUILTINS.split()}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("lower('AÉ') + upper('aé')", "aéAÉ"),
        ("lower(12)", "12"),
        ("trim('\\u00a0 x\\n')", "x"),
        ("trimPrefix('abc', 'a') + trimSuffix('abc', 'c')", "bcab"),
        ("replace('aXbX', 'X', '--')", "a--b--"),
        ("split('a,b,', ',')", ("a", "b", "")),
        ("splitAfter('a,b,', ',')", ("a,", "b,", "")),
        ("join(['a', 1, nil], '-')", "a-1-"),
        ("join(['a', 'b'])", "ab"),
        ("repeat('ab', 3)", "ababab"),
        ("[indexOf('hello', 'l'), lastIndexOf('hello', 'l'), indexOf('a', 'x')]", (2, 3, -1)),
        ("hasPrefix('ab', 'a') and hasSuffix('ab', 'b')", True),
        ("[len('é'), len([1]), len({a: 1})]", (1, 1, 1)),
        ("lines('a\\r\\nb\\rc\\n')", ("a", "b", "c", "")),
        ("lines('')", ()),
        ("linesNonEmpty('a\\n\\nb')", ("a", "b")),
        ("sseEvents('event: e\\nid: 7\\ndata: x\\n\\n')[0]", {"event": "e", "data": "x", "id": "7"}),
        ("sseLastData('data: x\\n\\ndata: y')", "y"),
        ("sseLastData('data: x\\n\\ndata: [DONE]\\n\\n')", "x"),
        ("sseLastData('data: [DONE]\\n\\n')", ""),
        ("sseLastData('')", ""),
        ("sseAllData('data: x\\n\\nid: 1\\n\\ndata: y\\n\\n')", "x\ny"),
    ],
)
def test_text(run, text, value):
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[abs(-5), abs(-5.5)]", (5, D("5.5"))),
        ("[ceil(1.2), floor(-1.2), round(2.5), round(-2.5)]", (2, -2, 3, -3)),
        ("[int('12'), int(1.9), int(-1.9), int(3)]", (12, 1, -1, 3)),
        ("[float('1.50'), float(2)]", (D("1.5"), 2)),
        ("[toInt('12abc'), toInt('x'), toInt(true), toInt(nil), toInt(2.9)]", (12, 0, 0, 0, 2)),
        ("[toFloat('12.5abc'), toFloat('x'), toFloat([1]), toFloat(2)]", (D("12.5"), 0, 0, 2)),
        (
            "[toString(nil), toString(1.50), toString(true), toString([1, {a: 'b'}])]",
            ("", "1.5", "true", '[1,{"a":"b"}]'),
        ),
        ("[string(nil), string(100)]", ("nil", "100")),
        (
            "[type(nil), type(true), type(1), type(1.5), type(''), type(b''), type([]), type({})]",
            ("nil", "bool", "int", "float", "string", "bytes", "array", "map"),
        ),
        ("[coalesce(nil, '', 0, 1), coalesce(), default('', 5), default(0, 5)]", (0, None, 5, 0)),
        ("[bitand(6, 3), bitor(6, 3), bitxor(6, 3), bitnand(6, 3), bitnot(0)]", (2, 7, 5, 4, -1)),
        ("[bitshl(1, 3), bitshr(-8, 1), bitushr(-1, 63), bitshl(1, 63), bitshl(1, 9999)]", (8, -4, 1, -(2**63), 0)),
        ("[mean(1, [2, [3]]), mean([]), median([3, 1, 2]), median(1, 2)]", (2, 0, 2, D("1.5"))),
    ],
)
def test_numbers(run, text, value):
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sum(respBody.items, 'n')", 3),
        ("sum([1, '2', true])", 3),
        ("[sum(nil), sum('x'), count(nil), count(respBody.items)]", (0, 0, 0, 3)),
        ("[avg([1, 2]), avg([]), avg(respBody.items, 'n')]", (D("1.5"), 0, 1)),
        ("[max([1, '7', 3]), min([2, 1]), max([]), max(respBody.items, 'n'), max([{}], 'n')]", (7, 1, None, 2, 0)),
        ("max(5, 7)", None),
        ("[first([1, 2]), last([1, 2]), first([]), last(nil)]", (1, 2, None, None)),
        (
            "[get(respBody, 'map.a'), get(respBody, 'map.x.y'), get(nil, 'a'), get([5], 0), get([5], 9)]",
            (2, None, None, 5, None),
        ),
        ("reverse(1..3)", (3, 2, 1)),
        ("[take(1..3, 2), take(1..2, 9)]", ((1, 2), (1, 2))),
        ("concat(1..2, ['a'])", (1, 2, "a")),
        ("flatten(respBody.nested)", (1, 2, 3)),
        ("uniq([1, 1.0, '1', true, [1], [1], {a: 1}, {a: 1}]) | len()", 5),
        ("[sort([3, 1, 2]), sort(['b', 'a'], 'desc')]", ((1, 2, 3), ("b", "a"))),
        ("[keys(respBody.map), values(respBody.map)]", (("b", "a"), (1, 2))),
        ("toPairs({a: 1})", (("a", 1),)),
        ("fromPairs([['a', 1], [2, 'b']])[2]", "b"),
    ],
)
def test_arrays_and_maps(run, text, value):
    assert run(text, BODY) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("json('{\"a\": 1.10}').a", D("1.10")),
        ("json('')", None),
        ("json(nil)", None),
        ("fromJSON('[1]')[0]", 1),
        ("jsonEncode({a: [1.50, nil]})", '{"a":[1.50,null]}'),
        ("toJSON(respBody.map)", '{"b":1,"a":2}'),
        ("base64Encode('hi') + toBase64('hi')", "aGk=aGk="),
        ("base64Decode('aGk=') + fromBase64('aGk=')", "hihi"),
        ("urlEncode('a b&c~é')", "a+b%26c~%C3%A9"),
        ("urlDecode('a+b%26c')", "a b&c"),
        ("sha256('')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("hmacSha256('data', 'key')", "5031fe3d989c6d1537a013fa6e739da23463fdaec3b70137d828e36ace221bd0"),
    ],
)
def test_encodings(run, text, value):
    assert run(text, BODY) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("now()", 1_700_000_000),
        ("nowRFC3339()", "2023-11-14T22:13:20Z"),
        ("date('2023-08-14').Unix()", 1_691_971_200),
        ("date('2023-08-14T02:00:00.5+02:00').UnixMilli()", 1_691_971_200_500),
        ("date('Mon, 14 Aug 2023 00:00:00 UTC').Day()", 14),
        ("date('Monday, 14-Aug-23 01:00:00 UTC').Hour()", 1),
        ("date('14/08/23 11PM', '02/01/06 03PM').Hour()", 23),
        ("date('2023-08-14 00:00:00', '2006-01-02 15:04:05', 'Europe/Zurich').Unix()", 1_691_964_000),
        ("date(timezone('Europe/Zurich'), '2023-08-14').Unix()", 1_691_964_000),
        ("(date('2024-03-01') - date('2024-02-01')).Hours()", 696),
        ("(date('2024-01-01') + duration('36h')).Day()", 2),
        ("(date('2024-01-01') - duration('1s')).Year()", 2023),
        ("duration('1h30m') + duration('-30m') == duration('1h')", True),
        ("duration('1.5s') * 2 > duration('2s')", True),
        ("[duration('1h30m').Minutes(), duration('1.5ms').Microseconds(), duration('0').Seconds()]", (90, 1500, 0)),
        ("type(date('2024-01-01')) + type(duration('1s'))", "timeduration"),
    ],
)
def test_times(run, text, value):
    assert run(text, now_us=NOW_US) == value


@pytest.mark.parametrize(
    "text",
    [
        "date('yesterday')",
        "date('2023-13-01')",
        "date('2023-01-01', '[')",
        "date(repeat('1', 200))",
        "date(timezone('UTC'))",
        "timezone('Mars/Phobos')",
        "timezone('../../etc/passwd')",
        "duration('1 hour')",
        "duration('')",
        "duration('999999999999h')",
        "date('9999-12-31') + duration('2000000h')",
        "duration('1h') * 1e30",
        "int('12abc')",
        "int('1_000')",
        "int('١')",
        "float('1_000')",
        "float(' 1')",
        "int(true)",
        "float('x')",
        "float('nan')",
        "abs('x')",
        "len(1)",
        "repeat('x', -1)",
        "take([1], -1)",
        "hasPrefix(1, 2)",
        "bitand(1.5, 1)",
        "bitshl(1, -1)",
        "fromPairs([[1]])",
        "keys([])",
        "sort([1], 'up')",
        "sort([nil, nil])",
        "base64Decode('*')",
        "jsonDecode('')",
        "mean('x')",
        "{a: 1}[[1]]",
    ],
)
def test_what_a_function_cannot_do_is_an_error(run, text):
    with pytest.raises(EvaluationError):
        run(text, now_us=NOW_US)
