"""Keys whose text is known beforehand: the local server's own."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from dynameter.access.key import LOCAL_KEY
from dynameter.access.known_key import ensure_key
from dynameter.access.principal import Principal
from dynameter.access.service import AccessService
from dynameter.access.store import KeyStore
from dynameter.runtime.settings import Settings
from tests.conftest import OTHER_WORKSPACE, WORKSPACE, ManualClock


@pytest.fixture
def store(dynamodb: Any, settings: Settings, clock: ManualClock) -> KeyStore:
    return KeyStore(dynamodb, settings.catalog_table, clock)


@pytest.fixture
def access(store: KeyStore, clock: ManualClock) -> AccessService:
    return AccessService(store, clock, secrets.token_bytes, local_key=True)


def test_an_ensured_key_works(store: KeyStore, clock: ManualClock, access: AccessService) -> None:
    ensure_key(store, clock, WORKSPACE, LOCAL_KEY, ["*"])

    assert access.verify(LOCAL_KEY) == Principal(WORKSPACE, "local", frozenset({"*"}))


def test_ensuring_a_key_again_makes_no_second_one(store: KeyStore, clock: ManualClock, access: AccessService) -> None:
    first = ensure_key(store, clock, WORKSPACE, LOCAL_KEY, ["*"])
    clock.advance(3600)
    ensure_key(store, clock, WORKSPACE, LOCAL_KEY, ["*"])

    listed = store.read(WORKSPACE, store.entries(WORKSPACE))
    assert [key.created_at_us for key in listed] == [first.created_at_us]


def test_ensuring_a_rotated_key_makes_the_known_text_work_again(
    store: KeyStore, clock: ManualClock, access: AccessService
) -> None:
    ensure_key(store, clock, WORKSPACE, LOCAL_KEY, ["*"])
    rotated = access.rotate(Principal(WORKSPACE, "local", frozenset({"*"})), "local", 1)

    ensure_key(store, clock, WORKSPACE, LOCAL_KEY, ["*"])

    assert access.verify(LOCAL_KEY) is not None
    assert access.verify(rotated.plaintext) is None


def test_text_that_is_no_key_cannot_be_ensured(store: KeyStore, clock: ManualClock) -> None:
    with pytest.raises(ValueError, match="form of a key"):
        ensure_key(store, clock, WORKSPACE, "secret", ["*"])


def test_an_id_of_another_workspace_cannot_be_taken_over(store: KeyStore, clock: ManualClock) -> None:
    ensure_key(store, clock, WORKSPACE, LOCAL_KEY, ["*"])

    with pytest.raises(ValueError, match="another workspace"):
        ensure_key(store, clock, OTHER_WORKSPACE, LOCAL_KEY, ["*"])
