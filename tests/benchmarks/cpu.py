"""Processor time of pieces of code that are run in turn, so that whatever slows the machine slows all of them."""

from __future__ import annotations

import contextlib
import gc
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: ``run`` does ``units`` units of work, all of this process's threads counted."""

    run: Callable[[], object]
    units: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds of processor time a unit in each round."""

    samples: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def least(self) -> float:
        return min(self.samples)


def in_turn(sides: Mapping[str, Side], rounds: int) -> dict[str, Spread]:
    """Run the sides in turn, forwards and backwards, garbage collected before each; one round more warms up."""
    samples: dict[str, list[float]] = {name: [] for name in sides}
    with silenced():
        for name in list(sides) * 2:
            sides[name].run()
        for number in range(rounds):
            for name in list(sides) if number % 2 else list(sides)[::-1]:
                gc.collect()
                started = time.process_time_ns()
                sides[name].run()
                samples[name].append((time.process_time_ns() - started) / 1e9 / sides[name].units)
    return {name: Spread(found) for name, found in samples.items()}


def ratio(ours: Spread, plain: Spread) -> float:
    """The median of the rounds' own ratios: the two runs of a round are neighbours in time."""
    return statistics.median(one / other for one, other in zip(ours.samples, plain.samples, strict=True))


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Metrics are still printed, to nowhere."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        yield
