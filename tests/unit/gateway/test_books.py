"""Books keep every digit and every entry, and their changes are conditional."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.errors import Unavailable
from dynameter.gateway.plan import MeterType
from dynameter.gateway.quotas.books import BookStore, _decode, _encode
from dynameter.gateway.quotas.reservation import Book, BookKey, Entry, Hold, ReservationId, Settling
from dynameter.runtime.settings import Settings
from dynameter.usage.windows import Window
from tests.conftest import WORKSPACE

KEY = BookKey(WORKSPACE, "user-1", MeterType.REQUESTS, Window(0, 1_000_000))
HOLD = Hold(Decimal("1.000000001"), expires_at_us=60, created_at_us=1)

stamps = st.integers(0, 10**16)
units = st.decimals(min_value=0, max_value=10**20, places=9)
names = st.text("abcXYZ019-_", min_size=11, max_size=11)


@pytest.fixture
def books(settings: Settings, dynamodb: Any) -> BookStore:
    return BookStore(dynamodb, settings.usage_table)


def test_what_was_written_is_read(books: BookStore) -> None:
    books.hold(KEY, "n" * 11, HOLD, None)

    assert books.read(WORKSPACE, KEY.digest) == Book(
        workspace=WORKSPACE,
        digest=KEY.digest,
        user_id="user-1",
        meter_type=MeterType.REQUESTS,
        taken=Decimal("1.000000001"),
        committed=Decimal(0),
        entries={"n" * 11: HOLD},
    )


def test_large_amounts_keep_their_billionths(books: BookStore) -> None:
    held = books.hold(KEY, "n" * 11, HOLD, None).book
    assert held is not None
    large = Settling(Decimal("99999999999999999999.000000001"), 1, 2, "{}")

    settled = books.settle(held, "n" * 11, HOLD, large).book

    assert settled is not None
    assert settled.taken == settled.committed == large.units


def test_a_write_that_came_twice_counts_once(books: BookStore) -> None:
    books.hold(KEY, "n" * 11, HOLD, Decimal(0))

    again = books.hold(KEY, "n" * 11, HOLD, Decimal(0))

    assert again.done
    assert again.book is not None
    assert again.book.taken == HOLD.units


def test_a_changed_entry_is_not_given_back(books: BookStore) -> None:
    held = books.hold(KEY, "n" * 11, HOLD, None).book
    assert held is not None
    books.settle(held, "n" * 11, HOLD, Settling(Decimal(1), 1, 2, "{}"))

    assert not books.give_back(held, {"n" * 11: HOLD}).done


def test_a_book_full_of_commits_that_wait_to_be_stored_is_a_reason_to_come_again(books: BookStore) -> None:
    held = books.hold(KEY, "n" * 11, HOLD, None).book
    assert held is not None

    with pytest.raises(Unavailable, match="wait to be stored"):
        books.settle(held, "n" * 11, HOLD, Settling(Decimal(1), 1, 2, "x" * 410_000))


def test_there_is_no_book_before_the_first_reservation(books: BookStore) -> None:
    assert books.read(WORKSPACE, KEY.digest) is None


def test_room_below_nothing_writes_nothing(books: BookStore) -> None:
    assert not books.hold(KEY, "n" * 11, HOLD, Decimal(-1)).done
    assert books.read(WORKSPACE, KEY.digest) is None


@pytest.mark.parametrize(
    "other",
    [
        BookKey(WORKSPACE, "user-2", MeterType.REQUESTS, Window(0, 1)),
        BookKey(WORKSPACE, "user-1", MeterType.COMPUTE_UNITS, Window(0, 1)),
        BookKey(WORKSPACE, "user-1", MeterType.REQUESTS, Window(1, 2)),
    ],
)
def test_user_meter_type_and_month_have_books_of_their_own(other: BookKey) -> None:
    assert other.digest != KEY.digest


@given(st.one_of(st.builds(Hold, units, stamps, stamps), st.builds(Settling, units, stamps, stamps, st.text())))
def test_entries_survive_their_text_form(entry: Entry) -> None:
    assert _decode(_encode(entry)) == entry


@given(names)
def test_ids_survive_their_text_form(nonce: str) -> None:
    name = ReservationId(KEY.digest, nonce)

    assert ReservationId.parse(str(name)) == name


@given(st.text())
def test_no_text_breaks_the_reading_of_ids(text: str) -> None:
    found = ReservationId.parse(text)

    assert found is None or str(found) == text
