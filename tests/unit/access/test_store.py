"""Keys in the catalog table, on Moto."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from dynameter.access.key import hash_secret
from dynameter.access.service import KeyEntry
from dynameter.access.store import KeyStore
from dynameter.errors import Unavailable
from tests.conftest import OTHER_WORKSPACE, WORKSPACE, ManualClock
from tests.unit.access.memory import SECRET, api_key

TABLE = "CatalogTable"


@pytest.fixture
def store(dynamodb: Any, clock: ManualClock) -> KeyStore:
    return KeyStore(dynamodb, TABLE, clock)


def items(dynamodb: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dynamodb.scan(TableName=TABLE)["Items"]
    return found


def throttled(**_: Any) -> Any:
    raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "UpdateItem")


def test_a_key_is_read_as_it_was_written(store: KeyStore) -> None:
    key = replace(api_key(), last_used_at_us=7, expires_at_us=9, name="ключ")

    assert store.insert(key)
    assert store.get(key.id) == key


def test_a_key_without_name_term_and_use_is_read_as_it_was_written(store: KeyStore) -> None:
    key = replace(api_key(), name=None)

    store.insert(key)

    assert store.get(key.id) == key


def test_no_item_holds_the_secret(store: KeyStore, dynamodb: Any) -> None:
    store.insert(api_key())

    assert len(items(dynamodb)) == 2
    assert SECRET not in repr(items(dynamodb))


def test_a_taken_id_keeps_its_key_and_gains_no_entry(store: KeyStore) -> None:
    store.insert(api_key())

    assert not store.insert(api_key(workspace=OTHER_WORKSPACE))
    assert store.get("k7q2m5x3h4bn") == api_key()
    assert store.entries(OTHER_WORKSPACE) == []


def test_entries_come_oldest_first_and_only_from_the_workspace(store: KeyStore) -> None:
    for key_id, created, workspace in (
        ("cccccccccccc", 10**15, WORKSPACE),
        ("aaaaaaaaaaaa", 9, WORKSPACE),
        ("bbbbbbbbbbbb", 10, WORKSPACE),
        ("dddddddddddd", 8, OTHER_WORKSPACE),
    ):
        store.insert(api_key(key_id, created_at_us=created, workspace=workspace))

    assert [entry.id for entry in store.entries(WORKSPACE)] == ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"]


def test_entries_are_followed_over_pages(store: KeyStore, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(3):
        store.insert(api_key(f"aaaaaaaaaaa{index}", created_at_us=index))
    query = dynamodb.query
    monkeypatch.setattr(dynamodb, "query", lambda **asked: query(Limit=1, **asked))

    assert [entry.created_at_us for entry in store.entries(WORKSPACE)] == [0, 1, 2]


def test_an_entry_without_a_key_is_passed_over(store: KeyStore, dynamodb: Any) -> None:
    store.insert(api_key())
    dynamodb.delete_item(TableName=TABLE, Key={"pk": {"S": "k.k7q2m5x3h4bn"}, "sk": {"S": "k"}})

    assert store.read(WORKSPACE, store.entries(WORKSPACE)) == []


def test_an_entry_never_leads_to_another_workspaces_key(store: KeyStore) -> None:
    store.insert(api_key())

    assert store.read(OTHER_WORKSPACE, [KeyEntry("k7q2m5x3h4bn", 1_000_000, "bootstrap")]) == []


def test_an_entry_left_by_another_attempt_does_not_show_a_key_twice(store: KeyStore) -> None:
    store.insert(api_key())
    stray = KeyEntry("k7q2m5x3h4bn", 999, "bootstrap")

    assert len(store.read(WORKSPACE, [stray, *store.entries(WORKSPACE)])) == 1


def test_more_keys_than_one_call_reads_are_all_read_in_order(store: KeyStore, dynamodb: Any) -> None:
    ids = [f"key{index:09}" for index in range(101)]
    for index, key_id in enumerate(ids):
        store.insert(api_key(key_id, created_at_us=index))

    assert [key.id for key in store.read(WORKSPACE, store.entries(WORKSPACE))] == ids


def test_keys_left_unprocessed_are_asked_for_again(
    store: KeyStore, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key_id in ("aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        store.insert(api_key(key_id))
    read = dynamodb.batch_get_item
    calls: list[int] = []

    def one_at_a_time(RequestItems: dict[str, Any]) -> Any:  # noqa: N803 (the SDK's name)
        keys = RequestItems[TABLE]["Keys"]
        calls.append(len(keys))
        answer = read(RequestItems={TABLE: {**RequestItems[TABLE], "Keys": keys[:1]}})
        left = {TABLE: {**RequestItems[TABLE], "Keys": keys[1:]}} if keys[1:] else {}
        return {**answer, "UnprocessedKeys": left}

    monkeypatch.setattr(dynamodb, "batch_get_item", one_at_a_time)

    assert len(store.read(WORKSPACE, store.entries(WORKSPACE))) == 2
    assert calls == [2, 1]


def test_keys_never_processed_are_a_passing_fault(
    store: KeyStore, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(RequestItems: Any) -> Any:  # noqa: N803 (the SDK's name)
        return {"Responses": {}, "UnprocessedKeys": RequestItems}

    monkeypatch.setattr(dynamodb, "batch_get_item", nothing)

    with pytest.raises(Unavailable):
        store.read(WORKSPACE, [KeyEntry("aaaaaaaaaaaa", 1, "bootstrap")])


def test_a_secret_is_replaced_where_it_is_still_the_old_one(store: KeyStore) -> None:
    old = api_key()
    store.insert(old)
    new = replace(old, secret_hash=hash_secret(old.id, "b" * 40), updated_at_us=5, expires_at_us=6)

    assert store.replace_secret(new, old.secret_hash)
    assert store.get(old.id) == new


def test_a_secret_replaced_meanwhile_stays(store: KeyStore) -> None:
    old = api_key()
    store.insert(old)
    late = replace(old, secret_hash=hash_secret(old.id, "b" * 40), expires_at_us=6)

    assert not store.replace_secret(late, hash_secret(old.id, "c" * 40))
    assert store.get(old.id) == old


def test_a_deleted_key_does_not_come_back_by_rotation(store: KeyStore, dynamodb: Any) -> None:
    key = replace(api_key(), expires_at_us=6)

    assert not store.replace_secret(key, key.secret_hash)
    assert items(dynamodb) == []


def sent_twice(call: Any) -> Any:
    """A client's call whose first answer was lost."""

    def again(**asked: Any) -> Any:
        call(**asked)
        return call(**asked)

    return again


