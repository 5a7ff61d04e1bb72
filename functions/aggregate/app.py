"""The events table's stream into usage rows.

A failure is raised, not reported as ``batchItemFailures``: an exception is the one answer that no poller and no
setting of the mapping can take for success, it rings the function's error alarm, and Lambda brings the same records
again, halved if need be, for as long as the stream keeps them. That is exact whatever was written before the
failure, because each row's watermark refuses what it has. Only storage that fails and an event without ``shardId``
raise; a record that cannot be read goes to quarantine.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from dynameter.clock import MICROSECONDS, SystemClock
from dynameter.deadline import end_of_invocation, within
from dynameter.events.store import decode_item
from dynameter.meters.meter import Generation, Meter
from dynameter.meters.reader import compile_reader
from dynameter.meters.store import MeterStore
from dynameter.rebuild.store import JobStore
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.observability import logger, publish_counts
from dynameter.runtime.settings import Settings
from dynameter.usage.folding.aggregator import Aggregator, Outcome
from dynameter.usage.folding.definitions import DefinitionCache
from dynameter.usage.quarantine.store import QuarantineStore
from dynameter.usage.rows.store import UsageStore

CLOCK = SystemClock()
RESERVE_US = 5 * MICROSECONDS
"""What is left of the invocation's time for the answer of a call that was begun at the last moment."""


@lru_cache(maxsize=1)
def aggregator() -> Aggregator:
    """The one aggregator of this process."""
    settings = Settings.from_env(os.environ)
    client = create_client(settings)
    jobs = JobStore(client, settings.catalog_table, CLOCK, settings.settle_ms * 1_000)
    return Aggregator(
        DefinitionCache(MeterStore(client, settings.catalog_table), compile_reader, _report_broken_meter),
        UsageStore(client, settings.usage_table, jobs=jobs),
        QuarantineStore(client, settings.usage_table),
        decode_item,
        CLOCK,
    )


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Fold one invocation's records. The windows' state stays empty: a window is set for its ``shardId`` alone."""
    # Where storage is throttled for longer, this raises and Lambda brings the batch again, rather than being killed.
    with within(end_of_invocation(context, CLOCK, RESERVE_US), CLOCK):
        outcome = aggregator().process(event)
    if outcome is not None:
        _report(outcome)
    return {"state": {}, "batchItemFailures": []}


def _report(outcome: Outcome) -> None:
    for fault in outcome.faults:
        logger.error(
            "a meter's reader raised; the event does not count in it",
            extra={"meter": fault.series.meter_id, "position": fault.position, "error": type(fault.error).__name__},
        )
    publish_counts(
        {
            "folded_events": outcome.events,
            "rows": outcome.rows,
            "unmatched": outcome.unmatched,
            "unusable": outcome.unusable + len(outcome.faults),
            "quarantined": outcome.quarantined,
        }
    )
    publish_counts({"lag": outcome.lag_ms}, "Milliseconds")


def _report_broken_meter(meter: Meter, generation: Generation, error: Exception) -> None:
    logger.error(
        "a stored meter cannot be compiled; no event counts in it",
        extra={
            "workspace": meter.workspace,
            "meter": meter.id,
            "generation": generation.number,
            "error": type(error).__name__,
        },
    )
