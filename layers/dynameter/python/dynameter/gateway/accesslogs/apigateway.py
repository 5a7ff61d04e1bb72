"""API Gateway's access logs: what a stage's ``AccessLogSettings`` make of ``$context``.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dynameter import codec
from dynameter.gateway.accesslogs.clf import parse_clf
from dynameter.gateway.accesslogs.entry import (
    Entry,
    MalformedLine,
    present,
    read_count,
    read_method,
    read_path,
    read_status,
    read_time,
)

# Names that AWS's own examples and common formats give to a variable, in the order of preference, lower-case.
IDS = ("requestid", "request_id", "extendedrequestid", "id")
TIMES = ("requesttimeepoch", "requesttime", "request_time", "timeepoch", "time", "timestamp", "@timestamp")
METHODS = ("httpmethod", "http_method", "requestmethod", "method")
PATHS = ("path", "rawpath", "requestpath", "uri", "resourcepath", "resource_path")
ROUTE_KEYS = ("routekey", "route_key")
STATUSES = ("status", "statuscode", "status_code")
RESPONSE_BYTES = ("responselength", "responsebytes", "response_bytes", "response_length", "bytes")
REQUEST_BYTES = ("requestlength", "requestbytes", "request_bytes", "request_length")

_EXPORTED = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+Z?(?:[+-]\d\d:\d\d)?)\s+(?:\S+\s+)?(?=\{)", re.ASCII)
"""Exports and tails of CloudWatch Logs put the time, and maybe the stream's name, before each line."""
_UNRESOLVED = "$context."


def parse_api_gateway(line: str) -> Entry:
    """A line of JSON or CLF. Raises ``MalformedLine``."""
    exported = _EXPORTED.match(line)
    text = line[exported.end() :] if exported else line
    if not text.startswith("{"):
        return parse_clf(line)
    try:
        value = codec.decode(text)
    except codec.MalformedJson as error:
        raise MalformedLine(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise MalformedLine("not a JSON object")
    return _entry({name.lower(): _text(one) for name, one in value.items()}, exported.group(1) if exported else "")


def _entry(fields: Mapping[str, str], exported: str) -> Entry:
    method, path = _first(fields, METHODS), _first(fields, PATHS)
    if not method or not path:
        routed_method, _, routed_path = _first(fields, ROUTE_KEYS).partition(" ")
        method, path = method or routed_method, path or routed_path
    time = _first(fields, TIMES) or exported
    if not time:
        raise MalformedLine(f"there is no time: log one of {', '.join(TIMES[:3])}")
    return Entry(
        id=_first(fields, IDS),
        time_us=read_time(time),
        method=read_method(method),
        path=read_path(path),
        status=read_status(_first(fields, STATUSES)),
        response_bytes=read_count(_first(fields, RESPONSE_BYTES), "the response's length"),
        request_bytes=read_count(_first(fields, REQUEST_BYTES), "the request's length"),
        fields=fields,
    )


def _first(fields: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((found for name in names if (found := present(fields.get(name, "")))), "")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return "" if value.startswith(_UNRESOLVED) else value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
