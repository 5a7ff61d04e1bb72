"""Rebuilding a meter because somebody asks for it: after a restore, or where usage is not what it should be."""

from __future__ import annotations

from typing import Protocol

from dynameter.clock import HOUR_US, Clock
from dynameter.errors import AlreadyExists, FieldError, NotFound
from dynameter.meters.meter import Meter
from dynameter.usage.rows.row import HourSpan, Series


class Meters(Protocol):
    """What is needed of ``dynameter.meters.service.MeterService``."""

    def find(self, workspace: str, id_or_slug: str) -> Meter:
        """The meter of that id, deleted or not, or the live meter of that slug."""

    def rebuild(self, workspace: str, id_or_slug: str, *, restart: bool = False) -> Meter:
        """Count the meter anew from its raw events."""


class Rows(Protocol):
    """What is needed of ``dynameter.usage.rows.store.UsageStore``."""

    def first_hour(self, series: Series, span: HourSpan) -> int | None:
        """The first hour of the span in which the series has a row."""


class RebuildService:
    """Starts rebuilds. ``retention_days`` is how long events are kept, 0 for ever."""

    def __init__(self, meters: Meters, rows: Rows, clock: Clock, retention_days: int) -> None:
        self._meters = meters
        self._rows = rows
        self._clock = clock
        self._retention_us = retention_days * 24 * HOUR_US

    def start(self, workspace: str, id_or_slug: str, *, restart: bool = False, drop_expired: bool = False) -> Meter:
        """Start a new generation of the meter and answer when it is live.

        Usage outlives its events, and a rebuild counts only those that are left: where there is usage of hours whose
        events may have expired, ``drop_expired`` must say that it shall go. Raises AlreadyExists, NotFound and
        VersionConflict.
        """
        meter = self._meters.find(workspace, id_or_slug)
        if meter.deleted_at_us is not None:
            raise NotFound(f"failed to get meter: meter not found: {id_or_slug}")
        if self._retention_us and not drop_expired:
            self._refuse_loss(meter)
        return self._meters.rebuild(workspace, meter.id, restart=restart)

    def _refuse_loss(self, meter: Meter) -> None:
        oldest_hour = (self._clock.now_us() - self._retention_us) // HOUR_US
        series = Series(meter.workspace, meter.id, meter.active)
        if self._rows.first_hour(series, HourSpan(0, oldest_hour)) is not None:
            message = (
                "the meter has usage of hours whose events may have expired (EventRetentionDays), and a rebuild would "
                "drop it; recount with repair restores later hours, drop_expired rebuilds nevertheless"
            )
            field = FieldError(("body", "drop_expired"), "usage_outlives_events", message)
            raise AlreadyExists(message, code="usage_outlives_events", fields=(field,))
