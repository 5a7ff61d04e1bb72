"""``python -m tests.simulation --seed 1 --runs 10000``: run seeded histories and say which failed."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
from typing import Any

from tests.simulation.history import run
from tests.simulation.moves import random_steps


def main() -> int:
    """Run the histories; the last line tells runs, events, faults and failures."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, default=1, help="the first history's seed")
    parser.add_argument("--runs", type=int, default=1_000, help="how many histories, one a seed")
    parser.add_argument("--shrink", action="store_true", help="print the few steps of each failure that matter")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    events = faults = 0
    failed = []
    for seed in range(options.seed, options.seed + options.runs):
        steps = random_steps(seed)
        try:
            summary = run(steps, seed)
        except Exception:
            failed.append(seed)
            traceback.print_exc()
            print(f"reproduce it with: make simulate SEED={seed} RUNS=1", file=sys.stderr)
            if options.shrink:
                print(*shrink(steps, seed), sep="\n", file=sys.stderr)
        else:
            events, faults = events + summary.events, faults + summary.faults
    print(f"runs {options.runs}, events {events}, faults injected {faults}, failures {len(failed)}")
    return 1 if failed else 0


def shrink(steps: list[Any], seed: int) -> list[Any]:
    """A history that still fails, and does no longer when any one of its steps is left out."""
    size = len(steps) // 2
    while size:
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + size :]
            if _fails(fewer, seed):
                steps = fewer
            else:
                at += size
        size = size // 2
    return steps


def _fails(steps: list[Any], seed: int) -> bool:
    try:
        run(steps, seed)
    except Exception:
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
