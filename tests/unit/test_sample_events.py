"""The payloads of events/ are what their functions get from AWS, and each function takes its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.samples.payloads import ANSWERS, FOLDER, FUNCTIONS, NEEDS, SAMPLES, Sample
from tests.samples.world import World

if TYPE_CHECKING:
    from dynameter.runtime.settings import Settings

NAMES = {sample.name for sample in SAMPLES}


@pytest.fixture(scope="module")
def world() -> World:
    """The functions, imported once: they see each test's tables under the same names."""
    return World()


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_a_sample_is_named_after_its_function_and_case(path: Path) -> None:
    function, _, case = path.stem.partition("-")

    assert path.suffix == ".json"
    assert function in FUNCTIONS
    assert case


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_every_function_has_a_sample(folder: str) -> None:
    assert [sample for sample in SAMPLES if sample.folder == folder]


@pytest.mark.parametrize("table", [NEEDS, ANSWERS], ids=["needs", "answers"])
def test_what_is_said_of_samples_is_said_once_and_of_samples_that_are_there(table: dict[object, list[str]]) -> None:
    named = [name for names in table.values() for name in names]

    assert sorted(named) == sorted(set(named) & NAMES)


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.is_request], ids=lambda one: one.name)
def test_a_request_has_the_form_of_payload_2(sample: Sample) -> None:
    event = sample.event()

    assert event["version"] == "2.0"
    assert event["requestContext"]["routeKey"] == event["routeKey"]
    assert event["requestContext"]["http"]["path"] == event["rawPath"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: one.name)
def test_a_sample_is_answered_as_it_should_be(sample: Sample, world: World, settings: Settings) -> None:
    if sample.wants_new_process:
        world = World()
    sample.prepare(world)

    answer = world.handle(sample.folder, sample.event())

    sample.check(answer)
