"""While new code takes over, old code reads what new code has written: what it does not know, it passes over."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.runtime.settings import Settings
from tests.samples.payloads import SAMPLES, Sample
from tests.samples.world import World

NEWER = {"later": {"M": {"since": {"S": "a version to come"}}}}
"""What a later version might add to any item; no item of today has an attribute of that name."""


@pytest.fixture(scope="module")
def world() -> World:
    """The functions, imported once: they see each test's tables under the same names."""
    return World()


def add_to_every_item(dynamodb: Any, settings: Settings) -> int:
    """Put the newer attribute into each item of each table; answers into how many."""
    changed = 0
    for table in (settings.events_table, settings.usage_table, settings.catalog_table):
        for item in dynamodb.scan(TableName=table)["Items"]:
            assert not NEWER.keys() & item.keys()
            dynamodb.put_item(TableName=table, Item={**item, **NEWER})
            changed += 1
    return changed


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.needs], ids=lambda one: one.name)
def test_items_with_more_than_is_known_are_taken_as_they_were(
    sample: Sample, world: World, settings: Settings, dynamodb: Any
) -> None:
    if sample.wants_new_process:
        world = World()
    sample.prepare(world)
    assert add_to_every_item(dynamodb, settings) > 0

    answer = world.handle(sample.folder, sample.event())

    sample.check(answer)
