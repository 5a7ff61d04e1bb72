"""Verifies API keys for API Gateway: a Lambda authorizer with payload 2.0 and simple responses.

It answers before every request whose key is not cached, so it imports little and reads one item.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from dynameter.access.key import KEY_CHARS_MAX
from dynameter.access.service import AccessService, Refusal
from dynameter.access.store import KeyStore
from dynameter.clock import MICROSECONDS, SystemClock
from dynameter.deadline import end_of_invocation, within
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.observability import logger
from dynameter.runtime.settings import Settings

CLOCK = SystemClock()
RESERVE_US = 5 * MICROSECONDS
"""Kept back of API Gateway's 10 s: a caller is told early that its key cannot be verified, and sends again."""

_LAMBDA_MARKS = ("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_RUNTIME_API")
"""Set by Lambda in every function and reserved, so no template can unset them: here dm_local_admin is no key."""

_HEADER_CHARS_MAX = KEY_CHARS_MAX + 32
_BEARER = re.compile(r"\s*bearer +(\S+)\s*", re.ASCII | re.IGNORECASE)


@lru_cache(maxsize=1)
def access() -> AccessService:
    """The service, made once a cold start."""
    settings = Settings.from_env(os.environ)
    on_lambda = any(os.environ.get(mark) for mark in _LAMBDA_MARKS)
    store = KeyStore(create_client(settings, read_timeout_s=1), settings.catalog_table, CLOCK)
    return AccessService(store, CLOCK, secrets.token_bytes, local_key=not on_lambda)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Say whether the request's key is good, and for which workspace and scopes.

    No input raises. A fault of storage does, on purpose: API Gateway then answers 500, which a client retries, and
    keeps nothing; a denial in its place would be remembered and lock a good key out after storage is back.
    """
    text = _bearer(event)
    if text is None:
        _log_refusal(Refusal.MALFORMED, "")
        return _denied()
    with within(end_of_invocation(context, CLOCK, RESERVE_US), CLOCK):
        principal = access().verify(text, _log_refusal)
    if principal is None:
        return _denied()
    granted = {
        "workspace": principal.workspace,
        "scopes": " ".join(sorted(principal.scopes)),
        "key_id": principal.key_id,
    }
    return {"isAuthorized": True, "context": granted}


def _denied() -> dict[str, Any]:
    return {"isAuthorized": False, "context": {}}


def _bearer(event: Mapping[str, Any]) -> str | None:
    """The credential of ``Authorization: Bearer``, taken from the identity source that API Gateway caches by."""
    source = event.get("identitySource")
    value = source[0] if isinstance(source, list) and source else None
    if value is None:
        headers = event.get("headers")
        value = headers.get("authorization") if isinstance(headers, Mapping) else None
    if not isinstance(value, str) or len(value) > _HEADER_CHARS_MAX:
        return None
    match = _BEARER.fullmatch(value)
    return match[1] if match else None


def _log_refusal(reason: Refusal, key_id: str) -> None:
    logger.info("key refused", extra={"reason": reason.value, "key_id": key_id})
