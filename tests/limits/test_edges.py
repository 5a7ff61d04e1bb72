"""A request at a limit is served; one past it is refused in its dialect, with the field and why, and nothing is stored.

docs/limits.md has the limits. Limits on thousands of things are tested lowered, at the code that holds them.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.limits.cases_billing import BILLING, BILLING_LOWERED
from tests.limits.cases_changes import CHANGES
from tests.limits.cases_gateway import GATEWAY, GATEWAY_LOWERED
from tests.limits.cases_metering import METERING, METERING_LOWERED
from tests.limits.cases_thresholds import THRESHOLDS, THRESHOLDS_LOWERED
from tests.limits.edges import Edge, Lowered, wrong_fields
from tests.limits.table import LIMITS
from tests.limits.tests_of_their_own import TESTS
from tests.unit.http.conftest import Settled

EDGES: list[Edge] = [*METERING, *BILLING, *THRESHOLDS, *GATEWAY, *CHANGES]
LOWERED: list[Lowered] = [*METERING_LOWERED, *BILLING_LOWERED, *THRESHOLDS_LOWERED, *GATEWAY_LOWERED]


@pytest.mark.parametrize("edge", EDGES, ids=str)
def test_at_the_limit_a_request_is_served(edge: Edge, still: Settled) -> None:
    answer = edge.send(still, edge.size).answer

    assert answer.status < 300, answer.text[:600]


@pytest.mark.parametrize("edge", EDGES, ids=str)
def test_past_the_limit_a_request_is_refused(edge: Edge, still: Settled) -> None:
    outcome = edge.send(still, edge.size + edge.step)
    answer = outcome.answer

    assert answer.status == edge.status, answer.text[:600]
    assert not edge.names or edge.names in wrong_fields(edge.route, answer), answer.text[:600]
    assert edge.reason in answer.text.replace(",", "")
    assert outcome.changed == []


@pytest.mark.parametrize("lowered", LOWERED, ids=str)
def test_at_a_lowered_limit_a_request_is_served(
    lowered: Lowered, untouched: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in lowered.modules():
        monkeypatch.setattr(f"{module}.{LIMITS[lowered.constant].name}", lowered.size(untouched))

    answer = lowered.send(untouched).answer

    assert answer.status < 300, answer.text[:600]


@pytest.mark.parametrize("lowered", LOWERED, ids=str)
def test_past_a_lowered_limit_a_request_is_refused(
    lowered: Lowered, untouched: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_low = lowered.size(untouched) - 1
    for module in lowered.modules():
        monkeypatch.setattr(f"{module}.{LIMITS[lowered.constant].name}", too_low)

    outcome = lowered.send(untouched)
    answer = outcome.answer

    assert answer.status == lowered.status, answer.text[:600]
    assert not lowered.names or lowered.names in wrong_fields(lowered.route, answer), answer.text[:600]
    assert (lowered.why or str(too_low)) in answer.text.replace(",", "")
    assert outcome.changed == []


def test_every_limit_has_its_edge_or_tests_of_its_own() -> None:
    edges = {one.constant for one in EDGES} | {one.constant for one in LOWERED}

    assert sorted(set(LIMITS) - edges - set(TESTS)) == []
    assert sorted((edges | set(TESTS)) - set(LIMITS)) == []
    assert sorted(edges & set(TESTS)) == []


@pytest.mark.parametrize("constant", TESTS)
def test_the_tests_of_a_limit_are_there(constant: str) -> None:
    file, *names = TESTS[constant]
    source = (Path(__file__).parent / file).read_text()

    assert set(names) <= {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    assert LIMITS[constant].name in source
