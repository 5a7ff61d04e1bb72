"""Where usage is kept: series, rows, cells, and the keys and marks they have in the usage table. Pure.

    pk  workspace (22 characters) "." meter id "." generation "=" subject     a subject's rows
        workspace "." meter id "." generation "*"                             the meter's total over all subjects
        workspace "." meter id "." generation "#" YYYYMM                      the subjects that have rows in that month
    sk  epoch hour (8 digits) "." hash of the group values                    of a row
        "=" subject                                                           of a subject's entry
    g   the group values as a JSON array, in the sorted order of the generation's keys; absent where it has none
    n i f         count, sum's integer part and sum's fraction x 10^18 of the whole hour
    nMM iMM fMM   the same of minute MM
    m mMM         of MIN, MAX, LATEST instead of i and f: the value kept, a number; for LATEST text, the event's
                  time "/" value "/" characters of its id "/" id source
    w + 16 hex digits     the watermark of one shard: the last position folded "@" epoch second written
    ep            the row's epoch in microseconds: facts stamped before it are a recompute's (see ``usage.rows.epoch``)
    cur           the current set of cells: absent for the names above, "b" for the same with a "b" before each
    pend          there while the other set holds what was folded before the epoch and the recompute is not done
    o ver top     of MIN, MAX, LATEST: which of them; the version of the row; the greatest stamp folded into it

A sum is two whole numbers, so that adding to it never rounds and never leaves an engine's 38 digits.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dynameter import codec
from dynameter.clock import HOUR_US, from_datetime, to_datetime
from dynameter.meters.meter import Aggregation
from dynameter.meters.quantity import render_text
from dynameter.usage.rows.cells import Cell, Cells, Extreme, Moment, combine, is_counted
from dynameter.workspaces import workspace_key, workspace_of

HOUR_DIGITS = 8
SEQUENCE_DIGITS = 40
"""A stream's sequence numbers have at most 40 digits, more than a DynamoDB number holds; hence text."""
LAST_HOUR = 10**HOUR_DIGITS - 1
MAX_SUBJECT_BYTES = 1_000
"""What a key of the table can hold; the intake's own limit is lower."""
EPOCH, CURRENT, PENDING, ORDER, VERSION, TOP = "ep", "cur", "pend", "o", "ver", "top"
SETS = ("", "b")
"""What the names of the cells of either set begin with."""
MINUTES = tuple(f"{minute:02d}" for minute in range(60))
"""What the names of the cells of each minute end with."""
STREAM_MARK_LIFE_S = 48 * 3_600
"""A stream keeps its records 24 hours, so an older watermark can refuse nothing any more."""
HISTORY_MARK_LIFE_S = 40 * 24 * 3_600
"""No rebuild that was left lying for so long is taken up again."""
HOUR_ATTRIBUTES = ("sk", "g", "n", "i", "f", "m", "bn", "bi", "bf", "bm", CURRENT, PENDING, ORDER)
"""All that an hour's total is read from."""

_PARTITION = re.compile(r"([A-Za-z0-9_-]{22})\.([^.]+)\.([0-9]+)[=*#]")


@dataclass(frozen=True, slots=True)
class Series:
    """All that one generation of a meter has counted."""

    workspace: str
    meter_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class RowKey:
    """One row: an hour (since the epoch) of a subject, or of the total where ``subject`` is None, and a group tuple."""

    series: Series
    subject: str | None
    hour: int
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HourSpan:
    """Hours since the epoch, both ends included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class HourRow:
    """One row as read; ``minutes`` is None where only the hour's total was asked for, and else has no empty minute.

    Cells are ``Cells``, or ``Extreme`` for MIN, MAX and LATEST (see ``usage.rows.cells``: ``is_counted``, ``combine``,
    ``answer``). The last of the ``groups`` of UNIQUE_COUNT is the distinct value that the row counts.
    """

    hour: int
    groups: tuple[str, ...]
    total: Cell
    minutes: Mapping[int, Cell] | None


@dataclass(frozen=True, slots=True)
class RowEpoch:
    """Where a row stands: see ``usage.rows.epoch``. ``current`` is what its current cells' names begin with."""

    epoch_us: int | None = None
    current: str = ""
    pending: bool = False

    @property
    def other(self) -> str:
        """What the names of the cells of the other set begin with."""
        return SETS[1] if self.current == SETS[0] else SETS[0]


def partition_key(series: Series, subject: str | None) -> str:
    """The partition of a subject's rows, or of the total's."""
    return _series_key(series) + ("*" if subject is None else f"={subject}")


def read_series(partition: str) -> Series | None:
    """The series whose rows, total or subjects a partition holds; None for what is no usage."""
    found = _PARTITION.match(partition)
    return None if found is None else Series(workspace_of(found[1]), found[2], int(found[3]))


def sort_key(hour: int, groups: tuple[str, ...]) -> str:
    """A row's place in its partition."""
    return f"{hour:0{HOUR_DIGITS}d}.{_groups_hash(groups) if groups else ''}"


def sort_key_bounds(span: HourSpan) -> tuple[str, str]:
    """The least and the greatest sort key that rows of the hours can have ("/" comes after ".")."""
    return f"{span.first:0{HOUR_DIGITS}d}.", f"{span.last:0{HOUR_DIGITS}d}/"


def hour_of(sort_key_text: str) -> int:
    """The hour in a row's sort key."""
    return int(sort_key_text[:HOUR_DIGITS])


def groups_text(groups: tuple[str, ...]) -> str:
    """The attribute ``g``: equal tuples give equal text."""
    return codec.encode(groups).decode()


def read_groups(text: str) -> tuple[str, ...]:
    """The tuple in an attribute ``g``."""
    return tuple(codec.decode(text))


