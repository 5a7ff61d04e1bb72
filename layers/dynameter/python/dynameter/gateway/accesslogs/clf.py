"""The common log format, with what the combined format and API Gateway's CLF put behind it.

host ident user [10/Oct/2000:13:55:36 -0700] "GET /path HTTP/1.0" 200 2326 request-id | "referer" "user-agent"
"""

from __future__ import annotations

import re

from dynameter.gateway.accesslogs.entry import (
    Entry,
    MalformedLine,
    present,
    read_count,
    read_method,
    read_path,
    read_status,
    read_time,
    split_quoted,
)

FIELDS = ("host", "ident", "user")
_PARTS_MIN = 7
_REQUEST_ID = re.compile(r"[A-Za-z0-9_=+/-]{8,128}", re.ASCII)


def parse_clf(line: str) -> Entry:
    """A line. Raises ``MalformedLine``."""
    parts = list(split_quoted(line))
    if len(parts) < _PARTS_MIN:
        raise MalformedLine(f"has {len(parts)} of at least {_PARTS_MIN} parts")
    time, request, status, sent = parts[3:7]
    method, path = split_request(request)
    return Entry(
        id=_request_id(line, parts),
        time_us=read_time(time),
        method=method,
        path=path,
        status=read_status(status),
        response_bytes=read_count(sent, "the response's length"),
        fields=dict(zip(FIELDS, parts, strict=False)),
    )


def split_request(request: str) -> tuple[str, str]:
    """Method and decoded path of ``GET /path HTTP/1.1``. Raises ``MalformedLine``."""
    method, _, rest = request.partition(" ")
    target = rest.rpartition(" ")[0] if " " in rest else rest
    return read_method(method), read_path(target)


def _request_id(line: str, parts: list[str]) -> str:
    """What stands bare behind the length, as in API Gateway's CLF; the combined format quotes what it has there."""
    if len(parts) == _PARTS_MIN or line.endswith('"'):
        return ""
    found = present(parts[_PARTS_MIN])
    return found if _REQUEST_ID.fullmatch(found) else ""
