"""What can be done with meters, on a store in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from dynameter.errors import AlreadyExists, InvalidInput, NotFound, Unavailable, VersionConflict
from dynameter.meters.going_live import LEAST_ROOM_US
from dynameter.meters.meter import Aggregation, Generation, Meter, MeterChange, MeterDraft
from dynameter.meters.service import MeterOrder, MeterService
from dynameter.rebuild.job import Job, rebuild_key
from tests.conftest import OTHER_WORKSPACE, WORKSPACE, ManualClock

SKEW_MS = 500
SETTLE_MS = 60_000


class MemoryStore:
    """Meters in a dict; ``before_write`` runs once before the next change, as another request would."""

    def __init__(self) -> None:
        self.meters: dict[str, Meter] = {}
        self.jobs: list[Job] = []
        self.writes = 0
        self.before_write: Callable[[], None] | None = None

    def load_live(self, workspace: str) -> tuple[Meter, ...]:
        return tuple(one for one in self._of(workspace) if one.deleted_at_us is None)

    def load_deleted(self, workspace: str) -> tuple[Meter, ...]:
        return tuple(one for one in self._of(workspace) if one.deleted_at_us is not None)

    def get(self, workspace: str, meter_id: str) -> Meter | None:
        return next((one for one in self._of(workspace) if one.id == meter_id), None)

    def get_by_slug(self, workspace: str, slug: str) -> Meter | None:
        return next((one for one in self.load_live(workspace) if one.slug == slug), None)

    def insert(self, meter: Meter, jobs: Sequence[Job] = ()) -> None:
        self._begin()
        if self.get_by_slug(meter.workspace, meter.slug):
            raise AlreadyExists("meter with the same slug already exists")
        self.meters[meter.id] = meter
        self.jobs += jobs

    def replace(self, meter: Meter, jobs: Sequence[Job] = ()) -> None:
        self._begin()
        stored = self.meters[meter.id]
        if stored.version != meter.version - 1 or stored.deleted_at_us is not None:
            raise VersionConflict("changed")
        self.meters[meter.id] = meter
        self.jobs += jobs

    def move_deleted(self, meter: Meter) -> None:
        self.replace(meter)

    def _of(self, workspace: str) -> list[Meter]:
        return [one for one in self.meters.values() if one.workspace == workspace]

    def _begin(self) -> None:
        self.writes += 1
        if self.before_write:
            self.before_write()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def service(store: MemoryStore, clock: ManualClock) -> MeterService:
    numbers = iter(range(10_000))
    return MeterService(store, clock, lambda: f"01KFHZ0J4VPJ4P5D0M3Q1N{next(numbers):04d}", SKEW_MS, SETTLE_MS)


def draft(slug: str = "tokens", **changed: object) -> MeterDraft:
    found = MeterDraft(
        slug=slug,
        event_type="completion",
        aggregation=Aggregation.SUM,
        value_property="$.tokens",
        group_by={"model": "$.model"},
    )
    return replace(found, **changed)  # type: ignore[arg-type]


def change(meter: Meter, **changed: object) -> MeterChange:
    found = MeterChange(meter.name, None, meter.metadata, meter.group_by)
    return replace(found, **changed)  # type: ignore[arg-type]


def test_a_new_meter_has_one_generation_that_counts_from_now_on(service: MeterService, clock: ManualClock) -> None:
    began = clock.now
    meter = service.create(WORKSPACE, draft())
    live_from = began + SKEW_MS * 1_500
    assert meter.generations == (Generation(1, {"model": "$.model"}, live_from, complete=False),)
    assert meter.active_generation.number == 1


def test_what_came_before_a_new_meter_is_left_to_a_job_written_with_it(
    service: MeterService, store: MemoryStore
) -> None:
    meter = service.create(WORKSPACE, draft())
    (job,) = store.jobs
    assert job.key == rebuild_key(WORKSPACE, meter.id, 1)
    assert job.not_before_us == meter.active_generation.live_from_us + SETTLE_MS * 1_000
    assert job.details == {"meter": meter.id, "generation": 1}


def test_creating_answers_when_the_meter_is_live(service: MeterService, clock: ManualClock) -> None:
    meter = service.create(WORKSPACE, draft())
    assert clock.now >= meter.active_generation.live_from_us


def test_a_name_that_is_missing_is_the_slug(service: MeterService) -> None:
    assert service.create(WORKSPACE, draft()).name == "tokens"


def test_a_rule_broken_refuses_the_meter_before_anything_is_written(service: MeterService, store: MemoryStore) -> None:
    with pytest.raises(InvalidInput) as refusal:
        service.create(WORKSPACE, draft(slug="No"))
    assert refusal.value.fields[0].location == ("body", "slug")
    assert store.writes == 0


def test_a_slug_is_unique_in_its_workspace(service: MeterService) -> None:
    service.create(WORKSPACE, draft())
    with pytest.raises(AlreadyExists, match=r"^meter with the same slug already exists$"):
        service.create(WORKSPACE, draft())


def test_another_workspace_may_use_the_same_slug(service: MeterService) -> None:
    service.create(WORKSPACE, draft())
    assert service.create(OTHER_WORKSPACE, draft()).slug == "tokens"


def test_a_meter_is_found_by_slug_and_by_id_in_either_case(service: MeterService) -> None:
    meter = service.create(WORKSPACE, draft())
    for reference in (meter.slug, meter.id, meter.id.lower()):
        assert service.find(WORKSPACE, reference) == meter


def test_a_slug_that_looks_like_an_id_is_found(service: MeterService) -> None:
    meter = service.create(WORKSPACE, draft(slug="01kfhz0j4vpj4p5d0m3q1n8r7s"))
    assert service.find(WORKSPACE, meter.slug) == meter


def test_a_meter_of_another_workspace_is_not_found(service: MeterService) -> None:
    meter = service.create(WORKSPACE, draft())
    for reference in (meter.slug, meter.id):
        with pytest.raises(NotFound, match=f"^failed to get meter: .*meter not found: {reference}$"):
            service.find(OTHER_WORKSPACE, reference)


def test_a_deleted_meter_is_found_by_id_only(service: MeterService) -> None:
    meter = service.create(WORKSPACE, draft())
    service.delete(WORKSPACE, meter.slug)
    assert service.find(WORKSPACE, meter.id).deleted_at_us is not None
    with pytest.raises(NotFound):
        service.find(WORKSPACE, meter.slug)


def test_deleting_again_succeeds_by_id_and_is_not_found_by_slug(service: MeterService) -> None:
    meter = service.create(WORKSPACE, draft())
    service.delete(WORKSPACE, meter.id)
    service.delete(WORKSPACE, meter.id)
    with pytest.raises(NotFound):
        service.delete(WORKSPACE, meter.slug)


def test_a_slug_is_free_again_after_deletion(service: MeterService) -> None:
    first = service.create(WORKSPACE, draft())
    service.delete(WORKSPACE, first.slug)
    assert service.create(WORKSPACE, draft()).id != first.id


def test_a_deleted_meter_cannot_be_updated(service: MeterService) -> None:
    meter = service.create(WORKSPACE, draft())
    service.delete(WORKSPACE, meter.id)
    with pytest.raises(NotFound):
        service.update(WORKSPACE, meter.id, change(meter))


def test_an_unchanged_group_by_keeps_the_generation_and_does_not_wait(
    service: MeterService, clock: ManualClock
) -> None:
    meter = service.create(WORKSPACE, draft())
    before = clock.now
    updated = service.update(WORKSPACE, meter.slug, change(meter, name="Tokens"))
    assert (updated.generations, updated.active) == (meter.generations, meter.active)
    assert clock.now == before


def test_another_group_by_starts_a_generation_while_the_old_one_answers(
    service: MeterService, store: MemoryStore, clock: ManualClock
) -> None:
    meter = service.create(WORKSPACE, draft())
    clock.advance(60)
    updated = service.update(WORKSPACE, meter.slug, change(meter, group_by={"route": "$.route"}))
    assert [one.number for one in updated.generations] == [1, 2]
    assert updated.generations[0] == meter.generations[0] == updated.active_generation
    assert updated.generations[1].group_by == updated.group_by == {"route": "$.route"}
    assert clock.now >= updated.generations[1].live_from_us
    assert [job.key for job in store.jobs] == [rebuild_key(WORKSPACE, meter.id, number) for number in (1, 2)]


def test_a_change_without_another_group_by_starts_no_job(service: MeterService, store: MemoryStore) -> None:
    meter = service.create(WORKSPACE, draft())
    service.update(WORKSPACE, meter.slug, change(meter, name="Tokens"))
    assert len(store.jobs) == 1


def test_another_change_takes_the_place_of_an_unfinished_one(service: MeterService) -> None:
    meter = service.create(WORKSPACE, draft())
    for key in ("a", "b", "c"):
        meter = service.update(WORKSPACE, meter.slug, change(meter, group_by={key: f"$.{key}"}))
    assert [one.number for one in meter.generations] == [1, 4]
    assert meter.active == 1


def test_a_missing_name_resets_to_the_slug_and_a_missing_description_stays(service: MeterService) -> None:
    meter = service.create(WORKSPACE, draft(name="Tokens", description="all", metadata={"a": "b"}))
    updated = service.update(WORKSPACE, meter.slug, MeterChange(None, None, {}, {}))
    assert (updated.name, updated.description, updated.metadata, updated.group_by) == ("tokens", "all", {}, {})


def test_an_update_is_applied_to_what_another_request_has_just_written(
    service: MeterService, store: MemoryStore
) -> None:
    meter = service.create(WORKSPACE, draft())

    def interfere() -> None:
        store.before_write = None
        store.meters[meter.id] = replace(meter, description="theirs", version=meter.version + 1)

    store.before_write = interfere
    updated = service.update(WORKSPACE, meter.slug, change(meter, name="mine"))
    assert (updated.name, updated.description, updated.version) == ("mine", "theirs", meter.version + 2)


def test_an_update_that_never_gets_through_is_a_conflict(service: MeterService, store: MemoryStore) -> None:
    meter = service.create(WORKSPACE, draft())

    def interfere() -> None:
        stored = store.meters[meter.id]
        store.meters[meter.id] = replace(stored, version=stored.version + 1)

    store.before_write = interfere
    with pytest.raises(VersionConflict):
        service.update(WORKSPACE, meter.slug, change(meter, name="mine"))


def test_a_generation_committed_after_its_live_from_is_replaced_by_a_later_one(
    service: MeterService, store: MemoryStore, clock: ManualClock
) -> None:
    def be_slow_once() -> None:
        store.before_write = None
        clock.advance(2)

    store.before_write = be_slow_once
    committed_after = clock.now + 2_000_000
    meter = service.create(WORKSPACE, draft())
    assert [one.number for one in meter.generations] == [2]
    assert meter.active == 2
    assert store.jobs[-1].key == rebuild_key(WORKSPACE, meter.id, 2)
    assert committed_after < meter.active_generation.live_from_us <= clock.now
    assert service.find(WORKSPACE, meter.id) == meter


def test_a_commit_that_leaves_no_room_for_the_skew_is_replaced_by_a_later_one(
    service: MeterService, store: MemoryStore, clock: ManualClock
) -> None:
    def be_slow_once() -> None:
        store.before_write = None
        clock.advance(SKEW_MS / 2_000 + 0.001)

    store.before_write = be_slow_once
    meter = service.create(WORKSPACE, draft())
    assert [one.number for one in meter.generations] == [2]


def test_a_generation_that_was_committed_in_time_says_so(service: MeterService) -> None:
    assert service.find(WORKSPACE, service.create(WORKSPACE, draft()).id).active_generation.confirmed


def test_a_generation_whose_maker_died_after_the_commit_does_not_say_that_it_was_in_time(
    service: MeterService, store: MemoryStore
) -> None:
    def die_before_the_second_write() -> None:
        if store.writes == 2:
            raise KeyboardInterrupt

    store.before_write = die_before_the_second_write
    with pytest.raises(KeyboardInterrupt):
        service.create(WORKSPACE, draft())
    assert not service.find(WORKSPACE, "tokens").active_generation.confirmed


def test_a_meter_is_made_even_if_nobody_could_write_down_that_it_was_in_time(
    service: MeterService, store: MemoryStore
) -> None:
    def fail_the_second_write() -> None:
        if store.writes == 2:
            raise Unavailable("storage is throttling")

    store.before_write = fail_the_second_write
    assert service.create(WORKSPACE, draft()) == service.find(WORKSPACE, "tokens")


def test_a_change_that_comes_in_between_is_kept(service: MeterService, store: MemoryStore) -> None:
    def interfere_before_the_second_write() -> None:
        if store.writes == 2:
            (stored,) = store.meters.values()
            store.meters[stored.id] = replace(stored, name="theirs", version=stored.version + 1)

    store.before_write = interfere_before_the_second_write
    meter = service.create(WORKSPACE, draft())
    assert (meter.name, meter.active_generation.confirmed) == ("theirs", True)


def test_storage_too_slow_to_take_a_meter_live_is_told(
    service: MeterService, store: MemoryStore, clock: ManualClock
) -> None:
    def slower_and_slower() -> None:
        clock.advance(4**store.writes)

    store.before_write = slower_and_slower
    with pytest.raises(Unavailable):
        service.create(WORKSPACE, draft())


def test_a_margin_stays_where_all_clocks_are_one(store: MemoryStore, clock: ManualClock) -> None:
    began = clock.now
    meter = MeterService(store, clock, lambda: "01KFHZ0J4VPJ4P5D0M3Q1N8R7S", 0, SETTLE_MS).create(WORKSPACE, draft())
    assert meter.active_generation.live_from_us == began + LEAST_ROOM_US


def test_a_list_holds_the_live_meters_of_the_workspace_in_order(service: MeterService, clock: ManualClock) -> None:
    for slug, name in (("b", "1"), ("c", "3"), ("a", "2")):
        service.create(WORKSPACE, draft(slug=slug, name=name))
        clock.advance(1)
    service.create(OTHER_WORKSPACE, draft(slug="foreign"))
    service.delete(WORKSPACE, "c")
    slugs = {order: "".join(one.slug for one in service.list(WORKSPACE, order_by=order)) for order in MeterOrder}
    assert slugs == {
        MeterOrder.KEY: "ab",
        MeterOrder.NAME: "ba",
        MeterOrder.AGGREGATION: "ba",
        MeterOrder.CREATED_AT: "ba",
        MeterOrder.UPDATED_AT: "ba",
    }
    assert [one.slug for one in service.list(WORKSPACE, include_deleted=True, descending=True)] == ["c", "b", "a"]
