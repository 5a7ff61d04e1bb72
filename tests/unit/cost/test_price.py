"""The bill: lines that add up, prices that can be overridden, and the design's budget."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from dynameter.cli.main import main
from dynameter.cost.price import WRITE_UNITS, Prices, price
from dynameter.cost.workload import Workload

BUSY = Workload(Decimal(4_000), batch=100, subjects=10, meters=3)


def test_the_lines_add_up_to_the_total() -> None:
    bill = price(BUSY)

    assert bill.usd == sum(line.usd for line in bill.lines)


def test_a_busy_workload_stays_within_the_design_s_budget_of_write_units() -> None:
    with_index, without = price(BUSY), price(Workload(Decimal(4_000), batch=100, subjects=10, meters=3, index=False))

    assert with_index.write_units_an_event <= Decimal("2.2")
    assert without.write_units_an_event <= Decimal("1.2")


def test_a_million_events_cost_their_write_units_at_the_list_price() -> None:
    (line,) = (one for one in price(BUSY).lines if one.name == "DynamoDB: events")

    assert (line.unit, line.usd / line.quantity * 1_000_000) == (WRITE_UNITS, Decimal("0.625"))


def test_without_queries_no_line_is_about_them() -> None:
    assert not [line for line in price(BUSY).lines if "quer" in line.name]


def test_a_dearer_price_makes_a_dearer_bill() -> None:
    assert price(BUSY, prices=Prices(write_units_million=Decimal(2))).usd > price(BUSY).usd


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["cost", "--events-per-second", "10", *words], {})
    out, err = capsys.readouterr()
    return code, out, err


def test_prices_and_figures_come_from_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    prices, figures = tmp_path / "prices.toml", tmp_path / "figures.toml"
    prices.write_text('as_of = "2027-01-01"\nwrite_units_million = 0.0000001')
    figures.write_text("alarms = 0\n[cell_bytes]\nsum = 1000")

    _, out, _ = run(capsys, "--prices", str(prices), "--figures", str(figures), "--json")

    found = json.loads(out)
    assert found["prices_as_of"] == "2027-01-01"
    assert found["write_units_per_event"] > json.loads(run(capsys, "--json")[1])["write_units_per_event"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nope = 1", "nope is not known"),
        ('logs_gb = "x"', "logs_gb must be a number"),
        ("logs_gb = -1", "at least 0"),
        ("logs_gb = ", "prices.toml"),
    ],
)
def test_a_wrong_file_is_refused_by_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "prices.toml").write_text(text)

    code, _, err = run(capsys, "--prices", str(tmp_path / "prices.toml"))

    assert code == 2
    assert reason in err


def test_a_workload_that_makes_no_sense_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "--subjects", "0")

    assert code == 2
    assert "subjects" in err
