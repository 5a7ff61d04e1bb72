"""``python -m tests.simulation --seed 1 --runs 10000``: run seeded histories and say which failed."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback

from tests.simulation.history import Emit, random_steps, run


def main() -> int:
    """Run the histories; the last line tells runs, events, faults and failures."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, default=1, help="the first history's seed")
    parser.add_argument("--runs", type=int, default=1_000, help="how many histories, one a seed")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    events = faults = 0
    failed = []
    for seed in range(options.seed, options.seed + options.runs):
        steps = random_steps(seed)
        events += sum(len(step.events) for step in steps if isinstance(step, Emit))
        try:
            faults += run(steps)
        except Exception:
            failed.append(seed)
            traceback.print_exc()
            print(f"reproduce it with: make simulate SEED={seed} RUNS=1", file=sys.stderr)
    print(f"runs {options.runs}, events {events}, faults injected {faults}, failures {len(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
