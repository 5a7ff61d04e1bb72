"""The subject store where requests race and storage refuses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dynameter.errors import Unavailable
from dynameter.runtime.settings import Settings
from dynameter.subjects.store import SubjectStore
from dynameter.subjects.subject import SubjectDraft


@pytest.fixture
def store(client: Any, engine: Settings) -> SubjectStore:
    return SubjectStore(client, engine.catalog_table, pause=lambda _: None)


def test_of_requests_that_create_a_key_at_once_one_makes_the_id(store: SubjectStore, workspace: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda one: store.upsert(workspace, SubjectDraft("acme"), f"id{one}", 1), range(8)))

    assert len({one.id for one in made}) == 1
    assert store.get_by_id(workspace, made[0].id) == store.get(workspace, "acme")


def test_a_subject_that_was_made_again_is_not_deleted_in_the_old_ones_place(
    store: SubjectStore, workspace: str
) -> None:
    old = store.upsert(workspace, SubjectDraft("acme"), "old", 1)
    assert store.delete(old)
    store.upsert(workspace, SubjectDraft("acme"), "new", 2)

    assert not store.delete(old)
    assert store.get_by_id(workspace, "new") is not None


def test_a_list_ends_before_the_answer_is_too_large(
    store: SubjectStore, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dynameter.subjects.store.MAX_PAGES", 1)
    for key in "abc":
        store.upsert(workspace, SubjectDraft(key, metadata={"a": "x" * 4_000}), f"id-{key}", 1)

    first = store.list(workspace, None, 2)

    assert ([one.key for one in first.subjects], first.next) == (["a", "b"], "b")
    assert [one.key for one in store.list(workspace, first.next, 2).subjects] == ["c"]


class Contended:
    """A client whose transactions always meet another one."""

    def update_item(self, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")

    def transact_write_items(self, **_: Any) -> Any:
        error: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": []}
        error["CancellationReasons"].append({"Code": "TransactionConflict"})
        raise ClientError(error, "TransactWriteItems")


def test_storage_that_is_too_busy_says_so(workspace: str) -> None:
    client: Any = Contended()

    with pytest.raises(Unavailable):
        SubjectStore(client, "catalog", pause=lambda _: None).upsert(workspace, SubjectDraft("a"), "id", 1)
