"""Reading single query parameters, each refusal naming the parameter."""

from __future__ import annotations

from dynameter import rfc3339
from dynameter.errors import FieldError, InvalidInput
from dynameter.http.message import Request

_FLAGS = {"true": True, "false": False}
_MAX_DIGITS = 9
_SHOWN_CHARACTERS = 64


def read_choice(request: Request, name: str, choices: tuple[str, ...], default: str) -> str:
    """The parameter, one of ``choices``."""
    text = _last(request, name)
    if text is None:
        return default
    if text not in choices:
        raise refuse_parameter(name, "enum", f"must be one of {', '.join(choices)}", text, choices)
    return text


def read_flag(request: Request, name: str, default: bool = False) -> bool:
    """The parameter as true or false."""
    text = _last(request, name)
    if text is None:
        return default
    if text not in _FLAGS:
        raise refuse_parameter(name, "type", "must be true or false", text)
    return _FLAGS[text]


def read_whole(request: Request, name: str, default: int, least: int, most: int) -> int:
    """The parameter as a whole number from ``least`` to ``most``."""
    text = _last(request, name)
    if text is None:
        return default
    well_formed = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    if not well_formed or not least <= int(text) <= most:
        raise refuse_parameter(name, "range", f"must be a whole number from {least} to {most}", text)
    return int(text)


def read_instant(request: Request, name: str) -> int | None:
    """The parameter as microseconds since the epoch; None where it is absent."""
    text = _last(request, name)
    if text is None:
        return None
    try:
        return rfc3339.parse(text)
    except ValueError as error:
        raise refuse_parameter(name, "format", str(error), text) from None


def refuse_parameter(
    name: str, rule: str, message: str, given: str | None = None, choices: tuple[str, ...] = ()
) -> InvalidInput:
    """The error for a wrong query parameter."""
    shown = None if given is None else given[:_SHOWN_CHARACTERS]
    field = FieldError(("query", name[:_SHOWN_CHARACTERS]), rule, message, shown, choices)
    return InvalidInput(f"invalid query parameter {name[:_SHOWN_CHARACTERS]}: {message}", fields=(field,))


def _last(request: Request, name: str) -> str | None:
    values = request.query_values(name)
    return values[-1] if values else None
