"""The shared bucket in the usage table, on Moto."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.admission.store import SharedBuckets
from dynameter.errors import Unavailable
from dynameter.runtime.settings import Settings
from tests.conftest import OTHER_WORKSPACE, WORKSPACE
from tests.unit.usage.fake_table import refusal

NOW = 1_768_384_800_000_000


class Counted:
    """A client that counts its updates."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.updates = 0

    def update_item(self, **arguments: Any) -> Any:
        self.updates += 1
        return self._client.update_item(**arguments)


@pytest.fixture
def client(dynamodb: Any) -> Counted:
    return Counted(dynamodb)


@pytest.fixture
def buckets(client: Any, settings: Settings) -> SharedBuckets:
    return SharedBuckets(client, settings.usage_table)


def test_a_bucket_never_used_is_full(buckets: SharedBuckets, client: Counted) -> None:
    assert buckets.spend(WORKSPACE, 500, NOW, 0) == NOW + 500
    assert client.updates == 1


def test_spending_adds_up_in_one_write_each(buckets: SharedBuckets, client: Counted) -> None:
    last = buckets.spend(WORKSPACE, 500, NOW, 0)

    assert buckets.spend(WORKSPACE, 700, NOW + 100, last) == NOW + 1_200
    assert client.updates == 2


def test_what_was_earned_meanwhile_is_not_owed(buckets: SharedBuckets, client: Counted) -> None:
    last = buckets.spend(WORKSPACE, 500, NOW, 0)

    assert buckets.spend(WORKSPACE, 700, NOW + 9_000, last) == NOW + 9_700
    assert client.updates == 2


def test_a_process_that_knows_nothing_finds_out(buckets: SharedBuckets, client: Counted) -> None:
    buckets.spend(WORKSPACE, 500, NOW, 0)

    assert buckets.spend(WORKSPACE, 700, NOW + 100, 0) == NOW + 1_200
    assert client.updates == 3


def test_workspaces_have_buckets_of_their_own(buckets: SharedBuckets) -> None:
    buckets.spend(WORKSPACE, 500, NOW, 0)

    assert buckets.spend(OTHER_WORKSPACE, 500, NOW, 0) == NOW + 500


def test_a_bucket_that_keeps_changing_is_unavailable() -> None:
    class Contended:
        def update_item(self, **_: Any) -> Any:
            raise refusal("ConditionalCheckFailedException")

    client: Any = Contended()

    with pytest.raises(Unavailable):
        SharedBuckets(client, "usage").spend(WORKSPACE, 1, NOW, 0)