def subjects_key(series: Series, hour: int) -> str:
    """The partition that lists the subjects with rows in the UTC month of the hour."""
    moment = to_datetime(hour * HOUR_US)
    return f"{_series_key(series)}#{moment.year:04d}{moment.month:02d}"


def subject_sort_key(subject: str) -> str:
    """A subject's entry in the list of its month."""
    return f"={subject}"


def read_subject(sort_key_text: str) -> str:
    """The subject of an entry in the list."""
    return sort_key_text[1:]


def next_month(hour: int) -> int:
    """The first hour of the UTC month after the hour's."""
    moment = to_datetime(hour * HOUR_US)
    year, month = (moment.year, moment.month + 1) if moment.month < 12 else (moment.year + 1, 1)
    return from_datetime(moment.replace(year=year, month=month, day=1, hour=0)) // HOUR_US


def watermark_name(shard_id: str) -> str:
    """The attribute that holds the shard's watermark."""
    return "w" + hashlib.blake2b(shard_id.encode(), digest_size=8).hexdigest()


def sequence_text(sequence: int) -> str:
    """A sequence number as text that sorts as the number does."""
    return f"{sequence:0{SEQUENCE_DIGITS}d}"


def watermark(position: str, epoch_s: int) -> str:
    """The mark of the last position folded in and when. It sorts after its own position and before the next."""
    return f"{position}@{epoch_s}"


def marked_position(mark: str) -> str:
    """The position of a watermark."""
    return mark.rpartition("@")[0]


def marked_at_s(mark: str) -> int:
    """The epoch second at which a watermark was written."""
    return int(mark.rpartition("@")[2])


def is_stale(mark: str, now_s: int) -> bool:
    """Whether nothing can come any more that the watermark would refuse."""
    streamed = len(marked_position(mark)) == SEQUENCE_DIGITS
    return marked_at_s(mark) < now_s - (STREAM_MARK_LIFE_S if streamed else HISTORY_MARK_LIFE_S)


def item_key(row: RowKey) -> dict[str, Any]:
    """The row's key in the usage table."""
    return {"pk": {"S": partition_key(row.series, row.subject)}, "sk": {"S": sort_key(row.hour, row.groups)}}


def decode(item: Mapping[str, Any], *, minutes: bool) -> HourRow:
    """The row in an item; while a recompute is pending, of both sets together."""
    epoch = decode_epoch(item)
    sets = SETS if epoch.pending else (epoch.current,)
    groups = read_groups(item["g"]["S"]) if "g" in item else ()
    total = _merged(item, sets, "")
    fine: dict[int, Cell] | None = None
    if minutes:
        held = [at for at, name in enumerate(MINUTES) if any(f"{prefix}n{name}" in item for prefix in sets)]
        found = ((minute, _merged(item, sets, MINUTES[minute])) for minute in held)
        fine = {minute: cell for minute, cell in found if is_counted(cell)}
    return HourRow(hour_of(item["sk"]["S"]), groups, total, fine)


def decode_epoch(item: Mapping[str, Any]) -> RowEpoch:
    """Where the row in an item stands."""
    return RowEpoch(
        int(item[EPOCH]["N"]) if EPOCH in item else None,
        item[CURRENT]["S"] if CURRENT in item else SETS[0],
        PENDING in item,
    )


def decode_cell(item: Mapping[str, Any], prefix: str, suffix: str) -> Cell:
    """One cell of one set of an item: ``prefix`` names the set, ``suffix`` the minute in two digits, or "" the hour."""
    if ORDER not in item:
        return Cells(*(whole_number(item.get(f"{prefix}{name}{suffix}")) for name in "nif"))
    count = whole_number(item.get(f"{prefix}n{suffix}"))
    kept = item.get(f"{prefix}m{suffix}")
    if kept is None:
        return Extreme(count)
    if "N" in kept:
        return Extreme(count, Decimal(kept["N"]))
    # Not JSON: escapes could make an id six times as long, and sixty of them too much for an item.
    time_us, value, length, names = kept["S"].split("/", 3)
    return Extreme(count, Decimal(value), Moment(int(time_us), names[: int(length)], names[int(length) :]))


def cell_names(prefix: str) -> tuple[str, ...]:
    """The names of all cells that a set can have."""
    return tuple(f"{prefix}{name}{suffix}" for suffix in ("", *MINUTES) for name in "nifm")


def encode_kept(cell: Extreme) -> dict[str, str] | None:
    """The attribute ``m`` of a cell, None where nothing is kept."""
    if cell.value is None:
        return None
    if cell.moment is None:
        return {"N": render_text(cell.value)}
    time_us, id_, source = cell.moment
    return {"S": f"{time_us}/{render_text(cell.value)}/{len(id_)}/{id_}{source}"}


def whole_number(typed: Mapping[str, str] | None) -> int:
    """A whole number of any size, 0 where it is absent; an engine may print one with an exponent."""
    if typed is None:
        return 0
    text = typed["N"]
    return int(text) if "E" not in text.upper() and "." not in text else int(Decimal(text))


def _merged(item: Mapping[str, Any], sets: tuple[str, ...], suffix: str) -> Cell:
    cells = [decode_cell(item, prefix, suffix) for prefix in sets]
    if len(cells) == 1:
        return cells[0]
    # SUM stands for whatever adds.
    return combine(Aggregation(item[ORDER]["S"]) if ORDER in item else Aggregation.SUM, cells)


def _series_key(series: Series) -> str:
    return f"{workspace_key(series.workspace)}.{series.meter_id}.{series.generation}"


def _groups_hash(groups: tuple[str, ...]) -> str:
    digest = hashlib.blake2b(codec.encode(groups), digest_size=16).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
