"""Access logs into the exchanges that the service measures. Pure but for the lines it pulls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dynameter import codec
from dynameter.cli.imports.lines import Lines, Position
from dynameter.cli.imports.records import Record
from dynameter.clock import render
from dynameter.gateway.accesslogs import BadLine, LogFormat, LoggedExchange, read_access_log


def read_log(lines: Lines, format_: LogFormat, user_field: str, source: str) -> Iterator[Record]:
    """The requests of a log, read from its first line on; what is no request is a record with an error."""
    bad: list[BadLine] = []
    settled = lines.position
    for found in read_access_log(lines, format_, user_field=user_field, on_bad_line=bad.append):
        # A bad line is known with the good one after it, which is not settled by it; the bad one is.
        yield from (_rejected(one, replace(settled, line=one.line)) for one in bad)
        bad.clear()
        settled = lines.position
        yield Record(found.line, settled, codec.encode(_exchange(found, source)), id=found.id)
    yield from (_rejected(one, lines.position) for one in bad)


def _exchange(found: LoggedExchange, source: str) -> dict[str, str | int]:
    exchange = found.exchange
    return {
        "id": found.id,
        "source": source,
        "time": render(found.time_us),
        "user_id": found.user_id,
        "method": exchange.method,
        "path": exchange.path,
        "status": exchange.status,
        "requestBytes": exchange.request_bytes,
        "responseBytes": exchange.response_bytes,
    }


def _rejected(one: BadLine, end: Position) -> Record:
    return Record(one.line, end, None, one.reason)
