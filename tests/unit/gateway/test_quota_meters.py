"""The month's usage: both parts of it, read as it is now, from meters that are made when they are needed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from dynameter.errors import AlreadyExists, NotFound
from dynameter.gateway.plan import MeterType
from dynameter.gateway.quotas.meters import SETTLED_USAGE_LIFE_US, LiveUsage, QuotaMeters
from dynameter.gateway.usage import QUOTA_METERS, REQUESTS_METER, UNITS_METER
from dynameter.meters.meter import Generation, Meter, MeterDraft
from dynameter.rfc3339 import parse
from dynameter.usage.queries.query import UsageAnswer, UsageQuery, UsageRow
from dynameter.usage.windows import Window
from tests.conftest import WORKSPACE, ManualClock

MONTH = Window(parse("2026-01-01T00:00:00Z"), parse("2026-02-01T00:00:00Z"))


def meter(draft: MeterDraft, **changes: Any) -> Meter:
    made = Meter(
        workspace=WORKSPACE,
        id=f"id-{draft.slug}",
        slug=draft.slug,
        name=draft.slug,
        description=None,
        event_type=draft.event_type,
        aggregation=draft.aggregation,
        value_property=draft.value_property,
        group_by=draft.group_by,
        event_from_us=None,
        metadata={},
        created_at_us=0,
        updated_at_us=0,
        deleted_at_us=None,
        generations=(Generation(1, draft.group_by, 0, complete=True),),
        active=1,
    )
    return replace(made, **changes)


@dataclass
class Shelf:
    """Meters by slug."""

    meters: dict[str, Meter] = field(default_factory=dict)
    taken_meanwhile: bool = False

    def find(self, workspace: str, id_or_slug: str) -> Meter:
        for one in self.meters.values():
            if id_or_slug in (one.id, one.slug) and (one.deleted_at_us is None or id_or_slug == one.id):
                return one
        raise NotFound("no meter")

    def create(self, workspace: str, draft: MeterDraft) -> Meter:
        made = self.meters[draft.slug] = meter(draft)
        if self.taken_meanwhile:
            raise AlreadyExists("meter with the same slug already exists")
        return made


@dataclass
class Rows:
    """Usage by instant: (instant, reserved, value)."""

    events: list[tuple[int, str, str]] = field(default_factory=list)
    asked: list[UsageQuery] = field(default_factory=list)

    def query(self, meter: Meter, query: UsageQuery) -> UsageAnswer:
        self.asked.append(query)
        span = query.range
        rows = tuple(
            UsageRow(span.start_us, span.end_us, "u", {"reservation": reserved}, Decimal(value))
            for at_us, reserved, value in self.events
            if span.start_us <= at_us < span.end_us
        )
        return UsageAnswer(query, rows)


@dataclass
class Bench:
    clock: ManualClock = field(default_factory=ManualClock)
    shelf: Shelf = field(default_factory=Shelf)
    rows: Rows = field(default_factory=Rows)

    def __post_init__(self) -> None:
        self.quota_meters = QuotaMeters(self.shelf, self.rows, self.clock)

    def usage(self, meter_type: MeterType = MeterType.REQUESTS) -> LiveUsage:
        return self.quota_meters.usage(WORKSPACE, "u", meter_type, MONTH)

    def add(self, when: str, value: str, reserved: str = "") -> None:
        self.rows.events.append((parse(when), reserved, value))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_both_meters_are_made(bench: Bench) -> None:
    bench.quota_meters.ensure(WORKSPACE)

    assert set(bench.shelf.meters) == {REQUESTS_METER, UNITS_METER}


def test_a_meter_that_somebody_else_made_meanwhile_serves(bench: Bench) -> None:
    bench.shelf.taken_meanwhile = True

    assert bench.usage() == LiveUsage(Decimal(0), Decimal(0))


def test_a_deleted_meter_is_made_again(bench: Bench) -> None:
    bench.usage()
    found = bench.shelf.meters[REQUESTS_METER]
    bench.shelf.meters[REQUESTS_METER] = replace(found, deleted_at_us=1)

    bench.usage()

    assert bench.shelf.meters[REQUESTS_METER].deleted_at_us is None


@pytest.mark.parametrize("change", [{"event_type": "x"}, {"value_property": "$.x"}, {"event_from_us": 1}])
def test_a_meter_that_counts_something_else_is_refused(bench: Bench, change: Any) -> None:
    bench.shelf.meters[REQUESTS_METER] = meter(QUOTA_METERS[0], **change)

    with pytest.raises(AlreadyExists) as refused:
        bench.usage()

    assert refused.value.code == "quota_meter_conflict"


def test_usage_is_the_whole_month_in_two_parts(bench: Bench) -> None:
    bench.add("2025-12-31T23:59:00Z", "1000")
    bench.add("2026-01-01T00:00:00Z", "1.5")
    bench.add("2026-01-14T09:59:00Z", "2")
    bench.add("2026-01-14T10:00:00Z", "4", "true")
    bench.add("2026-01-31T23:59:00Z", "8")
    bench.add("2026-02-01T00:00:00Z", "1000")

    assert bench.usage() == LiveUsage(Decimal("11.5"), Decimal(4))


def test_what_happens_now_shows_at_once(bench: Bench) -> None:
    bench.usage()
    bench.add("2026-01-14T09:00:00Z", "2")

    assert bench.usage().unreserved == 2


def test_what_is_reported_late_shows_moments_later(bench: Bench) -> None:
    bench.usage()
    bench.add("2026-01-13T09:00:00Z", "2")
    bench.clock.advance(SETTLED_USAGE_LIFE_US / 1_000_000)

    assert bench.usage().unreserved == 2


def test_the_settled_part_of_the_month_is_not_read_each_time(bench: Bench) -> None:
    bench.usage()
    bench.rows.asked.clear()
    bench.usage()

    assert [one.from_us for one in bench.rows.asked] == [parse("2026-01-14T09:00:00Z")]


def test_a_rebuild_is_told(bench: Bench) -> None:
    generation = Generation(1, QUOTA_METERS[0].group_by, 0, complete=False)
    bench.shelf.meters[REQUESTS_METER] = meter(QUOTA_METERS[0], generations=(generation,))

    assert not bench.usage().complete
