"""docs/cost.md shows what the command prints today."""

from __future__ import annotations

import re

import pytest

from dynameter.cli.main import main
from dynameter.cost.figures import MEASURED
from local.template import ROOT, Template

_EXAMPLE = re.compile(r"```console\n\$ dynameter (?P<command>.*)\n(?P<output>(?:.*\n)*?)```")
EXAMPLES = [(one["command"], one["output"]) for one in _EXAMPLE.finditer((ROOT / "docs" / "cost.md").read_text())]


@pytest.mark.parametrize(("command", "output"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_an_example_shows_what_is_printed(command: str, output: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command.split(), {}) == 0

    assert capsys.readouterr().out == output


def test_there_is_an_example_of_each_rate() -> None:
    rates = {int(rate) for command, _ in EXAMPLES for rate in re.findall(r"--events-per-second (\d+)", command)}

    assert rates == {10, 1_000, 100_000}


def test_the_alarms_are_counted_as_they_are_billed() -> None:
    resources = Template.load().document["Resources"]
    watched = [
        sum("Expression" not in one for one in alarm["Properties"].get("Metrics", [{}]))
        for alarm in resources.values()
        if alarm["Type"] == "AWS::CloudWatch::Alarm"
    ]

    assert MEASURED.alarms == sum(watched)
