"""A repair counts again from the events that are left, so it must not touch hours whose events may have expired."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from dynameter.clock import HOUR_US
from dynameter.errors import InvalidInput
from dynameter.meters.meter import Aggregation
from dynameter.usage.recounts.repair import RecountQuestion, RecountService
from tests.conftest import ManualClock
from tests.unit.usage.builders import make_meter

RETENTION_DAYS = 35


def repair(clock: ManualClock, age_hours: int, retention_days: int) -> int:
    rows: Any = Mock(rows=Mock(return_value=[]), subjects=Mock(return_value=[]))
    service = RecountService(Mock(), rows, Mock(read=Mock(return_value=[])), clock, 0, retention_days)
    start_us = clock.now - age_hours * HOUR_US
    return service.repair(make_meter(Aggregation.SUM), RecountQuestion(start_us, start_us + HOUR_US), clock.now)


def test_hours_older_than_the_retention_are_refused(clock: ManualClock) -> None:
    with pytest.raises(InvalidInput) as refusal:
        repair(clock, RETENTION_DAYS * 24 + 1, RETENTION_DAYS)
    assert refusal.value.fields[0].location == ("body", "from")


@pytest.mark.parametrize(("age_hours", "retention_days"), [(RETENTION_DAYS * 24 - 1, RETENTION_DAYS), (100_000, 0)])
def test_hours_whose_events_are_kept_are_repaired(clock: ManualClock, age_hours: int, retention_days: int) -> None:
    assert repair(clock, age_hours, retention_days) == 0
