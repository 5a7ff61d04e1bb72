"""Where usage is kept: series, rows, cells, and the keys and marks they have in the usage table. Pure.

    pk  workspace (22 characters) "." meter id "." generation "=" subject     a subject's rows
        workspace "." meter id "." generation "*"                             the meter's total over all subjects
        workspace "." meter id "." generation "#" YYYYMM                      the subjects that have rows in that month
    sk  epoch hour (8 digits) "." hash of the group values                    of a row
        "=" subject                                                           of a subject's entry
    g   the group values as a JSON array, in the sorted order of the generation's keys; absent where it has none
    n i f         count, sum's integer part and sum's fraction x 10^18 of the whole hour
    nMM iMM fMM   the same of minute MM
    w + 16 hex digits     the watermark of one stream shard: 40-digit sequence number "@" epoch second written

A sum is two whole numbers, so that adding to it never rounds and never leaves an engine's 38 digits.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from dynameter import codec
from dynameter.clock import HOUR_US, from_datetime, to_datetime
from dynameter.runtime.workspaces import workspace_key

HOUR_DIGITS = 8
SEQUENCE_DIGITS = 40
"""A stream's sequence numbers have at most 40 digits, more than a DynamoDB number holds; hence text."""
LAST_HOUR = 10**HOUR_DIGITS - 1
MAX_SUBJECT_BYTES = 1_000
"""What a key of the table can hold; the intake's own limit is lower."""


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


def partition_key(series: Series, subject: str | None) -> str:
    """The partition of a subject's rows, or of the total's."""
    return _series_key(series) + ("*" if subject is None else f"={subject}")


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


def watermark(sequence: int, epoch_s: int) -> str:
    """The mark of the last sequence number folded in and when. It sorts after its own ``sequence_text``."""
    return f"{sequence_text(sequence)}@{epoch_s}"


def marked_sequence(mark: str) -> int:
    """The sequence number of a watermark."""
    return int(mark[:SEQUENCE_DIGITS])


def marked_at_s(mark: str) -> int:
    """The epoch second at which a watermark was written."""
    return int(mark[SEQUENCE_DIGITS + 1 :])


def _series_key(series: Series) -> str:
    return f"{workspace_key(series.workspace)}.{series.meter_id}.{series.generation}"


def _groups_hash(groups: tuple[str, ...]) -> str:
    digest = hashlib.blake2b(codec.encode(groups), digest_size=16).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
