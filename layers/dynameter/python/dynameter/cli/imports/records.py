"""Lines into events: CSV rows, JSON objects or CloudEvents. Pure but for the lines it pulls.

An event's id is the mapped column's, or made of the line's number and content: the same file gives the same ids,
so importing it again changes nothing.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from dynameter import codec, rfc3339
from dynameter.cli.imports.lines import MAX_LINE_BYTES, Lines, Position
from dynameter.clock import MICROSECONDS, from_datetime, render

ID_CHARACTERS = 32
MAX_SHOWN = 80
RFC3339 = "rfc3339"
_EPOCHS = {"epoch": MICROSECONDS, "epoch-ms": 1_000, "epoch-us": 1}

_MAX_DIGITS = 40
_ABSENT = object()


class UnusableRecord(ValueError):
    """The record makes no event; the message says why."""


@dataclass(frozen=True, slots=True)
class EventMap:
    """Where an event's attributes stand; a column is a header's name, or a dotted path into a JSON object.

    ``type`` and ``subject`` hold for records without a column of their own. ``data_columns`` None takes all columns
    that are mapped to nothing else, of JSON the whole object.
    """

    source: str
    type: str | None = None
    type_column: str | None = None
    subject: str | None = None
    subject_column: str | None = None
    time_column: str | None = None
    time_format: str = RFC3339
    id_column: str | None = None
    data_columns: tuple[str, ...] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are mapped to an attribute."""
        named = (self.type_column, self.subject_column, self.time_column, self.id_column)
        return tuple(one for one in named if one is not None)


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the encoded item to send, or why there is none. ``end`` is where reading stands after it."""

    line: int
    end: Position
    item: bytes | None
    error: str | None = None
    id: str | None = None


def read_csv(lines: Lines, header: list[str], mapping: EventMap, delimiter: str = ",") -> Iterator[Record]:
    """The rows after the header; a cell is text, an empty one is absent."""
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.mark()
        first = lines.number + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            yield Record(first, lines.position, None, f"no CSV: {error}")
            continue
        if row:
            yield _record(lines, first, lambda row=row: _from_row(row, header, mapping))


def read_json_lines(lines: Lines, mapping: EventMap, *, cloudevents: bool) -> Iterator[Record]:
    """One JSON object a line: CloudEvents, or objects that the mapping makes events of. Blank lines are passed over."""
    while True:
        lines.mark()
        text = next(lines, None)
        if text is None:
            return
        if not text.strip():
            continue

        def make(text: str = text) -> dict[str, Any]:
            return _from_cloudevent(_object(text), mapping) if cloudevents else _from_object(_object(text), mapping)

        yield _record(lines, lines.number, make)


def read_header(lines: Lines, delimiter: str = ",") -> list[str]:
    """The names in a CSV file's first record. Raises UnusableRecord."""
    try:
        header = next(csv.reader(lines, delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise UnusableRecord(f"the header is no CSV: {error}") from None
    if not header:
        raise UnusableRecord("the file has no header")
    repeated = sorted({one for one in header if header.count(one) > 1})
    if repeated:
        raise UnusableRecord(f"the header repeats {', '.join(repeated)}")
    return header


def read_time(value: Any, form: str) -> str:
    """An instant in RFC 3339. ``form``: rfc3339, epoch, epoch-ms, epoch-us or a pattern of strptime, UTC unless it
    holds a zone. Raises UnusableRecord."""
    text = str(value).strip()
    try:
        if form == RFC3339:
            rfc3339.parse(text)
            return text
        if form in _EPOCHS:
            number = Decimal(text)
            if not number.is_finite() or number.adjusted() > _MAX_DIGITS:
                raise ValueError("is no such number")
            instant = render(int(number * _EPOCHS[form]))
        else:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - the zone comes next
            instant = render(from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC)))
        rfc3339.parse(instant)
    except (ValueError, OverflowError, InvalidOperation) as error:
        reason = "is no number" if isinstance(error, InvalidOperation) else str(error)
        raise UnusableRecord(f"time {text[:MAX_SHOWN]!r}: {reason}") from None
    return instant


