"""One import: which file, how it is read, and how far an earlier run came with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from dynameter.cli.imports.checkpoint import Checkpoint
from dynameter.cli.imports.lines import Lines, open_file, stable_name
from dynameter.cli.imports.logs import read_log
from dynameter.cli.imports.records import (
    EventMap,
    Record,
    UnusableRecord,
    read_csv,
    read_header,
    read_json_lines,
)
from dynameter.gateway.accesslogs import LogFormat, detect_format

LOG_SUFFIX = ".log"


class Format(Enum):
    """What a file holds."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    CLOUDEVENTS = "cloudevents"
    API_GATEWAY = LogFormat.API_GATEWAY.value
    CLF = LogFormat.CLF.value
    ALB = LogFormat.ALB.value
    CLOUDFRONT = LogFormat.CLOUDFRONT.value

    @property
    def log(self) -> LogFormat | None:
        """Whose access log it is; None for what is no such log."""
        return LogFormat(self.value) if self.value in {one.value for one in LogFormat} else None


_BY_SUFFIX = {".csv": Format.CSV, ".tsv": Format.TSV, ".jsonl": Format.JSONL, ".ndjson": Format.JSONL}
_DELIMITERS = {Format.CSV: ",", Format.TSV: "\t"}


class UnusableFile(Exception):
    """The file cannot be imported so; the message says why."""


@dataclass(frozen=True, slots=True)
class Job:
    """A file and how its records become events."""

    path: Path
    format: Format
    mapping: EventMap
    user_field: str = ""

    @classmethod
    def of(cls, path: Path, format_: Format | None, mapping: EventMap, user_field: str = "") -> Job:
        """What is not said is told by the file's name. ``user_field``: what names the user in an access log.

        Raises ``UnusableFile``; OSError, EOFError, zlib.error.
        """
        if not path.is_file():
            # Read once to see what it is, a pipe would be without its beginning from then on.
            raise UnusableFile(f"{path} is no regular file: put what it holds into one")
        name = stable_name(path)
        named = EventMap(**{**asdict(mapping), "source": mapping.source or name})
        suffix = Path(name).suffix.lower()
        found = format_ or (_format_of_log(path) if suffix == LOG_SUFFIX else _BY_SUFFIX.get(suffix))
        if found is None:
            raise UnusableFile(f"the name of {path} does not say what it holds: use --format")
        if found is Format.JSONL and mapping == EventMap(source=mapping.source):
            found = Format.CLOUDEVENTS
        if found.log is not None and mapping != EventMap(source=mapping.source):
            raise UnusableFile("an access log's fields are known: only --source and --user-field apply")
        if found is not Format.CLOUDEVENTS and found.log is None:
            _check_complete(named)
        return cls(path, found, named, user_field)

    def digest(self, place: Sequence[str | None]) -> str:
        """Of all that decides which events come of the file; ``place`` is where they go."""
        parts = [*place, self.format.value, asdict(self.mapping), self.user_field]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @contextmanager
    def records(self, after: Checkpoint | None) -> Iterator[tuple[Iterator[Record], bool]]:
        """The records, and whether they are those after the checkpoint; else the file is another one than it was
        then, and they are all of it. Raises ``UnusableFile``, and while they are read OSError, EOFError, zlib.error.
        """
        if self.format.log is not None:
            # A log's header, and how often a line came before, are known only to who reads it from the beginning.
            resumed = after is not None and self._unchanged(after)
            done = after.position.line if after is not None and resumed else 0
            with open_file(self.path) as stream:
                found = read_log(Lines(stream, collect=False), self.format.log, self.user_field, self.mapping.source)
                yield (one for one in found if one.line > done), resumed
            return
        with open_file(self.path) as stream:
            lines = Lines(stream)
            found = self._read(lines)
            if after is None or lines.skip_to(after.position):
                yield found, after is not None
                return
        with open_file(self.path) as stream:
            yield self._read(Lines(stream)), False

    def _unchanged(self, after: Checkpoint) -> bool:
        with open_file(self.path) as stream:
            return Lines(stream).skip_to(after.position)

    def _read(self, lines: Lines) -> Iterator[Record]:
        delimiter = _DELIMITERS.get(self.format)
        if delimiter is None:
            return read_json_lines(lines, self.mapping, cloudevents=self.format is Format.CLOUDEVENTS)
        try:
            header = read_header(lines, delimiter)
        except UnusableRecord as error:
            raise UnusableFile(f"{self.path}: {error}") from None
        missing = [one for one in (*self.mapping.columns, *(self.mapping.data_columns or ())) if one not in header]
        if missing:
            raise UnusableFile(f"{self.path} has no column {', '.join(missing)}; it has {', '.join(header)}")
        return read_csv(lines, header, self.mapping, delimiter)


def _format_of_log(path: Path) -> Format:
    with open_file(path) as stream:
        return Format(detect_format(next(Lines(stream), "")).value)


def _check_complete(mapping: EventMap) -> None:
    for name, constant, column in (
        ("type", mapping.type, mapping.type_column),
        ("subject", mapping.subject, mapping.subject_column),
    ):
        if constant is None and column is None:
            raise UnusableFile(f"say what the events' {name} is: --{name} or --{name}-column")
