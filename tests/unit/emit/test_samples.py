"""The payloads in events/ that sam local invoke sends, and the table of routes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.template import ROOT, Template
from tests.conftest import load_function
from tests.unit.emit.conftest import EngineDoors

SAMPLES = {"emit-v1": 204, "emit-v1-batch": 204, "emit-v3": 202, "emit-zuplo": 202, "emit-amigo": 202}
EVENTS: dict[str, int] = {"emit-v1": 1, "emit-v1-batch": 3, "emit-v3": 1, "emit-zuplo": 2, "emit-amigo": 1}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_accepted_and_its_repetition_a_duplicate(emit: EngineDoors, name: str) -> None:
    payload = json.loads((ROOT / "events" / f"{name}.json").read_text())

    first = emit.deliver(payload)
    again = emit.deliver(payload)

    assert (first.status, first.counts) == (SAMPLES[name], (EVENTS[name], 0, 0))
    assert again.counts == (0, EVENTS[name], 0)
    assert len(emit.stored()) == EVENTS[name]


def test_every_sample_of_the_function_is_tested() -> None:
    assert {path.stem for path in Path(ROOT / "events").glob("emit-*.json")} == set(SAMPLES)


def test_the_routes_are_those_of_the_template() -> None:
    wanted = {route.key for route in Template.load().routes() if route.function == "EmitFunction"}

    assert set(load_function("emit").ROUTES) == wanted