def derive_id(line: int, content: bytes) -> str:
    """The id of a record that brings none: of its line's number and content, its line ending left out."""
    return hashlib.sha256(b"%d\n%s" % (line, content.rstrip(b"\r\n"))).hexdigest()[:ID_CHARACTERS]


def _record(lines: Lines, first: int, make: Any) -> Record:
    end, raw = lines.position, lines.raw
    if lines.overlong:
        return Record(first, end, None, f"longer than {MAX_LINE_BYTES} bytes")
    try:
        raw.decode()
        event = make()
        if event.get("id") is None:
            event["id"] = derive_id(first, raw)
        return Record(first, end, codec.encode(event), id=str(event["id"])[:MAX_SHOWN])
    except UnicodeDecodeError:
        return Record(first, end, None, "is not UTF-8")
    except UnusableRecord as error:
        return Record(first, end, None, str(error))


def _from_row(row: list[str], header: list[str], mapping: EventMap) -> dict[str, Any]:
    if len(row) != len(header):
        raise UnusableRecord(f"has {len(row)} cells, the header {len(header)}")
    cells = {name: value for name, value in zip(header, row, strict=True) if value != ""}
    if mapping.data_columns is None:
        data: dict[str, Any] = {name: value for name, value in cells.items() if name not in mapping.columns}
    else:
        data = {name: cells[name] for name in mapping.data_columns if name in cells}
    return _event(lambda column: cells.get(column, _ABSENT), data, mapping)


def _from_object(found: Mapping[str, Any], mapping: EventMap) -> dict[str, Any]:
    if mapping.data_columns is None:
        data = dict(found)
    else:
        taken = {name: _dig(found, name) for name in mapping.data_columns}
        data = {name.rpartition(".")[2]: value for name, value in taken.items() if value is not _ABSENT}
    return _event(lambda column: _dig(found, column), data, mapping)


def _event(read: Any, data: dict[str, Any], mapping: EventMap) -> dict[str, Any]:
    """The event of a record whose columns ``read`` reads."""

    def attribute(name: str, column: str | None, constant: str | None) -> str:
        value = _ABSENT if column is None else read(column)
        if value is _ABSENT or value is None or value == "":
            if constant is not None:
                return constant
            raise UnusableRecord(f"has no {name}" + (f": {column!r} is empty" if column else ""))
        return _text(value)

    event = {
        "specversion": "1.0",
        "source": mapping.source,
        "type": attribute("type", mapping.type_column, mapping.type),
        "subject": attribute("subject", mapping.subject_column, mapping.subject),
        "data": data,
    }
    if mapping.time_column is not None:
        event["time"] = read_time(attribute("time", mapping.time_column, None), mapping.time_format)
    if mapping.id_column is not None:
        event["id"] = attribute("id", mapping.id_column, None)
    return event


def _from_cloudevent(found: Mapping[str, Any], mapping: EventMap) -> dict[str, Any]:
    defaults = {"specversion": "1.0", "source": mapping.source, "type": mapping.type, "subject": mapping.subject}
    filled = {name: value for name, value in defaults.items() if value is not None and found.get(name) is None}
    return {**found, **filled}


def _object(text: str) -> dict[str, Any]:
    try:
        found = codec.decode(text.removeprefix("\ufeff"))
    except codec.MalformedJson as error:
        raise UnusableRecord(f"no JSON: {error}") from None
    if not isinstance(found, dict):
        raise UnusableRecord("is no JSON object")
    return found


def _dig(found: Any, path: str) -> Any:
    """What a dotted path leads to; a name with dots wins over a path."""
    if isinstance(found, dict) and path in found:
        return found[path]
    for step in path.split("."):
        if not isinstance(found, dict) or step not in found:
            return _ABSENT
        found = found[step]
    return found


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return codec.encode(value).decode()
