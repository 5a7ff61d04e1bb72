"""What the tests of thresholds share: a rule, a customer, a feature and a crossing; and a world to cross in."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from dynameter.billing.customers.customer import Customer
from dynameter.billing.features.feature import Feature
from dynameter.billing.thresholds.crossing import Crossing, Standing, find_crossings
from dynameter.billing.thresholds.rule import Rule, Threshold, ThresholdType
from dynameter.usage.windows import Window
from tests.conftest import WORKSPACE
from tests.simulation.test_thresholds import Bus, metered
from tests.simulation.world import World

CUSTOMER = Customer(WORKSPACE, "01KEXC0000000000000000000C", "acme", "Acme", 0, 0, ("s1", "s2"))
FEATURE = Feature(
    WORKSPACE, "01KEXF0000000000000000000F", "tokens", "Tokens", 0, 0, meter_id="01KEXM0000000000000000000M"
)
CHANNEL_ID = "01KEXH0000000000000000000H"
PERIOD = Window(1_767_225_600_000_000, 1_769_904_000_000_000)  # January 2026
NOW_US = 1_768_384_800_000_000


def threshold(value: int | str, type_: ThresholdType = ThresholdType.USAGE_VALUE) -> Threshold:
    return Threshold(type_, Decimal(value))


def rule(*thresholds: Threshold, channels: tuple[str, ...] = ()) -> Rule:
    return Rule(WORKSPACE, "01KEXR0000000000000000000R", "R", thresholds, 0, 0, channels)


def crossing(channels: tuple[str, ...] = (), value: int = 10) -> Crossing:
    standing = Standing(PERIOD, Decimal("12.5"))
    (found,) = find_crossings([rule(threshold(value), channels=channels)], CUSTOMER, FEATURE, standing, NOW_US)
    return found


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def running(bus: Bus) -> Iterator[World]:
    """The world of the simulation, with thresholds of 10, 20 and 30 on the usage of a feature."""
    with metered(1, bus) as found:
        yield found
