"""Books of reservations on every engine: conditions, sums and what a refusal brings are the engine's to get right."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from dynameter.gateway.plan import MeterType
from dynameter.gateway.quotas.books import BookStore
from dynameter.gateway.quotas.reservation import BookKey, Hold, Settling
from dynameter.usage.windows import Window
from tests.conftest import WORKSPACE
from tests.integration.conftest import EngineUnderTest

KEY = BookKey(WORKSPACE, "user-1", MeterType.REQUESTS, Window(0, 2_000_000_000_000_000))
HOLD = Hold(Decimal("0.1"), expires_at_us=60, created_at_us=1)


def test_parallel_reservations_never_pass_the_room(engine: EngineUnderTest) -> None:
    books = BookStore(engine.client, engine.tables["UsageTable"])

    with ThreadPoolExecutor(16) as pool:
        room = Decimal("1.9")
        granted = list(pool.map(lambda number: books.hold(KEY, f"{number:011d}", HOLD, room).done, range(40)))

    book = books.read(WORKSPACE, KEY.digest)
    assert book is not None
    assert (sum(granted), book.taken, len(book.entries)) == (20, Decimal(2), 20)


def test_a_reservation_goes_its_way(engine: EngineUnderTest) -> None:
    books = BookStore(engine.client, engine.tables["UsageTable"])
    books.hold(KEY, "0" * 11, HOLD, None)
    held = books.hold(KEY, "1" * 11, HOLD, None).book
    assert held is not None
    settling = Settling(Decimal("0.3"), 1, 2, "{}")

    settled = books.settle(held, "0" * 11, HOLD, settling)
    refused = books.give_back(held, {"0" * 11: HOLD})
    books.finish(held, "0" * 11, settling)
    books.give_back(held, {"1" * 11: HOLD})

    assert settled.done
    assert not refused.done
    book = books.read(WORKSPACE, KEY.digest)
    assert book is not None
    assert (book.taken, book.committed, dict(book.entries)) == (Decimal("0.3"), Decimal("0.3"), {})
