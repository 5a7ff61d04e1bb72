"""Reading a log line by line; whatever a line holds, the next one is read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from dynameter.gateway.accesslogs.alb import parse_alb
from dynameter.gateway.accesslogs.apigateway import parse_api_gateway
from dynameter.gateway.accesslogs.clf import parse_clf
from dynameter.gateway.accesslogs.cloudfront import CloudFrontParser
from dynameter.gateway.accesslogs.entry import (
    MAX_LINE_CHARACTERS,
    BadLine,
    Entry,
    LogFormat,
    LoggedExchange,
    MalformedLine,
)

Parse = Callable[[str], Entry | None]
_ALB_TYPES = ("http ", "https ", "h2 ", "grpcs ", "ws ", "wss ")
_ID_BYTES = 16


def read_access_log(
    lines: Iterable[str],
    format: LogFormat,
    *,
    user_field: str = "",
    on_bad_line: Callable[[BadLine], object] | None = None,
) -> Iterator[LoggedExchange]:
    """The exchanges of a log, decoded and unzipped by the caller, from its first line on.

    ``user_field`` names what holds the user: a key of a JSON log, ``user``, ``ident`` or ``host`` of CLF, a field of
    ALB or CloudFront (``client``, ``cs(cookie)``); without it, and where it is empty, the user is anonymous.
    What is no exchange goes to ``on_bad_line``. Never raises for what a line holds. Reading begins at the first line
    also where the work was interrupted, or lines without ids of their own would get others.
    """
    parse = _parser(format)
    seen: Counter[bytes] = Counter()
    for number, line in enumerate(lines, 1):
        text = line.strip("\r\n")
        if not text.strip():
            continue
        try:
            if len(text) > MAX_LINE_CHARACTERS:
                raise MalformedLine(f"has {len(text)} characters; the limit is {MAX_LINE_CHARACTERS}")
            entry = parse(text)
            if entry is not None:
                yield entry.logged(number, user_field, "" if entry.id else _occurrence(text, seen))
        except MalformedLine as error:
            if on_bad_line is not None:
                on_bad_line(BadLine(number, str(error)))


def detect_format(line: str) -> LogFormat:
    """Whose log a first line most likely comes from; CLF where nothing else fits."""
    if line.startswith("#") or line.count("\t") > 5:
        return LogFormat.CLOUDFRONT
    if line.startswith(_ALB_TYPES):
        return LogFormat.ALB
    return LogFormat.API_GATEWAY if "{" in line[:256] else LogFormat.CLF


def _parser(format: LogFormat) -> Parse:
    if format is LogFormat.CLOUDFRONT:
        return CloudFrontParser()
    return {LogFormat.API_GATEWAY: parse_api_gateway, LogFormat.CLF: parse_clf, LogFormat.ALB: parse_alb}[format]


def _occurrence(line: str, seen: Counter[bytes]) -> str:
    """An id of what the line says and how often it was said before: equal lines are different requests."""
    digest = hashlib.blake2b(line.encode("utf-8", "replace"), digest_size=_ID_BYTES).digest()
    seen[digest] += 1
    return f"{digest.hex()}-{seen[digest]}"
