"""Answers as comma-separated values: RFC 4180 quoting, lines ended by one LF as OpenMeter ends them.

Values are printed as they are, also such as a spreadsheet would take for a formula (``=1+1``): whoever opens a file
there has to import it as text. Changing them would give another group or subject than the one that was counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dynameter.http.message import Request, Response

MEDIA_TYPE = "text/csv"

_JSON_TYPES = ("application/json", "application/*", "*/*")
_SPECIAL = frozenset(',"\r\n')


def prefers_csv(request: Request) -> bool:
    """Whether ``Accept`` names CSV, and before it neither JSON nor anything at all; weights are not looked at."""
    named = (part.split(";", 1)[0].strip().lower() for part in request.headers.get("accept", "").split(","))
    return next((one for one in named if one in (MEDIA_TYPE, *_JSON_TYPES)), "") == MEDIA_TYPE


def csv_response(name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Response:
    """Answer 200 with a file called after ``name``, which must be a meter's slug."""
    body = "".join(_line(row) for row in (columns, *rows))
    headers = {"content-type": MEDIA_TYPE, "content-disposition": f"attachment; filename={name}.csv"}
    return Response(200, body, headers)


def _line(values: Sequence[str]) -> str:
    return ",".join(map(_field, values)) + "\n"


def _field(value: str) -> str:
    if _SPECIAL.isdisjoint(value):
        return value
    doubled = value.replace('"', '""')
    return f'"{doubled}"'
