"""Who sends a request. Nothing a client can choose freely is trusted by default: without ``identify`` it is nobody."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dynameter.events.rules import MAX_SUBJECT_BYTES

_log = logging.getLogger("dynameter.middleware")


@dataclass(frozen=True, slots=True)
class Caller:
    """The user, and what expressions may ask about: ``planID`` and ``keyID``."""

    user_id: str
    plan_id: str = ""
    key_id: str = ""


Identify = Callable[[Any], "Caller | str | None"]
"""Given the ASGI scope, the WSGI environ or the Powertools event; None where it cannot say."""

NOBODY = Caller("")


def nobody(_request: Any) -> None:
    """The default: every request is anonymous."""


def scope_header(name: str) -> Identify:
    """ASGI: the user is what a header says; only behind a proxy that sets it."""
    wanted = name.lower().encode("latin-1")

    def identify(scope: Mapping[str, Any]) -> str | None:
        return next((value.decode("latin-1") for key, value in scope["headers"] if key.lower() == wanted), None)

    return identify


def scope_state(name: str) -> Identify:
    """ASGI: what the app, or a middleware within this one, put into ``scope["state"]`` (``request.state``)."""

    def identify(scope: Mapping[str, Any]) -> str | None:
        state = scope.get("state")
        found = state.get(name) if isinstance(state, Mapping) else getattr(state, name, None)
        return None if found is None else str(found)

    return identify


def environ_header(name: str) -> Identify:
    """WSGI: the user is what a header says; only behind a proxy that sets it."""
    return environ_value("HTTP_" + name.upper().replace("-", "_"))


def environ_value(name: str) -> Identify:
    """WSGI: an entry of the environ, such as ``REMOTE_USER``."""

    def identify(environ: Mapping[str, Any]) -> str | None:
        found = environ.get(name)
        return None if found is None else str(found)

    return identify


def event_authorizer(name: str) -> Identify:
    """Powertools: what API Gateway's authorizer found, a key of a Lambda authorizer's context or a claim of a JWT."""

    def identify(event: Any) -> str | None:
        authorizer = (event.raw_event.get("requestContext") or {}).get("authorizer") or {}
        claims = (authorizer.get("jwt") or {}).get("claims") or authorizer.get("claims") or {}
        found = next((one[name] for one in (authorizer.get("lambda") or {}, claims, authorizer) if name in one), None)
        return None if found is None else str(found)

    return identify


def event_header(name: str) -> Identify:
    """Powertools: the user is what a header says; only behind a proxy that sets it."""
    wanted = name.lower()

    def identify(event: Any) -> str | None:
        return next((value for key, value in (event.headers or {}).items() if key.lower() == wanted), None)

    return identify


def who(identify: Identify, request: Any) -> Caller | None:
    """The caller; None where ``identify`` cannot say, fails, or names one that no event can have as its subject."""
    try:
        found: Any = identify(request)
    except Exception:
        _log.exception("identify failed; the request counts as anonymous")
        return None
    caller = Caller(found) if isinstance(found, str) else found
    if caller is None:
        return None
    # Of anything but text, a number say, no event could be made, and the request would not count at all.
    user_id = caller.user_id if isinstance(caller, Caller) else None
    if not isinstance(user_id, str):
        _log.warning("identify must answer text, a Caller or None; the request counts as anonymous")
        return None
    if not user_id:
        return None
    try:
        fits = len(user_id.encode()) <= MAX_SUBJECT_BYTES and "\0" not in user_id
    except UnicodeEncodeError:
        fits = False
    if not fits:
        _log.warning("identify named a user of over %d bytes or no text; it counts as anonymous", MAX_SUBJECT_BYTES)
        return None
    if isinstance(caller.plan_id, str) and isinstance(caller.key_id, str):
        return caller
    return Caller(user_id, _as_text(caller.plan_id), _as_text(caller.key_id))


def _as_text(value: object) -> str:
    return "" if value is None else str(value)