def test_a_secret_written_by_an_attempt_whose_answer_was_lost_is_the_keys(
    store: KeyStore, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = api_key()
    store.insert(old)
    new = replace(old, secret_hash=hash_secret(old.id, "b" * 40), updated_at_us=5, expires_at_us=6)
    monkeypatch.setattr(dynamodb, "update_item", sent_twice(dynamodb.update_item))

    assert store.replace_secret(new, old.secret_hash)


def test_a_key_written_by_an_attempt_whose_answer_was_lost_is_stored(
    store: KeyStore, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "put_item", sent_twice(dynamodb.put_item))

    assert store.insert(api_key())
    assert store.read(WORKSPACE, store.entries(WORKSPACE)) == [api_key()]


def test_deleting_leaves_nothing(store: KeyStore, dynamodb: Any) -> None:
    store.insert(api_key())

    store.delete(api_key())

    assert items(dynamodb) == []


def test_a_deletion_holds_though_its_entry_stays(
    store: KeyStore, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.insert(api_key())
    delete = dynamodb.delete_item

    def only_the_key(**asked: Any) -> Any:
        return delete(**asked) if asked["Key"]["sk"]["S"] == "k" else throttled()

    monkeypatch.setattr(dynamodb, "delete_item", only_the_key)

    store.delete(api_key())

    assert store.get("k7q2m5x3h4bn") is None


def test_the_entry_is_written_before_the_key(store: KeyStore, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put = dynamodb.put_item

    def only_the_entry(**asked: Any) -> Any:
        return throttled() if asked["Item"]["sk"]["S"] == "k" else put(**asked)

    monkeypatch.setattr(dynamodb, "put_item", only_the_entry)

    with pytest.raises(Unavailable):
        store.insert(api_key())
    assert len(store.entries(WORKSPACE)) == 1
    assert store.read(WORKSPACE, store.entries(WORKSPACE)) == []


def test_a_use_is_noted_once_among_parallel_requests(store: KeyStore) -> None:
    store.insert(api_key())

    store.touch_last_used("k7q2m5x3h4bn", 1_000, 700)
    store.touch_last_used("k7q2m5x3h4bn", 1_001, 701)

    assert store.get("k7q2m5x3h4bn") == replace(api_key(), last_used_at_us=1_000)


def test_a_later_use_is_noted_when_it_is_time(store: KeyStore) -> None:
    store.insert(api_key())

    store.touch_last_used("k7q2m5x3h4bn", 1_000, 700)
    store.touch_last_used("k7q2m5x3h4bn", 1_300, 1_000)

    assert store.get("k7q2m5x3h4bn") == replace(api_key(), last_used_at_us=1_300)


def test_a_use_of_a_deleted_key_leaves_no_stub(store: KeyStore, dynamodb: Any) -> None:
    store.touch_last_used("k7q2m5x3h4bn", 1_000, 700)

    assert items(dynamodb) == []


def lost(**_: Any) -> Any:
    raise ReadTimeoutError(endpoint_url="https://dynamodb")


@pytest.mark.parametrize("fault", [throttled, lost])
def test_a_use_that_cannot_be_noted_disturbs_nobody(
    store: KeyStore, dynamodb: Any, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    monkeypatch.setattr(dynamodb, "update_item", fault)

    store.touch_last_used("k7q2m5x3h4bn", 1_000, 700)


@pytest.mark.parametrize("fault", [throttled, lost])
def test_a_key_that_cannot_be_read_is_a_passing_fault(
    store: KeyStore, dynamodb: Any, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    monkeypatch.setattr(dynamodb, "get_item", fault)

    with pytest.raises(Unavailable):
        store.get("k7q2m5x3h4bn")
