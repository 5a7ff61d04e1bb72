"""The simulation behaves as AWS does: shards, batches, processes, clocks, indexes, and what storage's faults leave."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from dynameter.events.event import Event
from dynameter.events.store import encode_item
from local.template import StreamMapping
from tests.conftest import WORKSPACE
from tests.simulation.admission import Rate
from tests.simulation.delivery import Delivery, Lane
from tests.simulation.dynamodb import SCANNED_ITEMS
from tests.simulation.faults import LATEST_US, Fault
from tests.simulation.processes import CALL_US
from tests.simulation.stream import Shard, Stream, hash_of
from tests.simulation.tables import INDEX_LAG_US
from tests.simulation.world import CLOCK_SKEW_MS, World, world

EVENTS = "EventsTable"
KEYS = [(str(number), "") for number in range(50)]


@pytest.fixture
def running() -> Iterator[World]:
    with world(1, index_lags=True) as found:
        yield found


def record(key: tuple[str, str], number: int) -> dict[str, Any]:
    return {"dynamodb": {"Keys": {"pk": {"S": key[0]}}, "SequenceNumber": str(number)}}


def mapped(stream: Stream, lanes: int = 1) -> Delivery:
    return Delivery(StreamMapping("AggregateFunction", EVENTS, {"BatchSize": 1_000}), stream, lanes)


def event(number: int = 1) -> dict[str, Any]:
    body = {"specversion": "1.0", "id": str(number), "source": "s", "type": "a", "subject": "s1"}
    return body | {"time": "2026-01-14T10:00:00Z", "data": {"v": 1}}


def item(number: int = 1) -> dict[str, Any]:
    return encode_item(Event(WORKSPACE, "s", str(number), "a", "s1", 0, None, None, b"print", 0))


def listed(running: World) -> list[Any]:
    return [one for table in running.memory.tables[EVENTS].indexes.values() for one in table.items]


# ---- streams


@pytest.mark.parametrize("children", [1, 2])
def test_an_items_records_are_in_one_shard_until_it_closes_and_then_in_its_child(children: int) -> None:
    stream = Stream(2)
    for number, key in enumerate(KEYS):
        stream.write(key, record(key, number))
    stream.split(0, children)
    for number, key in enumerate(KEYS):
        stream.write(key, record(key, 100 + number))

    for place in (0, 17, 42):
        homes = [one for one in stream.shards if one.first <= hash_of(KEYS[place]) < one.last and one.records]
        assert [one.parent for one in homes[1:]] == homes[:-1]
    assert len(stream.shards) == 2 + children
    assert sum(len(one.records) for one in stream.shards) == 2 * len(KEYS)
    assert [one.id for one in stream.shards] == sorted(one.id for one in stream.shards)


def test_a_shard_is_brought_after_all_of_its_parent() -> None:
    stream = Stream(1)
    delivery = mapped(stream)
    stream.write(KEYS[0], record(KEYS[0], 1))
    stream.split(0, 2)
    stream.write(KEYS[0], record(KEYS[0], 2))

    (parent,) = delivery.ready()
    parent.settle(parent.following(10, 0), well=True, bisect=False)
    assert delivery.ready() == [parent], "its end is not told yet"
    parent.ended = True

    assert [one.records[0]["dynamodb"]["SequenceNumber"] for one in delivery.ready()] == ["2"]


def test_lanes_keep_the_order_of_an_item() -> None:
    stream = Stream(1)
    for number in range(200):
        stream.write(KEYS[number % 50], record(KEYS[number % 50], number))

    first, second = mapped(stream, lanes=2).lanes()

    keys = [{one["dynamodb"]["Keys"]["pk"]["S"] for one in lane.records} for lane in (first, second)]
    assert keys[0]
    assert keys[1]
    assert not keys[0] & keys[1]
    numbers = [int(one["dynamodb"]["SequenceNumber"]) for one in first.records]
    assert numbers == sorted(numbers)


def test_a_batch_that_fails_comes_again_in_halves_one_after_the_other() -> None:
    lane = Lane(Shard(0, 0, 1), [{}] * 8)
    seen = []
    for well in (False, False, True, True, True):
        seen.append(lane.following(8, 0))
        lane.settle(seen[-1], well=well, bisect=True)

    assert seen == [(0, 8), (0, 4), (0, 2), (2, 4), (4, 8)]
    assert lane.waiting == 0


def test_a_batch_that_fails_may_come_again_whole_and_with_nothing_new() -> None:
    lane = Lane(Shard(0, 0, 1), [{}] * 8)
    lane.settle(lane.following(3, 0), well=False, bisect=False)

    assert lane.following(8, 0) == (0, 3)


# ---- processes


def test_a_run_that_stands_still_goes_on_beside_what_took_its_place(running: World) -> None:
    running.faults.arm(Fault.STALLED_BEFORE, 0)
    assert running.emit([event()], tries=1) is None
    again = running.emit([event()])
    assert again is not None
    assert [one["status"] for one in again.json()["results"]] == ["accepted"]

    running.resume(0)

    assert not running.fleet.stalled
    assert len(running.memory.tables[EVENTS].items) == 1


def test_a_write_that_was_under_way_for_too_long_is_never_done(running: World) -> None:
    running.faults.arm(Fault.STALLED_BEFORE, 0)
    running.emit([event()], tries=1)
    running.clock.sleep(CALL_US / 1_000_000 + 1)

    running.resume(0)

    assert not running.fleet.stalled
    assert not running.memory.tables[EVENTS].items


def test_a_world_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    with world(1) as running:
        for number in range(3):
            running.faults.arm(Fault.STALLED_AFTER, 0)
            running.emit([event(number)], tries=1)
        assert threading.active_count() == before + 3

    assert threading.active_count() == before


def test_a_killed_process_is_gone_with_its_caches(running: World) -> None:
    running.emit([event()])
    (process,) = running.fleet.idle["emit"]
    for _ in range(9):  # now and then a new process takes the request
        running.faults.arm(Fault.KILLED_AFTER, 0)
        running.emit([event()], tries=1)

    assert process not in running.fleet.idle["emit"]


def test_clocks_differ_by_no_more_than_the_service_is_told(running: World) -> None:
    for _ in range(30):
        running.fleet.lose("emit")
        running.emit([event()])
    skews = {process.skew_us for process in running.fleet.idle["emit"]}
    for _ in range(30):
        running.fleet.lose("emit")
        running.emit([event()])
        skews |= {process.skew_us for process in running.fleet.idle["emit"]}

    assert len(skews) > 20
    assert max(skews) - min(skews) <= CLOCK_SKEW_MS * 1_000


# ---- storage


def test_an_index_lags_and_catches_up_in_time(running: World) -> None:
    running.memory.put_item(TableName=EVENTS, Item=item())
    assert listed(running) == []

    running.clock.sleep(INDEX_LAG_US / 1_000_000)
    running.memory.query(
        TableName=EVENTS,
        IndexName="by_time",
        KeyConditionExpression="b = :b",
        ExpressionAttributeValues={":b": {"S": "any"}},
    )

    assert len(listed(running)) == 1


def test_an_index_may_have_some_items_and_not_others(running: World) -> None:
    for number in range(20):
        running.memory.put_item(TableName=EVENTS, Item=item(number))

    running.memory.catch_up(lambda _at_us, key: hash_of(key) % 2 == 0)

    assert 0 < len(listed(running)) < 20


def put(running: World, condition: str = "attribute_not_exists(pk)") -> Any:
    return running.memory.put_item(TableName=EVENTS, Item=item(), ConditionExpression=condition)


def stored(running: World) -> bool:
    return bool(running.memory.tables[EVENTS].items)


@pytest.mark.parametrize(
    ("fault", "error", "is_stored"),
    [
        (Fault.THROTTLED, ClientError, False),
        (Fault.CONFLICT, ClientError, False),
        (Fault.UNHEARD, ReadTimeoutError, False),
        (Fault.LOST, ReadTimeoutError, True),
        (Fault.RETRIED, ClientError, True),
    ],
)
def test_a_fault_leaves_what_it_says(running: World, fault: Fault, error: type[Exception], is_stored: bool) -> None:
    running.faults.arm(fault, 0)
    with pytest.raises(error):
        put(running)

    assert stored(running) is is_stored


def test_a_late_call_is_applied_when_its_process_has_given_it_up(running: World) -> None:
    running.faults.arm(Fault.LATE, 0)
    with pytest.raises(ReadTimeoutError):
        put(running)
    assert not stored(running)

    running.clock.sleep(LATEST_US / 1_000_000)
    running.memory.get_item(TableName=EVENTS, Key={"pk": {"S": "any"}})

    assert stored(running)


def test_a_retry_by_the_library_says_so(running: World) -> None:
    running.faults.arm(Fault.RETRIED, 0)
    with pytest.raises(ClientError) as raised:
        put(running)

    assert raised.value.response["ResponseMetadata"]["RetryAttempts"] == 1


def test_a_scan_comes_in_pages_and_each_segment_has_its_own_items(running: World) -> None:
    for number in range(4 * SCANNED_ITEMS):
        running.memory.put_item(TableName=EVENTS, Item=item(number))

    pages = [
        list(running.memory.get_paginator("scan").paginate(TableName=EVENTS, Segment=segment, TotalSegments=2))
        for segment in (0, 1)
    ]

    found = [one["pk"]["S"] for segment in pages for page in segment for one in page["Items"]]
    assert len(found) == len(set(found)) == 4 * SCANNED_ITEMS
    assert all(len(segment) > 1 for segment in pages)


def insert(running: World, *numbers: int) -> list[Any]:
    statements = []
    for number in numbers:
        places = ", ".join(f"'{name}': ?" for name in item(number))
        statements.append(
            {
                "Statement": f'INSERT INTO "{EVENTS}" VALUE {{{places}}}',
                "Parameters": list(item(number).values()),
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        )
    answer = running.memory.batch_execute_statement(Statements=statements)
    return [one.get("Error", {}).get("Code") for one in answer["Responses"]]


def test_an_insert_of_a_batch_is_refused_where_the_key_is_taken(running: World) -> None:
    assert insert(running, 1, 2) == [None, None]

    assert insert(running, 2, 3) == ["DuplicateItem", None]


@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.PARTIAL, "ThrottlingError"), (Fault.CONFLICT, "TransactionConflict")]
)
def test_a_batch_may_be_done_in_part(running: World, fault: Fault, code: str) -> None:
    running.faults.arm(fault, 0)

    assert insert(running, 1, 2, 3) == [None, code, None]
    assert len(running.memory.tables[EVENTS].items) == 2


def test_a_batch_may_be_read_in_part(running: World) -> None:
    insert(running, 1, 2)
    running.faults.arm(Fault.PARTIAL, 0)
    keys = [{"pk": item(number)["pk"]} for number in (1, 2)]
    answer = running.memory.batch_get_item(RequestItems={EVENTS: {"Keys": keys, "ConsistentRead": True}})

    assert [one["pk"] for one in answer["Responses"][EVENTS]] == [keys[0]["pk"]]
    assert answer["UnprocessedKeys"][EVENTS]["Keys"] == keys[1:]


def test_deletions_of_a_batch_may_be_done_in_part(running: World) -> None:
    insert(running, 1, 2)
    running.faults.arm(Fault.PARTIAL, 0)
    requests = [{"DeleteRequest": {"Key": {"pk": item(number)["pk"]}}} for number in (1, 2)]
    answer = running.memory.batch_write_item(RequestItems={EVENTS: requests})

    assert answer["UnprocessedItems"] == {EVENTS: requests[1:]}
    assert list(running.memory.tables[EVENTS].items) == [(item(2)["pk"]["S"], "")]


# ---- operators, releases and the limit


def meter(running: World) -> None:
    body = {"slug": "m", "eventType": "a", "aggregation": "COUNT"}
    assert running.ask("meters", "POST /api/v1/meters", body=body).status == 201
    running.settle()
    running.clock.sleep(1)  # what is stamped from now on is counted by the stream alone


def counted(running: World) -> int:
    found = running.ask("meters", "GET /api/v1/meters/{meterIdOrSlug}/query", path={"meterIdOrSlug": "m"})
    return int(found.json()["data"][0]["value"])


def test_what_a_release_cannot_read_is_put_aside_until_another_one_redrives_it(running: World) -> None:
    meter(running)
    running.unknown = 3
    running.emit([event(1), event(2)])
    running.settle()
    assert counted(running) == 0

    running.unknown = 0
    running.operate("redrive", "--wait", "1")
    running.settle()

    assert counted(running) == 2


def test_a_batch_that_is_given_up_lies_in_the_bucket_until_it_is_redriven() -> None:
    with world(1, shards=1) as running:
        meter(running)
        running.emit([event(1), event(2)])
        running.faults.arm(Fault.KILLED_BEFORE, 0)
        running.deliver(EVENTS, 0, 10, bisect=False)
        running.give_up(EVENTS, 0)
        running.settle()
        assert counted(running) == 0

        running.operate("redrive", "--wait", "1")
        running.settle()

        assert counted(running) == 2


def test_while_a_purge_waits_the_world_goes_on(running: World) -> None:
    meter(running)
    running.emit([event()])
    running.settle()
    running.ask("meters", "DELETE /api/v1/meters/{meterIdOrSlug}", path={"meterIdOrSlug": "m"})
    usage, before_us = running.memory.tables["UsageTable"].items, running.clock.now
    rows = len(usage)

    assert running.operate("purge", "--delete") is None
    assert rows == len(usage)
    assert running.clock.now - before_us < 20 * 60_000_000
    running.resume(0)

    assert not usage
    assert running.clock.now - before_us >= 20 * 60_000_000


def test_a_world_with_a_limit_refuses_what_is_over_it() -> None:
    with world(1, rate=Rate(2, 6)) as running:
        answers = [running.emit([event(number)], tries=1) for number in range(40)]

    assert running.door.refused > 0
    assert len([one for one in answers if one is not None]) + running.door.refused == 40


def test_a_client_that_is_refused_waits_as_it_is_told() -> None:
    with world(1, rate=Rate(2, 6)) as running:
        answers = [running.emit([event(number)]) for number in range(40)]

    assert None not in answers
    assert len(running.memory.tables[EVENTS].items) == 40
