"""Walkthrough 3: how a request's usage is measured, by the command line as its user types it."""

from __future__ import annotations

import gzip
import json
import shlex
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dynameter.cli.main import main
from dynameter.gateway.usage import UNITS_METER
from tests.conformance.api import Api
from tests.conformance.polling import eventually

COMPLETION = (
    '{"result":"...","usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150}}'  # the seed's own answer
)
Cli = Callable[..., Any]


@pytest.fixture
def cli(api: Api, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    """Run a command line; answers what it prints as JSON. ``line`` is what stands after the command's name."""
    env = {
        "DYNAMETER_URL": api.url,
        "DYNAMETER_API_KEY": api.key,
        "DYNAMETER_WORKSPACE": api.workspace,
        "DYNAMETER_CONFIG": str(tmp_path / "none.toml"),
    }

    def cli(line: str) -> Any:
        capsys.readouterr()
        # A shell joins lines that end in a backslash.
        code = main([*shlex.split(line.replace("\\\n", " ")), "--json"], env)
        out, err = capsys.readouterr()
        assert code == 0, err
        return json.loads(out, parse_float=Decimal) if out else None

    return cli


@pytest.fixture
def route(api: Api, cli: Cli) -> str:
    """The id of a route of this test alone."""
    name = api.fresh("route")
    found: str = cli(f"routes create --name {name} --path-pattern /{name} --match-type prefix")["id"]
    return found


@pytest.mark.parametrize(
    ("words", "sample", "units"),
    [
        ("--metering-mode request", "--response-bytes 1536", "1"),
        ('--metering-mode bytes --metering-expr "responseBytes / 1024"', "--response-bytes 1536", "1.5"),
        (
            '--metering-mode response_field --metering-expr "respBody.usage.total_tokens"',
            f"--resp-body '{COMPLETION}'",
            "150",
        ),
        (
            """--metering-mode custom \\
               --metering-expr "respBody.model == 'gpt-4' ? respBody.tokens * 2 : respBody.tokens" """,
            """--resp-body '{"model":"gpt-4","tokens":100}'""",
            "200",
        ),
    ],
    ids=["request", "bytes", "response_field", "custom"],
)
def test_a_route_measures_as_it_was_told(cli: Cli, route: str, words: str, sample: str, units: str) -> None:
    updated = cli(f"routes update {route} {words}")

    assert updated["metering_mode"] == shlex.split(words)[1]
    assert cli(f"routes test {route} {sample}") == {"units": units, "metering_error": None}


def test_a_plan_counts_compute_units(api: Api, cli: Cli) -> None:
    plan = api.fresh("plan")
    cli(f"plans create {plan} --requests-per-month 100")

    updated = cli(f"plans update {plan} --meter-type compute_units --estimated-cost-per-req 10")

    assert (updated["meter_type"], updated["estimated_cost_per_req"]) == ("compute_units", 10)


def test_a_quota_is_checked_reserved_and_given_back(api: Api, cli: Cli) -> None:
    plan, user = api.fresh("plan"), api.fresh("user")
    cli(f"plans create {plan} --requests-per-month 100 --quota-grace-pct 0")
    cli(f"plans set-user {user} {plan}")

    before = cli(f"quota check {user}")
    reservation = cli(f"quota reserve {user} 60")
    during = cli(f"quota check {user}")
    cli(f"quota release {reservation['id']}")
    after = cli(f"quota check {user}")

    assert before["allowed"]
    assert [one["remaining"] - before["remaining"] for one in (during, after)] == [-60, 0]


def test_an_access_log_is_measured_by_the_routes_and_counts_once(
    api: Api, cli: Cli, route: str, tmp_path: Path
) -> None:
    name, user = cli(f"routes get {route}")["name"], api.fresh("user")
    cli(f'routes update {route} --metering-mode bytes --metering-expr "responseBytes / 1024"')
    log = tmp_path / f"{name}.log.gz"
    line = f'10.0.0.1 - {user} [14/Jan/2026:10:00:00 +0000] "GET /{name}/x HTTP/1.1" 200 1536\n'
    log.write_bytes(gzip.compress((line * 300).encode()))
    imported = f"events import {shlex.quote(str(log))} --user-field user"

    first, second = cli(imported), cli(imported)

    assert (first["accepted"], second["accepted"], second["duplicate"]) == (300, 0, 300)
    usage = f"usage {UNITS_METER} --subject {user} --window MONTH --from 2026-01-01 --to 2026-02-01"
    eventually(lambda: [row["value"] for row in cli(usage)["data"]], [450])
