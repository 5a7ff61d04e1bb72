"""A request at a limit is served; one past it is refused in its dialect, with the field and why, and nothing is stored.

docs/limits.md has the limits. Limits on thousands of things are tested lowered, at the code that holds them.
"""

from __future__ import annotations

import pytest

from local.template import ROOT
from tests.limits.cases_billing import BILLING, BILLING_LOWERED
from tests.limits.cases_gateway import GATEWAY, GATEWAY_LOWERED
from tests.limits.cases_metering import METERING, METERING_LOWERED
from tests.limits.cases_thresholds import THRESHOLDS, THRESHOLDS_LOWERED
from tests.limits.edges import Edge, Lowered, wrong_fields
from tests.limits.table import LIMITS
from tests.limits.tested_elsewhere import NOT_TESTED, TESTED_ELSEWHERE
from tests.unit.http.conftest import Settled

EDGES: list[Edge] = [*METERING, *BILLING, *THRESHOLDS, *GATEWAY]
LOWERED: list[Lowered] = [*METERING_LOWERED, *BILLING_LOWERED, *THRESHOLDS_LOWERED, *GATEWAY_LOWERED]


@pytest.mark.parametrize("edge", EDGES, ids=str)
def test_at_the_limit_a_request_is_served(edge: Edge, untouched: Settled) -> None:
    answer = edge.send(untouched, edge.size).answer

    assert answer.status < 300, answer.text[:600]


@pytest.mark.parametrize("edge", EDGES, ids=str)
def test_past_the_limit_a_request_is_refused(edge: Edge, untouched: Settled) -> None:
    outcome = edge.send(untouched, edge.size + edge.step)
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
        monkeypatch.setattr(f"{module}.{LIMITS[lowered.constant].name}", lowered.holds)

    answer = lowered.send(untouched).answer

    assert answer.status < 300, answer.text[:600]


@pytest.mark.parametrize("lowered", LOWERED, ids=str)
def test_past_a_lowered_limit_a_request_is_refused(
    lowered: Lowered, untouched: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in lowered.modules():
        monkeypatch.setattr(f"{module}.{LIMITS[lowered.constant].name}", lowered.refuses)

    outcome = lowered.send(untouched)
    answer = outcome.answer

    assert answer.status == lowered.status, answer.text[:600]
    assert not lowered.names or lowered.names in wrong_fields(lowered.route, answer), answer.text[:600]
    assert (lowered.why or str(lowered.refuses)) in answer.text.replace(",", "")
    assert outcome.changed == []


def test_every_limit_has_its_edge_or_says_where_it_is_tested_or_why_not() -> None:
    edges = {one.constant for one in EDGES} | {one.constant for one in LOWERED}

    assert sorted(set(LIMITS) - edges - set(TESTED_ELSEWHERE) - set(NOT_TESTED)) == []
    assert sorted((edges | set(TESTED_ELSEWHERE) | set(NOT_TESTED)) - set(LIMITS)) == []
    assert sorted(edges & {*TESTED_ELSEWHERE, *NOT_TESTED}) == []


@pytest.mark.parametrize("file", sorted(set(TESTED_ELSEWHERE.values())))
def test_a_limit_that_is_tested_elsewhere_is_tested_there(file: str) -> None:
    assert (ROOT / file).exists()
