"""``python -m tests.abuse --examples 200``: schemathesis over every document, as long as wanted."""

from __future__ import annotations

import argparse
import logging
import sys

from dynameter.openapi.catalogue import NAMES
from tests.abuse.attack import Attack
from tests.abuse.gate import gate
from tests.documented import watch
from tests.policies import enforce


def main() -> int:
    """Attack; a line a dialect and one for each failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.abuse")
    parser.add_argument("--examples", type=int, default=100, help="random cases an operation")
    parser.add_argument("--seed", type=int, default=1, help="what the random cases follow from")
    parser.add_argument("--dialect", choices=NAMES, help="one document alone")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    enforce()
    watch()
    failed = 0
    print(f"seed {options.seed}, {options.examples} random cases an operation")
    with gate() as service:
        for dialect in [options.dialect] if options.dialect else NAMES:
            report = Attack(options.examples, options.seed).run(service, dialect)
            statuses = ", ".join(f"{status}: {count}" for status, count in sorted(report.statuses.items()))
            print(f"{dialect}: operations {report.operations}, cases {report.cases} ({statuses})", flush=True)
            for (operation, check), told in report.failures.items():
                print(f"FAILED {operation} [{check}]\n{told}\n", file=sys.stderr)
            failed += len(report.failures)
        print(f"requests {service.requests}, deliveries {service.deliveries}, failures {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
