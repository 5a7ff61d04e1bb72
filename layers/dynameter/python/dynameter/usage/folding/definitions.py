"""The meters that a batch is folded with: never older than the batch, compiled once a catalog version."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from dynameter.meters.meter import Aggregation, Generation, Meter
from dynameter.usage.folding.fold import Counting, Definitions, Reads
from dynameter.usage.rows.row import Series

MAX_WORKSPACES = 1_000
"""Workspaces whose definitions are kept in memory."""

CompileReader = Callable[[Aggregation, str | None, Mapping[str, str]], Reads]
"""See ``dynameter.meters.reader.compile_reader``."""
ReportFault = Callable[[Meter, Generation, Exception], None]


class Catalog(Protocol):
    """What is needed of ``dynameter.meters.store.MeterStore``; both reads must be strongly consistent."""

    def versions(self, workspaces: Collection[str]) -> Mapping[str, int]:
        """The catalog version of each workspace."""

    def load_live(self, workspace: str) -> tuple[Meter, ...]:
        """The workspace's meters that are not deleted."""


@dataclass(frozen=True, slots=True)
class _Known:
    version: int
    countings: Mapping[str, list[Counting]]


class DefinitionCache:
    """Definitions of workspaces, each valid for exactly one catalog version.

    ``load`` reads the versions before it uses anything: a meter whose creation was answered before an event was
    sent is therefore always part of what that event is folded with.
    """

    def __init__(self, catalog: Catalog, compile_reader: CompileReader, report_fault: ReportFault) -> None:
        """``report_fault`` is told of a meter that cannot be compiled; it is left out, the others count on."""
        self._catalog = catalog
        self._compile = compile_reader
        self._report_fault = report_fault
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def load(self, workspaces: Collection[str]) -> Definitions:
        """The definitions of the workspaces as of now. Raises ``Unavailable`` where storage does not answer."""
        if not workspaces:
            return {}
        found: dict[tuple[str, str], list[Counting]] = {}
        for workspace, version in self._catalog.versions(workspaces).items():
            known = self._known.get(workspace)
            if known is None or known.version != version:
                known = self._read(workspace, version)
            self._remember(workspace, known)
            found |= {(workspace, event_type): countings for event_type, countings in known.countings.items()}
        return found

    def _read(self, workspace: str, version: int) -> _Known:
        """What is read after the version is no older than it; if it is newer, the next batch reads it again."""
        countings: dict[str, list[Counting]] = {}
        for meter in self._catalog.load_live(workspace):
            countings.setdefault(meter.event_type, []).extend(self._countings(meter))
        return _Known(version, countings)

    def _countings(self, meter: Meter) -> Iterator[Counting]:
        for generation in meter.generations:
            try:
                reader = self._compile(meter.aggregation, meter.value_property, generation.group_by)
            except Exception as error:
                # Compiled when the meter was made, so this is a bug; it must not stop the workspace's other meters.
                self._report_fault(meter, generation, error)
                continue
            series = Series(meter.workspace, meter.id, generation.number)
            yield Counting(meter, generation, reader, series)

    def _remember(self, workspace: str, known: _Known) -> None:
        self._known[workspace] = known
        self._known.move_to_end(workspace)
        if len(self._known) > MAX_WORKSPACES:
            self._known.popitem(last=False)
