"""The events table on Moto, one PutItem an event: keys, items, sizes, races, faults."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.clock import SystemClock
from dynameter.errors import Unavailable
from dynameter.events import store as events_store
from dynameter.events.event import Event
from dynameter.events.store import BrokenItem, EventStore, decode_item, encode_item, partition_key, write_units
from dynameter.runtime.settings import Settings
from tests.conftest import OTHER_WORKSPACE, WORKSPACE, ManualClock

EVENT = Event(
    workspace=WORKSPACE,
    source="shop",
    id="1",
    type="request",
    subject="customer-1",
    time_us=1_768_384_800_123_456,
    data='{"count":1}',
    extensions=None,
    fingerprint=b"0123456789abcdef",
    ingested_at_us=1_768_384_801_000_000,
)
LATER = 2**62

_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@pytest.fixture
def store(settings: Settings, dynamodb: Any) -> EventStore:
    return EventStore(dynamodb, settings, SystemClock(), lambda: 0.5)


def numbered(count: int) -> list[Event]:
    return [replace(EVENT, id=str(number)) for number in range(count)]


def test_an_event_is_stored_and_read_back(store: EventStore, settings: Settings, dynamodb: Any) -> None:
    assert store.put_all([EVENT], LATER) == [None]

    key = {"pk": {"S": partition_key(WORKSPACE, "shop", "1")}}
    item = dynamodb.get_item(TableName=settings.events_table, Key=key, ConsistentRead=True)["Item"]
    assert decode_item(item) == EVENT


@pytest.mark.parametrize("count", [1, 40])
def test_what_is_stored_already_answers_its_fingerprint(store: EventStore, count: int) -> None:
    events = numbered(count)
    store.put_all(events[::2], LATER)

    found = store.put_all([replace(event, fingerprint=b"f" * 16) for event in events], LATER)

    assert found[::2] == [EVENT.fingerprint] * len(events[::2])
    assert found[1::2] == [None] * len(events[1::2])


def test_the_first_stays(store: EventStore, settings: Settings, dynamodb: Any) -> None:
    store.put_all([EVENT], LATER)

    store.put_all([replace(EVENT, type="other", fingerprint=b"f" * 16)], LATER)

    (item,) = dynamodb.scan(TableName=settings.events_table)["Items"]
    assert decode_item(item) == EVENT


def test_of_ten_threads_with_the_same_event_one_stores_it(store: EventStore) -> None:
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(lambda _: store.put_all([EVENT], LATER), range(10)))

    assert found.count([None]) == 1
    assert found.count([EVENT.fingerprint]) == 9


def test_ten_threads_with_the_same_batch_store_it_once(store: EventStore) -> None:
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(lambda _: store.put_all(numbered(20), LATER), range(10)))

    assert [sum(stored[index] is None for stored in found) for index in range(20)] == [1] * 20


def test_the_index_by_time_finds_a_subjects_events_in_order(
    store: EventStore, settings: Settings, dynamodb: Any
) -> None:
    times = [30, 10, 20, 10, 1_000_000]
    store.put_all([replace(EVENT, id=str(number), time_us=time) for number, time in enumerate(times)], LATER)

    items = dynamodb.query(
        TableName=settings.events_table,
        IndexName="by_time",
        KeyConditionExpression="b = :b",
        ExpressionAttributeValues={":b": {"S": events_store.bucket_key(WORKSPACE, "customer-1")}},
    )["Items"]

    assert [decode_item(item).time_us for item in items] == [10, 10, 20, 30, 1_000_000]
    assert len({item["k"]["S"] for item in items}) == len(times)


def test_the_last_instant_sorts_after_the_first() -> None:
    late = encode_item(replace(EVENT, time_us=253_370_764_799_999_999))
    early = encode_item(replace(EVENT, time_us=0))

    assert early["k"]["S"] < encode_item(EVENT)["k"]["S"] < late["k"]["S"]
    assert decode_item(late).time_us == 253_370_764_799_999_999


@given(one=st.tuples(_texts, _texts), other=st.tuples(_texts, _texts))
def test_keys_of_different_events_differ(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (partition_key(WORKSPACE, *one) == partition_key(WORKSPACE, *other)) is (one == other)


def test_keys_that_plain_joining_confuses_differ() -> None:
    assert partition_key(WORKSPACE, "a-b", "c") != partition_key(WORKSPACE, "a", "b-c")
    assert partition_key(WORKSPACE, "1.a", "b") != partition_key(WORKSPACE, "1", ".ab")
    assert partition_key(WORKSPACE, "a", "b") != partition_key(OTHER_WORKSPACE, "a", "b")


def test_the_longest_key_fits_dynamodb() -> None:
    assert len(partition_key(WORKSPACE, "x" * 1_024, "x" * 512).encode()) <= 2_048


def stream_form(item: dict[str, Any]) -> dict[str, Any]:
    """The item as a Lambda stream record holds it: JSON, binary as base64."""
    return json.loads(json.dumps(item, default=lambda value: base64.b64encode(value).decode()))  # type: ignore[no-any-return]


@given(
    source=_texts,
    id_=_texts,
    type_=_texts,
    subject=_texts,
    time_us=st.integers(0, 253_370_764_799_999_999),
    data=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=3_000),
    extensions=st.none() | _texts,
    retention=st.sampled_from([0, 35]),
    toggles=st.lists(st.integers(0, 2**53), max_size=3).map(tuple),
    void=st.none() | _texts,
)
def test_every_item_reads_back_from_client_and_stream(
    source: str,
    id_: str,
    type_: str,
    subject: str,
    time_us: int,
    data: str | None,
    extensions: str | None,
    retention: int,
    toggles: tuple[int, ...],
    void: str | None,
) -> None:
    event = Event(WORKSPACE, source, id_, type_, subject, time_us, data, extensions, b"\x00\xff" * 8, 7, toggles, void)

    item = encode_item(event, retention)

    assert decode_item(item) == event
    assert decode_item(stream_form(item)) == event


def test_a_usual_event_costs_one_write_unit_uncompressed() -> None:
    item = encode_item(replace(EVENT, data='{"x":"' + "0123456789" * 30 + '"}'))

    assert write_units(item) == 1
    assert "S" in item["d"]


def test_data_is_deflated_where_that_saves_a_write_unit() -> None:
    text = json.dumps({f"key-{number}": "value" for number in range(200)})

    item = encode_item(replace(EVENT, data=text))

    assert zlib.decompress(item["d"]["B"]).decode() == text
    assert write_units(item) < write_units({**item, "d": {"S": text}})


def test_data_is_not_deflated_in_vain() -> None:
    text = base64.b85encode(bytes(byte * 37 % 251 for byte in range(900))).decode()

    assert "S" in encode_item(replace(EVENT, data=text))["d"]


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"pk": {"S": "abc"}}, 5),
        ({"pk": {"S": "€"}}, 5),
        ({"h": {"B": b"12"}}, 3),
        ({"r": {"N": "1"}}, 3),
        ({"r": {"N": "12345"}}, 5),
        ({"r": {"N": "1200"}}, 3),
        ({"r": {"N": "-12"}}, 3),
        ({"pk": {"S": "a"}, "s": {"S": "b"}}, 5),
        ({"v": {"L": [{"N": "1"}, {"N": "123"}]}}, 1 + 3 + 3 + 4),
    ],
)
def test_sizes_follow_the_documented_rule(item: dict[str, Any], size: int) -> None:
    assert events_store.size_of(item) == size


@pytest.mark.parametrize(("size", "units"), [(0, 1), (1_021, 1), (1_022, 1), (1_023, 2), (2_046, 2), (2_047, 3)])
def test_a_write_unit_is_a_kilobyte_begun(size: int, units: int) -> None:
    assert write_units({"pk": {"S": "x" * size}}) == units


def test_an_event_that_was_never_voided_pays_nothing_for_it() -> None:
    assert not {"v", "i"} & set(encode_item(EVENT))


@pytest.mark.parametrize(("toggles", "voided"), [((), False), ((5,), True), ((5, 6), False), ((5, 6, 9), True)])
def test_an_event_is_void_after_an_odd_number_of_toggles(toggles: tuple[int, ...], voided: bool) -> None:
    assert replace(EVENT, toggles=toggles).voided is voided


@pytest.mark.parametrize(
    ("instant", "counted"), [(10, False), (11, True), (20, True), (21, False), (30, False), (31, True)]
)
def test_whether_an_event_counted_is_asked_of_the_moment_before_an_instant(instant: int, counted: bool) -> None:
    event = replace(EVENT, ingested_at_us=10, toggles=(20, 30))

    assert event.counted_before(instant) is counted


def test_an_event_expires_only_where_that_is_set() -> None:
    assert "x" not in encode_item(EVENT)
    assert encode_item(EVENT, 35)["x"] == {"N": str(1_768_384_801 + 35 * 86_400)}


def test_the_setting_reaches_the_item(settings: Settings, dynamodb: Any) -> None:
    store = EventStore(dynamodb, replace(settings, event_retention_days=40), SystemClock(), lambda: 0.5)

    store.put_all([EVENT], LATER)

    (item,) = dynamodb.scan(TableName=settings.events_table)["Items"]
    assert item["x"]["N"] == str(1_768_384_801 + 40 * 86_400)


GOOD = encode_item(replace(EVENT, extensions='{"a":1}'))


@pytest.mark.parametrize("name", ["pk", "k", "y", "s", "r", "h"])
def test_an_item_that_lacks_an_attribute_is_broken(name: str) -> None:
    with pytest.raises(BrokenItem):
        decode_item({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize(
    "change",
    [
        {"pk": {"S": ""}},
        {"pk": {"S": "short"}},
        {"pk": {"S": "!" * 22 + ".1.ab"}},
        {"pk": {"S": GOOD["pk"]["S"][:22] + ".999.ab"}},
        {"pk": {"S": GOOD["pk"]["S"][:22] + ".x.ab"}},
        {"pk": {"S": GOOD["pk"]["S"][:22] + "-1.ab"}},
        {"pk": {"N": "1"}},
        {"pk": None},
        {"k": {"S": "soon"}},
        {"r": {"N": "x"}},
        {"h": {"B": "%%%"}},
        {"h": {"S": "x"}},
        {"d": {"N": "1"}},
        {"d": {"B": b"not deflated"}},
        {"d": {"B": zlib.compress(b"x" * 1_000)[:-5]}},
        {"d": {"B": zlib.compress(b"x" * 5_000_000)}},
        {"d": {"B": zlib.compress(b"\xff")}},
        {"e": {"N": "1"}},
        {"e": "x"},
        {"v": {"L": [{"S": "soon"}]}},
        {"v": {"N": "1"}},
        {"i": {"N": "1"}},
    ],
)
def test_a_broken_item_is_told_as_such(change: dict[str, Any]) -> None:
    with pytest.raises(BrokenItem):
        decode_item({**GOOD, **change})


@pytest.mark.parametrize("events", [[EVENT], numbered(3)])
def test_nothing_is_written_when_the_time_is_over(
    settings: Settings, dynamodb: Any, clock: ManualClock, events: list[Event]
) -> None:
    store = EventStore(dynamodb, settings, clock, lambda: 0.5)

    with pytest.raises(Unavailable):
        store.put_all(events, clock.now_us())

    assert dynamodb.scan(TableName=settings.events_table)["Count"] == 0


class ForgetfulClient:
    """A client whose failed conditions do not tell the old item, as some engines' do."""

    def __init__(self, client: Any, before_read: Callable[[], object]) -> None:
        self._client = client
        self._before_read = before_read

    def put_item(self, **arguments: Any) -> Any:
        return self._client.put_item(**{**arguments, "ReturnValuesOnConditionCheckFailure": "NONE"})

    def batch_get_item(self, **arguments: Any) -> Any:
        self._before_read()
        return self._client.batch_get_item(**arguments)


def test_an_old_item_that_is_not_told_is_read(settings: Settings, dynamodb: Any) -> None:
    store = EventStore(ForgetfulClient(dynamodb, lambda: None), settings, SystemClock(), lambda: 0.5)  # type: ignore[arg-type]
    store.put_all([EVENT], LATER)

    assert store.put_all([EVENT], LATER) == [EVENT.fingerprint]


def test_an_old_item_that_is_gone_when_it_is_read_is_written_again(settings: Settings, dynamodb: Any) -> None:
    key = {"pk": {"S": partition_key(WORKSPACE, "shop", "1")}}
    client = ForgetfulClient(dynamodb, lambda: dynamodb.delete_item(TableName=settings.events_table, Key=key))
    store = EventStore(client, settings, SystemClock(), lambda: 0.5)  # type: ignore[arg-type]
    store.put_all([EVENT], LATER)

    assert store.put_all([EVENT], LATER) == [None]
    assert dynamodb.scan(TableName=settings.events_table)["Count"] == 1
