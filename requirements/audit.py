"""Look every locked version up in databases of known vulnerabilities, with pip-audit: ``make audit``.

Exit codes: 0 nothing is known but what waivers.toml waives; 1 something is, or a waiver is wrong; 3 no database
answered, which says nothing about the packages (0 with ``--no-service-is-fine``, for machines without a way out).
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WAIVERS = ROOT / "requirements" / "waivers.toml"
# run.txt is left out: all of it is in test.txt.
LOCKS = (
    "layers/dependencies/requirements.txt",
    *sorted(f"requirements/{path.name}" for path in WAIVERS.parent.glob("*.txt") if path.name != "run.txt"),
)
SERVICES = ("pypi", "osv")
AUDIT_TIMEOUT_S = 600
COMPLAINT_CHARACTERS = 300

CLEAN, FAILED, NO_SERVICE = 0, 1, 3


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """A known vulnerability of a locked version; ``names`` is its id with its aliases, ``fixed_in`` may be empty."""

    package: str
    version: str
    names: tuple[str, ...]
    fixed_in: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiver:
    """A vulnerability that is let through, why, and until when somebody looks at it again."""

    id: str
    package: str
    reason: str
    until: datetime.date

    def covers(self, found: Vulnerability) -> bool:
        """Whether the waiver means this vulnerability."""
        return self.package == found.package and self.id in found.names


@dataclass(frozen=True, slots=True)
class Report:
    """What one service said of one lock. ``unknown`` are the packages it could not look up."""

    looked_up: int
    unknown: tuple[str, ...]
    found: tuple[Vulnerability, ...]


Auditor = Callable[[str, str], Report | None]


def read_report(text: str) -> Report | None:
    """pip-audit's JSON as a report; None if it is none, or if not a single package could be looked up."""
    try:
        dependencies = json.loads(text)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    looked_up = [one for one in dependencies if "skip_reason" not in one]
    if not looked_up:
        return None
    found = [
        Vulnerability(one["name"], one["version"], (flaw["id"], *flaw["aliases"]), tuple(flaw["fix_versions"]))
        for one in looked_up
        for flaw in one["vulns"]
    ]
    unknown = [one["name"] for one in dependencies if "skip_reason" in one]
    return Report(len(looked_up), tuple(unknown), tuple(found))


def read_waivers(text: str) -> list[Waiver]:
    """The waivers in a TOML text: tables ``[[waiver]]`` of id, package, reason and until, a date."""
    return [Waiver(**table) for table in tomllib.loads(text).get("waiver", [])]


def run_pip_audit(service: str, lock: str) -> Report | None:
    """Ask one service about one lock; nothing is installed for it. None if the service does not answer."""
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", service, "--progress-spinner", "off"]
    command += ["--disable-pip", "--aliases", "on", "--desc", "off", "--format", "json", "--requirement", lock]
    try:
        done = subprocess.run(  # noqa: S603 - the names of services and locks are this module's own
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=AUDIT_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return None
    report = read_report(done.stdout)
    if report is None:
        complaint = done.stderr.strip().splitlines()[-1:] if not done.stdout else ["it knows none of the packages"]
        print(f"{service} cannot say: {' '.join(complaint)[:COMPLAINT_CHARACTERS]}")
    return report


def ask(lock: str, auditor: Auditor) -> Report | None:
    """The answer of the first service that knows every package of the lock, or else of the first that knows one."""
    best: Report | None = None
    for service in SERVICES:
        report = auditor(service, lock)
        if report is not None and not report.unknown:
            return report
        best = best or report
    return best


def faults(reports: Iterable[tuple[str, Report]], waivers: Sequence[Waiver], today: datetime.date) -> list[str]:
    """What has to be seen to, a line each: vulnerabilities, packages that nobody knows, waivers past their use."""
    lines: dict[str, None] = {}
    used: set[Waiver] = set()
    for lock, report in reports:
        lines.update((f"{lock}: {name} could not be looked up", None) for name in report.unknown)
        for found in report.found:
            covering = {waiver for waiver in waivers if waiver.covers(found)}
            used |= covering
            if not covering:
                fix = f"fixed in {', '.join(found.fixed_in)}" if found.fixed_in else "not fixed yet"
                lines[f"{lock}: {found.package} {found.version}: {' '.join(found.names)}, {fix}"] = None
    for waiver in waivers:
        if waiver.until < today:
            lines[f"the waiver of {waiver.id} ended on {waiver.until}: is its reason still true?"] = None
        if waiver not in used:
            lines[f"the waiver of {waiver.id} waives nothing; take it out"] = None
    return list(lines)


def audit(auditor: Auditor, waivers: Sequence[Waiver], today: datetime.date, locks: Sequence[str] = LOCKS) -> int:
    """Audit the locks, print what was found, and answer the exit code."""
    reports: list[tuple[str, Report]] = []
    for lock in locks:
        report = ask(lock, auditor)
        if report is None:
            print(f"NOT AUDITED: no service answered for {lock}: {', '.join(SERVICES)}")
            # The others would wait for the same services.
            return NO_SERVICE
        print(f"{lock}: {report.looked_up} packages, {len(report.found)} known vulnerabilities")
        reports.append((lock, report))
    wrong = faults(reports, waivers, today)
    for line in wrong:
        print(line)
    return FAILED if wrong else CLEAN


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; answers its exit code."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--no-service-is-fine", action="store_true", help="exit 0, with a notice, when no service answers"
    )
    asked = parser.parse_args(arguments)
    code = audit(run_pip_audit, read_waivers(WAIVERS.read_text()), datetime.datetime.now(datetime.UTC).date())
    return CLEAN if code == NO_SERVICE and asked.no_service_is_fine else code


if __name__ == "__main__":
    sys.exit(main())
