"""Asking a user's quota before a request is served. Where no answer comes in time, the request is served."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TimedOut
from dataclasses import dataclass, field
from threading import Lock

from dynameter import codec
from dynameter.client.api import ApiClient, ApiError
from dynameter.middleware.settings import MeteringSettings

PAYMENT_REQUIRED = 402
MEDIA_TYPE = "application/vnd.api+json"
USERS_MAX = 10_000
"""Users whose answers are remembered."""
FAILURE_CACHE_S = 1.0
"""How long nobody asks again after no answer came: an outage must not slow every request down."""
ASKING_MAX = 8
WAITING_MAX = 1_000
"""Questions that wait for an answer. Where more come than a slow service answers, the rest is served unasked."""

_PREFIX = "x-quota-"
_REFUSED_KEY = frozenset({401, 403})
_RETRY_AFTER = "retry-after"
_log = logging.getLogger("dynameter.middleware")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the request may be served; the headers for its response, and the body where it may not."""

    allowed: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


UNKNOWN = Verdict()
_Question = tuple[str, str]


class QuotaGate:
    """Answers are remembered for ``quota_cache_s``: that much a user may run past a limit."""

    def __init__(self, client: ApiClient, settings: MeteringSettings) -> None:
        self._client = client
        self._settings = settings
        self._path = f"/v1/{settings.workspace}/quota/check"
        self._lock = Lock()
        self._known: OrderedDict[_Question, tuple[Verdict, float]] = OrderedDict()
        self._asked: dict[_Question, Future[Verdict]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._silent_until = 0.0
        """Until then nothing is asked, whoever it is about: the service gave no answer just now."""

    def ask(self, user_id: str, route_id: str) -> Verdict | Future[Verdict]:
        """What is known, or will be; the same question is asked once at a time."""
        question = (user_id, route_id)
        with self._lock:
            known = self._known.get(question)
            if known is not None and known[1] > time.monotonic():
                return known[0]
            future = self._asked.get(question)
            if future is None:
                if time.monotonic() < self._silent_until or len(self._asked) >= WAITING_MAX:
                    return UNKNOWN
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(ASKING_MAX, thread_name_prefix="dynameter-quota")
                future = self._asked[question] = self._pool.submit(self._ask, question)
            return future

    def check(self, user_id: str, route_id: str) -> Verdict:
        """The same, waiting no longer than ``quota_timeout_s``. Never raises."""
        try:
            found = self.ask(user_id, route_id)
            return found if isinstance(found, Verdict) else found.result(self._settings.quota_timeout_s)
        except TimedOut:
            return UNKNOWN
        except Exception:
            _log.exception("the quota could not be asked; the request is served")
            return UNKNOWN

    def close(self) -> None:
        """Let go of connections and threads; both come back when they are needed."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)
        self._client.close()

    def _ask(self, question: _Question) -> Verdict:
        verdict, good_s = UNKNOWN, FAILURE_CACHE_S
        try:
            verdict, good_s = self._fetch(question), self._settings.quota_cache_s
        except ApiError as error:
            _log.warning("the quota is unknown, requests are served: %s", error)
            if error.passing or error.status in _REFUSED_KEY:
                self._silent_until = time.monotonic() + FAILURE_CACHE_S
        finally:
            with self._lock:
                self._known[question] = (verdict, time.monotonic() + good_s)
                self._known.move_to_end(question)
                while len(self._known) > USERS_MAX:
                    self._known.popitem(last=False)
                self._asked.pop(question, None)
        return verdict

    def _fetch(self, question: _Question) -> Verdict:
        user_id, route_id = question
        body = {"user_id": user_id, **({"route_id": route_id} if route_id else {})}
        try:
            answer = self._client.request("POST", self._path, body=body)
        except ApiError as error:
            if error.status != PAYMENT_REQUIRED:
                raise
            return Verdict(False, _standing(error.headers), codec.encode(error.body))
        return Verdict(True, _standing(answer.headers))


def _standing(headers: Mapping[str, str]) -> dict[str, str]:
    """What an answer's headers tell of the quota."""
    return {name: value for name, value in headers.items() if name.startswith(_PREFIX) or name == _RETRY_AFTER}
