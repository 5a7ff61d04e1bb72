"""Voids and their undoing, killed and interleaved at random: they always end, and consistently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter.corrections.void import EventFilter, EventName, VoidDraft, VoidState
from dynameter.events.event import Event
from tests.conftest import WORKSPACE
from tests.unit.corrections.simulation import SETTLE_S, Crash, Simulation

REQUEST_US = 25_000_000

acts = st.one_of(
    st.tuples(st.just("store"), st.integers(0, 7)),
    st.tuples(st.just("list"), st.lists(st.integers(0, 7), min_size=1, max_size=5)),
    st.tuples(st.just("filter"), st.sampled_from(["a", "b", None])),
    st.tuples(st.just("undo"), st.integers(0, 5)),
    st.tuples(st.just("job"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.sampled_from([1, 10, SETTLE_S])),
)
# A write is dead or done before the history has settled: 40 waits of a second are less.
meanwhile = st.one_of(acts.filter(lambda act: act[0] != "wait"), st.just(("wait", 1)))
interruptions = st.lists(st.one_of(st.none(), st.none(), st.just("die"), meanwhile), max_size=40)


class Run:
    """Carries out acts; a call of storage may be interrupted by the next of ``interruptions``."""

    def __init__(self, world: Simulation, interruptions: list[Any]) -> None:
        self.world = world
        self.interruptions = iter(interruptions)
        self.depth = 0
        world.interrupt = self.interrupt

    def interrupt(self, reads: bool) -> None:
        act = next(self.interruptions, None) if self.depth < 3 else None
        if act == "die":
            raise Crash
        if act == ("wait", 1) and reads:
            act = ("wait", SETTLE_S)
        if act is not None:
            self.take(act)

    def take(self, act: Any) -> None:
        self.depth += 1
        try:
            self._act(act)
        except Crash:
            # Whoever called it in is another process, and goes on.
            pass
        finally:
            self.depth -= 1

    def _act(self, act: Any) -> None:
        world = self.world
        until = world.clock.now + REQUEST_US
        match act:
            case ("store", number):
                world.store(number, "ab"[number % 2])
            case ("list", numbers):
                names = tuple(EventName("test", f"event-{number}") for number in numbers)
                world.service.create(WORKSPACE, VoidDraft(events=names), until)
            case ("filter", subject):
                wanted = EventFilter(type="request", subject=subject)
                world.service.create(WORKSPACE, VoidDraft(filter=wanted), until)
            case ("undo", number) if world.voids:
                world.service.undo(WORKSPACE, list(world.voids)[number % len(world.voids)], until)
            case ("job", number) if world.jobs:
                world.run_job(list(world.jobs)[number % len(world.jobs)])
            case ("wait", seconds):
                world.clock.advance(seconds)

    def settle(self) -> None:
        """Nobody dies any more, and every job comes to its end."""
        self.interruptions = iter(())
        for _ in range(200):
            self.world.clock.advance(SETTLE_S)
            for key in list(self.world.jobs):
                self.world.run_job(key)
            if not self.world.jobs:
                return
        raise AssertionError("a job never ends")


def covered(world: Simulation, void_id: str) -> list[Event]:
    """The events that the void is about and that were there before it."""
    void = world.voids[void_id]
    if void.filter is None:
        stored = (world.events.get(name) for name in world.listed[void_id])
        return [event for event in stored if event is not None and event.ingested_at_us < void.created_at_us]
    return [event for event in world.events.values() if void.covers(event)]


@settings(max_examples=400, deadline=None)
@given(st.lists(acts, max_size=25), interruptions)
def test_every_void_ends_and_its_marks_say_what_its_record_says(script: list[Any], interruptions: list[Any]) -> None:
    run = Run(Simulation(), interruptions)
    for act in script:
        run.take(act)
    run.settle()

    world = run.world
    for void_id, void in world.voids.items():
        marked = [event for event in world.events.values() if event.voided_by == void_id]
        if void.state is VoidState.DONE:
            # Undoing another void gives its events back; what it covers was voided by the one or the other then.
            assert all(event.toggles for event in covered(world, void_id))
            assert len(marked) == void.tally.voided
        else:
            assert void.state is VoidState.UNDONE
            assert marked == []


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 30), st.booleans(), st.booleans())
def test_a_request_killed_at_any_point_is_finished_by_its_job(steps: int, by_filter: bool, undone: bool) -> None:
    world = Simulation()
    for number in range(6):
        world.store(number, "a")
    world.clock.advance(SETTLE_S)
    run = Run(world, [])
    target: Any = {"filter": EventFilter(subject="a")} if by_filter else {"events": tuple(world.events)}
    until = world.clock.now + REQUEST_US
    if undone:
        world.service.create(WORKSPACE, VoidDraft(**target), until)
        _kill(world, steps, lambda: world.service.undo(WORKSPACE, "void-1", until))
    else:
        _kill(world, steps, lambda: world.service.create(WORKSPACE, VoidDraft(**target), until))
    world.interrupt = lambda _: None
    run.settle()

    if not world.voids:
        assert not any(event.voided for event in world.events.values())
        return
    undone = undone and world.voids["void-1"].state is VoidState.UNDONE
    assert {event.voided for event in world.events.values()} == {not undone}
    done = world.voids["void-1"].done_at_us is not None
    assert world.voids["void-1"].tally.voided == (6 if done else 0)


def test_a_pass_that_comes_late_marks_nothing_for_a_void_that_is_undone() -> None:
    world = Simulation()
    world.store(1, "a")

    def undone_meanwhile(reads: bool) -> None:
        if reads:
            world.interrupt = lambda _: None
            Run(world, []).take(("undo", 0))
            Run(world, []).settle()

    world.interrupt = undone_meanwhile
    world.service.create(WORKSPACE, VoidDraft(events=tuple(world.events)), world.clock.now + 10**9)

    assert world.voids["void-1"].state is VoidState.UNDONE
    assert not any(event.voided for event in world.events.values())


def _kill(world: Simulation, steps: int, call: Callable[[], object]) -> None:
    left = [steps]

    def die(_: bool) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Crash

    world.interrupt = die
    try:
        call()
    except Crash:
        pass
    finally:
        world.interrupt = lambda _: None
