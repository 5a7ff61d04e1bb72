"""What the test plays on the way of a stream's records is what Lambda does."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.usage.folding.failed_batches import read_failed_batch
from tests.integration.deployment.stream import EventStream


class Function:
    """Remembers what it was brought."""

    def __init__(self) -> None:
        self.brought: list[Any] = []

    def bring(self, event: Any) -> Any:
        self.brought.append(event)
        return {}


class Bucket:
    """S3 as far as it is used."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def put_object(self, **arguments: Any) -> None:
        self.bodies.append(arguments["Body"])


def record(mark: str) -> dict[str, Any]:
    return {"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": f"w.5.smoke{mark}"}}, "NewImage": {}}}


@pytest.fixture
def function() -> Function:
    return Function()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def stream(function: Any, bucket: Bucket) -> EventStream:
    found = EventStream(function, bucket, "bucket")
    found.unreadable.add("-spoiled")
    found.given_up.add("-lost")
    return found


def test_the_end_of_a_window_brings_no_records(stream: EventStream, function: Function) -> None:
    stream.bring({"shardId": "s", "isFinalInvokeForWindow": True})

    assert [one["Records"] for one in function.brought] == [[]]


def test_a_spoiled_record_comes_without_its_image_and_others_whole(stream: EventStream, function: Function) -> None:
    stream.bring({"shardId": "s", "Records": [record("-spoiled"), record("-good")]})

    ((spoiled, good),) = [one["Records"] for one in function.brought]
    assert ("NewImage" in spoiled["dynamodb"], good) == (False, record("-good"))


def test_a_record_that_is_given_up_lies_in_the_bucket_as_a_failed_batch(stream: EventStream, bucket: Bucket) -> None:
    stream.bring({"shardId": "s", "Records": [record("-lost"), record("-good")]})

    (found,) = map(read_failed_batch, bucket.bodies)
    assert (found.shard_id, found.records) == ("s", (record("-lost"),))


def test_what_has_gone_wrong_is_known(stream: EventStream) -> None:
    stream.bring({"shardId": "s", "Records": [record("-lost"), record("-spoiled"), record("-good")]})

    assert stream.gone_wrong == {"-lost", "-spoiled"}
