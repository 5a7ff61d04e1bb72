"""A client of the HTTP API: one connection pool, retries with backoff and jitter, exact numbers.

Needs urllib3 and msgspec alone, so programs start fast that only call the service.
"""

from __future__ import annotations

import random as _random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from dynameter import codec
from dynameter.client.refusals import explain

DEFAULT_ATTEMPTS = 5
DEFAULT_TIMEOUT_S = 10.0
BACKOFF_BASE_S = 0.25
BACKOFF_MAX_S = 20.0
RETRY_AFTER_MAX_S = 120.0
"""The longest wait that an answer can impose."""
CONNECTIONS_MAX = 16

_PASSING = frozenset({429, 502, 503, 504})
_NOT_CARRIED_OUT = frozenset({429})
_NOT_MODIFIED = 304
_NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """A 2xx answer, or 304: lower-case headers; ``body`` is decoded JSON (fractions are Decimal), text, or None."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


class ApiError(Exception):
    """The service refused: ``status``, a sentence that names fields and reasons, and the decoded body.

    ``headers`` have lower-case names. ``retry_after_s`` is what the answer asked for, None where it did not.
    """

    def __init__(
        self,
        status: int,
        message: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.headers = headers or {}
        self.status = status
        self.message = message
        self.body = body
        self.retry_after_s = retry_after_s

    @property
    def passing(self) -> bool:
        """Whether the same request may be answered well later."""
        return self.status in _PASSING or self.status == _NO_ANSWER


class ApiUnreachable(ApiError):
    """Nothing answered, or what came is no answer; ``status`` is 0.

    ``unsent`` is true where no connection came about, so that the service cannot have seen the request.
    """

    def __init__(self, message: str, *, unsent: bool = False) -> None:
        super().__init__(_NO_ANSWER, message)
        self.unsent = unsent


class ApiClient:
    """The service at ``url``, called with ``key``. Safe to use from several threads at once."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        attempts: int = DEFAULT_ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = _random.random,
    ) -> None:
        """Raises ValueError for an address that is not http(s), a key that cannot stand in a header, no attempts."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"the address must look like https://host, not {url!r}")
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("the API key must be printable ASCII without spaces")
        if attempts < 1:
            raise ValueError("attempts must be at least 1")
        self.url = url.rstrip("/")
        self._authorization = f"Bearer {key}"
        self._attempts = attempts
        self._sleep = sleep
        self._random = random
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS_MAX, retries=False, timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s)
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> ApiAnswer:
        """Send and answer; ``path`` begins with "/" and is percent-encoded already.

        ``body`` that is neither bytes nor str is encoded as JSON. What passes (429, 502, 503, 504, a broken
        connection) is tried again. A request that must not run twice is not ``repeatable``: it is tried again only
        where the service surely has not carried it out. Raises ``ApiError``, ``ApiUnreachable``.
        """
        target = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        content = _encoded(body)
        sent = {"Accept": "application/json", "Authorization": self._authorization}
        if content is not None:
            sent["Content-Type"] = media_type
        sent.update(headers or {})
        for attempt in range(1, self._attempts + 1):
            try:
                return self._once(method, target, content, sent)
            except ApiError as error:
                if attempt == self._attempts or not _worth_repeating(error, repeatable):
                    raise
                self._sleep(self._pause_s(attempt, error))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def close(self) -> None:
        """Close the connections; the client can be used again and opens new ones."""
        self._pool.clear()

    def _once(self, method: str, target: str, content: bytes | None, headers: Mapping[str, str]) -> ApiAnswer:
        try:
            answer = self._pool.request(method, target, body=content, headers=dict(headers), redirect=False)
            found = ApiAnswer(answer.status, _lower(answer.headers), _decoded(answer))
        except (HTTPError, OSError) as error:
            unsent = isinstance(error, NewConnectionError | ConnectTimeoutError)
            raise ApiUnreachable(f"{self.url} does not answer: {_reason(error)}", unsent=unsent) from None
        if found.status < 300 and found.headers.get("content-type", "").startswith("text/html"):
            raise ApiError(found.status, f"{self.url} answers with a page: it is not the service, or not its address")
        if found.status < 300 or found.status == _NOT_MODIFIED:
            return found
        if found.status < 400:
            # Nothing was carried out there, and a key is not sent on to wherever an answer points.
            where = found.headers.get("location", "elsewhere")
            raise ApiError(found.status, f"{self.url} redirects to {where}: use that address", found.body)
        retry_after_s = _retry_after_s(found.headers.get("retry-after"))
        message = explain(found.status, found.body)
        raise ApiError(found.status, message, found.body, headers=found.headers, retry_after_s=retry_after_s)

    def _pause_s(self, attempt: int, error: ApiError) -> float:
        """Full jitter; on top of what the answer asks for."""
        backoff = min(BACKOFF_MAX_S, BACKOFF_BASE_S * 2.0 ** (attempt - 1)) * self._random()
        return min(error.retry_after_s or 0.0, RETRY_AFTER_MAX_S) + backoff


def _worth_repeating(error: ApiError, repeatable: bool) -> bool:
    if repeatable:
        return error.passing
    return error.status in _NOT_CARRIED_OUT or (isinstance(error, ApiUnreachable) and error.unsent)


def _encoded(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else codec.encode(body)


def _decoded(answer: urllib3.BaseHTTPResponse) -> Any:
    if not answer.data:
        return None
    text = answer.data.decode("utf-8", "replace")
    media_type = answer.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        return text
    try:
        return codec.decode(answer.data)
    except codec.MalformedJson:
        return text


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _retry_after_s(text: str | None) -> float | None:
    """Seconds, or until an HTTP date (RFC 9110, section 10.2.3); None for what is neither."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:6])
    try:
        due_s: float = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, due_s - time.time())


def _reason(error: Exception) -> str:
    """The innermost cause, without the library's object names."""
    cause = error
    while isinstance(inner := getattr(cause, "reason", None) or cause.__cause__, Exception):
        cause = inner
    return getattr(cause, "strerror", None) or str(cause).rpartition(": ")[2] or type(cause).__name__
