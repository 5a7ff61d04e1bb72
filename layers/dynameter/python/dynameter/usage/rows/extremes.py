"""Rows of MIN, MAX and LATEST: read whole, folded here, written whole under their version. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from dynameter.meters.meter import Aggregation
from dynameter.usage.rows.cells import Extreme, beats, combine
from dynameter.usage.rows.delta import Contribution, Delta
from dynameter.usage.rows.row import (
    CURRENT,
    EPOCH,
    MINUTES,
    ORDER,
    PENDING,
    TOP,
    VERSION,
    RowEpoch,
    RowKey,
    decode_cell,
    decode_epoch,
    encode_kept,
    groups_text,
    is_stale,
    item_key,
    marked_position,
    watermark,
    whole_number,
)

_Minutes = dict[int, Extreme]


@dataclass(slots=True)
class ExtremeRow:
    """A row's state. ``version`` 0 is a row that is not there yet; ``top_us`` is the greatest stamp folded into it."""

    aggregation: Aggregation
    version: int = 0
    top_us: int = 0
    epoch: RowEpoch = field(default_factory=RowEpoch)
    current: _Minutes = field(default_factory=dict)
    other: _Minutes = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)

    def fold(self, mark: str, delta: Delta, now_s: int) -> bool:
        """Fold what the watermark ``mark`` and the epoch let in; False where that is nothing.

        May start an epoch (see ``usage.rows.epoch``): then ``self.epoch`` is a new one when this returns.
        """
        known = marked_position(self.marks[mark]) if mark in self.marks else ""
        news = [one for one in delta.contributions if one.position > known and self._lets_in(one)]
        if not news:
            return False
        for one in news:
            # A void among them may have started an epoch that the rest lies before.
            if self._lets_in(one):
                self._fold(one, whole=delta.whole)
        self.marks[mark] = watermark(news[-1].position, now_s)
        return True

    def begin(self, epoch_us: int) -> None:
        """Start an epoch; what both sets held is the old one from now on."""
        self.other = self._merged(self.other, self.current) if self.epoch.pending else self.current
        self.current = {}
        self.epoch = RowEpoch(epoch_us, self.epoch.other, pending=True)

    def finish(self, recomputed: Iterable[Contribution]) -> None:
        """End the epoch with what the history held before it."""
        found: _Minutes = {}
        for one in recomputed:
            found[one.minute] = self._combined(found.get(one.minute), _alone(one))
        self.current = self._merged(found, self.current)
        self.other = {}
        self.epoch = RowEpoch(self.epoch.epoch_us, self.epoch.current)

    def _lets_in(self, one: Contribution) -> bool:
        return self.epoch.epoch_us is None or one.stamp_us >= self.epoch.epoch_us

    def _fold(self, one: Contribution, *, whole: bool) -> None:
        self.top_us = max(self.top_us, one.stamp_us)
        cell, alone = self.current.get(one.minute, Extreme()), _alone(one)
        if one.sign > 0 or beats(self.aggregation, cell, alone):
            count = cell.count + one.sign
            kept = self._combined(cell, alone) if one.sign > 0 else cell
            self.current[one.minute] = Extreme(count, kept.value, kept.moment)
        elif whole and not self.epoch.pending and cell == alone:
            # Nothing else is counted there, or will be.
            del self.current[one.minute]
        else:
            self.begin(self.top_us + 1)

    def _merged(self, one: _Minutes, other: _Minutes) -> _Minutes:
        return {minute: self._combined(one.get(minute), other.get(minute)) for minute in {*one, *other}}

    def _combined(self, *cells: Extreme | None) -> Extreme:
        found = combine(self.aggregation, [cell for cell in cells if cell is not None])
        assert isinstance(found, Extreme)
        return found


def read_extremes(item: Mapping[str, Any], aggregation: Aggregation) -> ExtremeRow:
    """The state in an item."""
    epoch = decode_epoch(item)
    return ExtremeRow(
        aggregation,
        whole_number(item.get(VERSION)),
        whole_number(item.get(TOP)),
        epoch,
        _read_set(item, epoch.current),
        _read_set(item, epoch.other) if epoch.pending else {},
        {name: typed["S"] for name, typed in item.items() if name.startswith("w")},
    )


def write_extremes(row: RowKey, state: ExtremeRow, now_s: int) -> dict[str, Any]:
    """The item of the row's next version; watermarks that nothing can need any more are left out."""
    item: dict[str, Any] = {
        **item_key(row),
        ORDER: {"S": state.aggregation.value},
        VERSION: {"N": str(state.version + 1)},
        TOP: {"N": str(state.top_us)},
        **{name: {"S": mark} for name, mark in state.marks.items() if not is_stale(mark, now_s)},
    }
    if row.groups:
        item["g"] = {"S": groups_text(row.groups)}
    epoch = state.epoch
    if epoch.epoch_us is not None:
        item[EPOCH] = {"N": str(epoch.epoch_us)}
    if epoch.current:
        item[CURRENT] = {"S": epoch.current}
    if epoch.pending:
        item[PENDING] = {"N": "1"}
        item |= _write_set(state.aggregation, epoch.other, state.other)
    return item | _write_set(state.aggregation, epoch.current, state.current)


def _alone(one: Contribution) -> Extreme:
    assert isinstance(one.value, Decimal)
    return Extreme(1, one.value, one.moment)


def _read_set(item: Mapping[str, Any], prefix: str) -> _Minutes:
    found: _Minutes = {}
    for minute, suffix in enumerate(MINUTES):
        if f"{prefix}n{suffix}" in item:
            cell = decode_cell(item, prefix, suffix)
            assert isinstance(cell, Extreme)
            found[minute] = cell
    return found


def _write_set(aggregation: Aggregation, prefix: str, minutes: _Minutes) -> dict[str, Any]:
    if not minutes:
        return {}
    # A minute whose events are all voided counts for nothing in the hour; it waits for what is still to come.
    hour = combine(aggregation, [cell for cell in minutes.values() if cell.count > 0])
    named = {"": hour} | {MINUTES[minute]: cell for minute, cell in minutes.items()}
    written: dict[str, Any] = {}
    for suffix, cell in named.items():
        assert isinstance(cell, Extreme)
        written[f"{prefix}n{suffix}"] = {"N": str(cell.count)}
        kept = encode_kept(cell)
        if kept is not None:
            written[f"{prefix}m{suffix}"] = kept
    return written
