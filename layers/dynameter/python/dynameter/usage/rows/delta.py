"""What facts about events add to a row. Pure.

A fact is that an event was stored, voided or un-voided, each at its own stamp: storing and un-voiding count the event
(sign 1), voiding takes it away (sign -1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from dynameter.meters.meter import Aggregation
from dynameter.usage.rows.cells import Moment
from dynameter.usage.rows.row import RowKey


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one fact adds to one row.

    ``position`` is the fact's place in its shard: any text that sorts as the shard is read (a stream's sequence number
    in 40 digits, a key of the history). ``minute`` is the minute of the hour, ``value`` the reading's, None for COUNT.
    ``moment`` is given for LATEST alone.
    """

    position: str
    minute: int
    value: Decimal | str | None
    sign: int = 1
    stamp_us: int = 0
    moment: Moment | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """What one row gets: contributions in the order of their positions.

    ``whole`` says that nothing older than the stream's own is still to come into the row: its generation's rebuild is
    done.
    """

    aggregation: Aggregation
    contributions: Sequence[Contribution]
    whole: bool = True


Deltas = Mapping[RowKey, Delta]
