"""The rules of API keys, on a store in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynameter.access import service as rules
from dynameter.access.key import parse
from dynameter.access.principal import Principal
from dynameter.access.service import AccessService, IssuedKey, Refusal
from dynameter.errors import AlreadyExists, Forbidden, InvalidInput, NotFound, Unavailable, VersionConflict
from tests.conftest import OTHER_WORKSPACE, WORKSPACE, ManualClock
from tests.unit.access.memory import ADMIN, SECRET, CountedRandom, MemoryKeys, api_key

DAY_S = 86_400
STRANGER = Principal(OTHER_WORKSPACE, "strangerkey1", frozenset({"*"}))
KEYRING = Principal(WORKSPACE, "keyringonly1", frozenset({"keys:read", "keys:write", "usage:read"}))


@pytest.fixture
def store() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
def access(store: MemoryKeys, clock: ManualClock) -> AccessService:
    return AccessService(store, clock, CountedRandom())


def create(
    access: AccessService,
    principal: Principal = ADMIN,
    *,
    role: str = "member",
    permissions: tuple[str, ...] = (),
    days: int | None = 30,
) -> IssuedKey:
    return access.create(principal, name="ci", role=role, permissions=permissions, duration_days=days)


def refusal(access: AccessService, text: str) -> tuple[Refusal, str]:
    told: list[tuple[Refusal, str]] = []
    assert access.verify(text, lambda reason, key_id: told.append((reason, key_id))) is None
    assert len(told) == 1
    return told[0]


def test_a_new_key_is_its_holder(access: AccessService) -> None:
    issued = create(access)

    found = access.verify(issued.plaintext)

    scopes = frozenset({"events:write", "usage:read", "meters:write", "billing:read"})
    assert found == Principal(WORKSPACE, issued.key.id, scopes)


def test_a_key_records_who_made_it(access: AccessService) -> None:
    assert create(access).key.created_by == ADMIN.key_id


def test_the_secret_is_in_no_record_and_no_print(access: AccessService, store: MemoryKeys) -> None:
    issued = create(access)
    parsed = parse(issued.plaintext)
    assert parsed is not None

    assert parsed[1] not in repr(issued) + repr(store.keys[issued.key.id].secret_hash)


@pytest.mark.parametrize("days", [0, -1, 91, 10**30])
def test_a_term_outside_1_to_90_days_is_refused(access: AccessService, days: int) -> None:
    with pytest.raises(InvalidInput, match="from 1 to 90"):
        create(access, days=days)


def test_a_key_works_until_the_last_instant_of_its_term(access: AccessService, clock: ManualClock) -> None:
    issued = create(access, days=1)
    clock.now += DAY_S * 1_000_000 - 1

    assert access.verify(issued.plaintext) is not None


def test_a_key_stops_when_its_term_is_over(access: AccessService, clock: ManualClock) -> None:
    issued = create(access, days=1)
    clock.advance(DAY_S)

    assert refusal(access, issued.plaintext) == (Refusal.EXPIRED, issued.key.id)


def test_a_key_without_a_term_never_stops(access: AccessService, clock: ManualClock) -> None:
    issued = create(access, days=None)
    clock.advance(1_000 * 365 * DAY_S)

    assert access.verify(issued.plaintext) is not None


def test_nobody_makes_a_key_that_may_more_than_their_own(access: AccessService, store: MemoryKeys) -> None:
    with pytest.raises(Forbidden):
        create(access, KEYRING, role="admin")

    assert store.keys == {}


def test_the_default_role_is_no_way_round_that(access: AccessService) -> None:
    with pytest.raises(Forbidden):
        create(access, KEYRING, role="member")


def test_a_role_is_only_a_label_beside_permissions(access: AccessService) -> None:
    issued = create(access, KEYRING, role="admin", permissions=("usage:read",))

    assert issued.key.permissions == ("usage:read",)


def test_a_taken_id_is_not_overwritten(store: MemoryKeys, clock: ManualClock) -> None:
    class Repeating:
        """Gives the same id twice, then another."""

        def __init__(self) -> None:
            self.ids = 0

        def __call__(self, size: int) -> bytes:
            if size == 8:
                self.ids += 1
                return bytes([self.ids // 3]) * 8
            return bytes(size)

    access = AccessService(store, clock, Repeating())
    first, second = create(access), create(access)

    assert first.key.id != second.key.id
    assert access.verify(first.plaintext) is not None


def test_a_random_source_that_repeats_itself_makes_no_key(store: MemoryKeys, clock: ManualClock) -> None:
    access = AccessService(store, clock, bytes)
    create(access)

    with pytest.raises(Unavailable):
        create(access)


def test_a_full_workspace_takes_no_more_keys(access: AccessService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "KEYS_PER_WORKSPACE_MAX", 1)
    create(access)

    with pytest.raises(AlreadyExists, match="delete some first"):
        create(access)


def test_pages_follow_each_other_without_gap_or_repetition(access: AccessService) -> None:
    made = [create(access).key.id for _ in range(5)]

    pages = [access.list(ADMIN, mine_only=False, limit=2, offset=offset) for offset in (0, 2, 4)]

    assert [key.id for page in pages for key in page.keys] == made
    assert [page.next_offset for page in pages] == [2, 4, None]
    assert {page.total for page in pages} == {5}


def test_a_page_past_the_end_is_empty(access: AccessService) -> None:
    create(access)

    page = access.list(ADMIN, mine_only=False, limit=10, offset=10**40)

    assert (list(page.keys), page.next_offset, page.total) == ([], None, 1)


def test_mine_only_lists_what_the_calling_key_made(access: AccessService) -> None:
    create(access)
    own = create(access, KEYRING, permissions=("usage:read",))

    page = access.list(KEYRING, mine_only=True, limit=10, offset=0)

    assert ([key.id for key in page.keys], page.total) == ([own.key.id], 1)


def test_a_list_shows_no_key_of_another_workspace(access: AccessService) -> None:
    create(access)

    assert access.list(STRANGER, mine_only=False, limit=10, offset=0).total == 0


def test_rotation_stops_the_old_secret_and_starts_the_new(access: AccessService) -> None:
    old = create(access)

    new = access.rotate(ADMIN, old.key.id, 30)

    assert refusal(access, old.plaintext) == (Refusal.WRONG_SECRET, old.key.id)
    assert access.verify(new.plaintext) is not None


def test_rotation_keeps_everything_but_secret_and_term(access: AccessService, clock: ManualClock) -> None:
    old = create(access, days=1)
    clock.advance(60)

    new = access.rotate(ADMIN, old.key.id, 90)

    changed = {
        "secret_hash": new.key.secret_hash,
        "updated_at_us": clock.now,
        "expires_at_us": clock.now + 90 * DAY_S * 1_000_000,
    }
    assert new.key == replace(old.key, **changed)  # type: ignore[arg-type]


def test_an_expired_key_comes_back_by_rotation(access: AccessService, clock: ManualClock) -> None:
    old = create(access, days=1)
    clock.advance(2 * DAY_S)

    assert access.verify(access.rotate(ADMIN, old.key.id, 1).plaintext) is not None


def test_nobody_rotates_a_key_that_may_more_than_their_own(access: AccessService) -> None:
    mighty = create(access, role="admin")

    with pytest.raises(Forbidden):
        access.rotate(KEYRING, mighty.key.id, 30)
    assert access.verify(mighty.plaintext) is not None


def test_a_rotation_that_meets_another_is_a_conflict(access: AccessService, store: MemoryKeys) -> None:
    key_id = create(access).key.id
    store.replace_secret = lambda key, old_hash: False  # type: ignore[method-assign]

    with pytest.raises(VersionConflict):
        access.rotate(ADMIN, key_id, 30)


def test_a_deleted_key_is_unknown(access: AccessService) -> None:
    issued = create(access)

    access.delete(ADMIN, issued.key.id)

    assert refusal(access, issued.plaintext) == (Refusal.UNKNOWN, issued.key.id)


def test_a_key_is_deleted_once(access: AccessService) -> None:
    key_id = create(access).key.id
    access.delete(ADMIN, key_id)

    with pytest.raises(NotFound):
        access.delete(ADMIN, key_id)


def test_a_key_of_another_workspace_cannot_be_rotated(access: AccessService) -> None:
    issued = create(access)

    with pytest.raises(NotFound):
        access.rotate(STRANGER, issued.key.id, 30)
    assert access.verify(issued.plaintext) is not None


def test_a_key_of_another_workspace_cannot_be_deleted(access: AccessService) -> None:
    issued = create(access)

    with pytest.raises(NotFound):
        access.delete(STRANGER, issued.key.id)
    assert access.verify(issued.plaintext) is not None


@pytest.mark.parametrize("key_id", ["", "nope", "k" * 3_000, "k7q2m5x3h4b/"])
def test_an_id_of_no_form_is_not_found_without_a_read(access: AccessService, store: MemoryKeys, key_id: str) -> None:
    with pytest.raises(NotFound):
        access.delete(ADMIN, key_id)

    assert store.reads == 0


def test_text_that_is_no_key_costs_no_read(access: AccessService, store: MemoryKeys) -> None:
    assert refusal(access, "dm_hello") == (Refusal.MALFORMED, "")
    assert store.reads == 0


def test_the_local_servers_key_is_refused_even_where_a_table_holds_it(
    access: AccessService, store: MemoryKeys, clock: ManualClock
) -> None:
    store.insert(api_key("local"))

    assert refusal(access, f"dm_local_{SECRET}") == (Refusal.LOCAL_ONLY, "local")
    assert AccessService(store, clock, CountedRandom(), local_key=True).verify(f"dm_local_{SECRET}") is not None


def test_a_use_is_noted(access: AccessService, store: MemoryKeys, clock: ManualClock) -> None:
    issued = create(access)

    access.verify(issued.plaintext)

    assert store.keys[issued.key.id].last_used_at_us == clock.now


@pytest.mark.parametrize(("pause_s", "written"), [(299, False), (300, True)])
def test_a_use_is_noted_once_in_five_minutes(
    access: AccessService, store: MemoryKeys, clock: ManualClock, pause_s: int, written: bool
) -> None:
    issued = create(access)
    access.verify(issued.plaintext)
    clock.advance(pause_s)

    access.verify(issued.plaintext)

    assert (store.keys[issued.key.id].last_used_at_us == clock.now) is written


def test_a_refused_key_is_not_noted_as_used(access: AccessService, store: MemoryKeys) -> None:
    issued = create(access)
    access.rotate(ADMIN, issued.key.id, 30)

    access.verify(issued.plaintext)

    assert store.keys[issued.key.id].last_used_at_us is None
