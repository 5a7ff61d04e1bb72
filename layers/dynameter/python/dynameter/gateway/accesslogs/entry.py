"""What a line of an access log says, and how its parts are read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Final
from urllib.parse import unquote, urlsplit

from dynameter import rfc3339
from dynameter.clock import from_datetime
from dynameter.events.rules import MAX_ID_BYTES, MAX_SUBJECT_BYTES
from dynameter.gateway.exchange import Exchange

MAX_LINE_CHARACTERS: Final = 65_536
MAX_PATH_CHARACTERS: Final = 2_048
"""What is kept of a path."""
MAX_NUMBER_DIGITS: Final = 18
ABSENT: Final = "-"
"""How all these logs write that there is nothing."""

_CLF_TIME = re.compile(r"(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH = re.compile(r"(\d{9,16})(?:\.(\d{1,9}))?", re.ASCII)
_EPOCH_MS_DIGITS = 12
"""Whole seconds have fewer digits until the year 5138, and milliseconds have had more since 2001."""
_EPOCH_US_DIGITS = 15
_METHOD = re.compile(r"[A-Za-z][A-Za-z_-]{0,31}", re.ASCII)


class LogFormat(Enum):
    """Whose log it is.

    API_GATEWAY: JSON, one object a line, or CLF, as its stage was told. CLF: the common and combined formats.
    """

    API_GATEWAY = "api-gateway"
    CLF = "clf"
    ALB = "alb"
    CLOUDFRONT = "cloudfront"


@dataclass(frozen=True, slots=True)
class LoggedExchange:
    """An exchange of a log; ``line`` counts from 1.

    ``id`` is the log's own for the request, or made of the line and how often it came before: reading the same file
    from its beginning gives the same ids.
    """

    id: str
    time_us: int
    user_id: str
    exchange: Exchange
    line: int


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no exchange, and why."""

    line: int
    reason: str


class MalformedLine(ValueError):
    """The line is none of its format; the text says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line taken apart. ``id`` is "" where the log gives none; ``fields`` are what a user can be read from."""

    id: str
    time_us: int
    method: str
    path: str
    status: int
    response_bytes: int = 0
    request_bytes: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)

    def logged(self, line: int, user_field: str, fallback_id: str) -> LoggedExchange:
        """The exchange, by the user whom ``user_field`` names ("" for nobody). Raises ``MalformedLine``."""
        user_id = self._user(user_field)
        exchange = Exchange(
            status=self.status,
            method=self.method,
            path=self.path,
            request_bytes=self.request_bytes,
            response_bytes=self.response_bytes,
            user_id=user_id,
        )
        id_ = _bounded(self.id, MAX_ID_BYTES, "the request's id") if self.id else fallback_id
        return LoggedExchange(id_, self.time_us, user_id, exchange, line)

    def _user(self, user_field: str) -> str:
        found = present(self.fields.get(user_field.lower(), "")) if user_field else ""
        return _bounded(found, MAX_SUBJECT_BYTES, "the user's name")


def present(text: str) -> str:
    """The text, or "" for what stands for nothing."""
    stripped = text.strip()
    return "" if stripped == ABSENT else stripped


def read_status(text: str) -> int:
    """A status code. Raises ``MalformedLine``: a request without one had no response, and does not count."""
    if not present(text) or set(text) == {"0"}:
        raise MalformedLine("no status: the request got no response")
    if len(text) != 3 or not (text.isascii() and text.isdigit()) or not 100 <= int(text) <= 999:
        raise MalformedLine("the status is no number from 100 to 999")
    return int(text)


def read_count(text: str, name: str) -> int:
    """A number of bytes; 0 where there is none. Raises ``MalformedLine``."""
    found = present(text)
    if not found:
        return 0
    if not (found.isascii() and found.isdigit()) or len(found) > MAX_NUMBER_DIGITS:
        raise MalformedLine(f"{name} is no number of bytes")
    return int(found)


def read_method(text: str) -> str:
    """A method, upper-case. Raises ``MalformedLine``."""
    if not _METHOD.fullmatch(text):
        raise MalformedLine("there is no request method")
    return text.upper()


def read_path(target: str) -> str:
    """The decoded path of a request's target, which may be a whole address. Raises ``MalformedLine``."""
    found = present(target)
    if not found:
        raise MalformedLine("there is no path")
    if not found.startswith("/"):
        try:
            found = urlsplit(found).path or "/"
        except ValueError:
            raise MalformedLine("the path cannot be read") from None
    return well_formed(unquote(found.partition("?")[0]))[:MAX_PATH_CHARACTERS]


def read_time(text: str) -> int:
    """An instant as RFC 3339, as CLF has it, or as seconds or milliseconds since 1970. Raises ``MalformedLine``."""
    if match := _CLF_TIME.fullmatch(text):
        return _clf_time(match)
    if match := _EPOCH.fullmatch(text):
        return _epoch(match)
    try:
        return rfc3339.parse(text.replace(" ", "T", 1))
    except ValueError as error:
        raise MalformedLine(f"the time {error}") from None


def well_formed(text: str) -> str:
    """The text without halves of surrogate pairs, which no JSON can carry."""
    return text.encode("utf-8", "replace").decode()


def split_quoted(line: str) -> Iterator[str]:
    """The parts between spaces; ``"..."`` and ``[...]`` are one part each and lose their marks."""
    at = 0
    while at < len(line):
        if line[at] == " ":
            at += 1
            continue
        closing = {'"': '"', "[": "]"}.get(line[at])
        if closing is None:
            end = line.find(" ", at)
            end = len(line) if end < 0 else end
            yield line[at:end]
            at = end
        else:
            end = _closing(line, closing, at + 1)
            yield line[at + 1 : end]
            at = end + 1


def _closing(line: str, mark: str, start: int) -> int:
    """Where the part ends; a quote after a backslash belongs to it."""
    end = line.find(mark, start)
    while end > start and mark == '"' and line[end - 1] == "\\":
        end = line.find(mark, end + 1)
    if end < 0:
        raise MalformedLine(f"a closing {mark} is missing")
    return end


def _clf_time(match: re.Match[str]) -> int:
    day, month, year, hour, minute, second, sign, offset_hours, offset_minutes = match.groups()
    if month not in _MONTHS:
        raise MalformedLine("the time names no month")
    date = f"{year}-{_MONTHS.index(month) + 1:02d}-{day}T{hour}:{minute}:{second}"
    try:
        return rfc3339.parse(f"{date}{sign}{offset_hours}:{offset_minutes}")
    except ValueError as error:
        raise MalformedLine(f"the time {error}") from None


def _epoch(match: re.Match[str]) -> int:
    whole, fraction = match.groups()
    if len(whole) > _EPOCH_US_DIGITS:
        return int(whole)
    scale = 3 if len(whole) >= _EPOCH_MS_DIGITS else 6
    instant_us: int = int(whole) * 10**scale + int((fraction or "0")[:scale].ljust(scale, "0"))
    if instant_us >= rfc3339.LATEST_US:
        raise MalformedLine("the time lies too far ahead")
    return instant_us


def _bounded(text: str, limit: int, name: str) -> str:
    found = well_formed(text)
    if len(found.encode()) > limit or "\0" in found:
        raise MalformedLine(f"{name} is over {limit} bytes or holds U+0000")
    return found


def utc_time(date: str, time: str) -> int:
    """A date and a time of day in UTC, as CloudFront writes them. Raises ``MalformedLine``."""
    try:
        return from_datetime(datetime.fromisoformat(f"{date}T{time}").replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise MalformedLine("the date and time do not exist") from None
