"""Which HTTP status each error of the domain has, unless a dialect says otherwise."""

from __future__ import annotations

from http import HTTPStatus

from dynameter.errors import (
    AlreadyExists,
    DynameterError,
    Forbidden,
    InvalidInput,
    NotFound,
    NotSupported,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
    VersionConflict,
)

_STATUSES: dict[type[DynameterError], HTTPStatus] = {
    InvalidInput: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    AlreadyExists: HTTPStatus.CONFLICT,
    VersionConflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    NotSupported: HTTPStatus.NOT_IMPLEMENTED,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


def status_of(error: DynameterError) -> HTTPStatus:
    """The status; 500 for what is no error of the domain."""
    known = (_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)
    return next(known, HTTPStatus.INTERNAL_SERVER_ERROR)


def retry_headers(error: DynameterError) -> dict[str, str]:
    """``Retry-After`` where sending the same request again will help."""
    return {"retry-after": str(error.retry_after_s)} if isinstance(error, Unavailable | RateLimited) else {}


def field_path(location: tuple[str | int, ...]) -> str:
    """A field's place inside its part of the request, e.g. ``[3].time`` for ``("body", 3, "time")``."""
    path = ""
    for step in location[1:]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path
