"""Epochs: how a row is counted anew from raw history while facts keep coming, each fact once.

A row's epoch C cuts the facts about its events in two. Facts stamped before C belong to a recompute, which reads the
history, counts every event as it stood just before C and adds that to the row. Facts stamped at or after C are folded
into the current set of cells as they come; a fact stamped before C that comes late is refused, because the recompute
has it. The set that was current before is kept beside it, and read together with it, until the recompute is in: then
one conditional write adds the recomputed cells, drops the old set and ends ``pend``.

Who starts an epoch: a repair, for any aggregation; and the fold, for MIN, MAX and LATEST, at a void that may have
taken away the value that a minute keeps. Counts and sums subtract and need none.

Why that is exact, order by order:

- *C lies after every stamp folded so far.* A fact folded before and stamped at or after C would go with the old set
  and be in no recompute. Shards differ in lag, so the void's own stamp would not do: a fold takes C one past the
  greatest stamp that the row has folded (``top``), the void's included, and the recompute sees the void. Rows that add
  keep no ``top``; a repair takes C past the present by the margin that clocks may differ.
- *A fact comes before C starts and is brought again.* Its watermark refuses it, as ever; watermarks outlive epochs.
- *A fact stamped before C comes after it:* dropped; nothing need remember it, since a row's epoch never goes back.
- *An event inserted before C, voided after.* The recompute counts it; the void is folded into the current set. Where
  cells add, that is all, in whichever order the two come in. Where an extreme is kept, the current set may not hold the
  event yet, so the rule of voids does not ask whether it does: a void goes by without an epoch only if what the minute
  keeps in the current set strictly beats the voided value. The value can then not be the minute's extreme, whoever
  brings it and when; and should what beats it be voided in turn, that void is not beaten, and an epoch follows.
  Anything else starts the next epoch, with a newer C, whose recompute sees both; the earlier one finds C changed and
  ends. The old set is then what both sets held.
- *An event inserted before ``live_from`` and voided after,* its generation still being rebuilt: the same argument with
  the rebuild in the recompute's place. If the void starts an epoch, what the rebuild brings is stamped before it and
  refused.
- *The last event of a minute is voided.* With nothing still to come into the set (no recompute pending, the rebuild
  done) a count of one says that the event is alone, so its minute is emptied and no epoch is needed.
- *Un-voids* count the event again at their own stamp and cannot take an extreme away. Is the void before C and the
  un-void after, the recompute leaves the event out and the un-void brings it; are both before, or both after, the
  cases are those above.
- *Somebody dies.* The job is durable before the row's epoch is set. A job for an epoch that the row never got finds
  that out and ends; a row's epoch without its job cannot be. A job that runs twice finds ``pend`` gone.
- *A job runs before its row's epoch is set* (the writer was slow): ``Finish.NOT_STARTED`` tells it to come again.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from dynameter.usage.rows.row import RowKey


class RecomputeJobs(Protocol):
    """Where recomputes are asked for; see ``dynameter.rebuild.store.JobStore``."""

    def request(
        self,
        workspace: str,
        meter_id: str,
        generation: int,
        subject: str | None,
        groups: tuple[str, ...],
        hour: int,
        epoch_us: int,
    ) -> None:
        """Write the job durably, so that the row is recomputed once the history has settled; again changes nothing.

        ``groups`` are the row's, with the distinct value of UNIQUE_COUNT. The history has settled when no write
        stamped before the epoch can be in flight or missing from it; an epoch may lie in the past.
        """


class Finish(Enum):
    """What became of an attempt to end an epoch."""

    DONE = "done"
    """The recompute is in the row, by this attempt or an earlier one."""
    SUPERSEDED = "superseded"
    """The row is in a later epoch, which has a job of its own."""
    NOT_STARTED = "not started"
    """The row is not in the epoch: its writer is slow, or died. Try again for some minutes, then let it be."""


def request_recompute(jobs: RecomputeJobs | None, row: RowKey, epoch_us: int) -> None:
    """Ask for the row's recompute."""
    if jobs is None:
        raise RuntimeError("this process cannot ask for recomputes: give the usage store its jobs")
    series = row.series
    jobs.request(series.workspace, series.meter_id, series.generation, row.subject, row.groups, row.hour, epoch_us)


def judge(epoch_us: int | None, pending: bool, wanted_us: int) -> Finish | None:
    """How a row's epoch stands to the one that is to be ended; None where the recompute may go in."""
    if epoch_us is None or epoch_us < wanted_us:
        return Finish.NOT_STARTED
    if epoch_us > wanted_us:
        return Finish.SUPERSEDED
    return None if pending else Finish.DONE
