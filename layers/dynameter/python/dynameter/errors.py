"""The errors of the domain. Each dialect maps them to HTTP in one place, its ``problems`` module."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

MAX_MESSAGE_CHARACTERS = 8_192
"""Of an error's message in an answer: it may quote what was sent, and an answer has at most 6 MB."""
MAX_FIELD_CHARACTERS = 1_024
"""Of the message of one wrong field, and of a name in its place."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with the input.

    ``location`` names the field from the outside in, e.g. ``("body", 3, "time")``; its first element is
    ``body``, ``query``, ``path`` or ``header``. ``rule`` is a short machine name (``required``, ``min_length``,
    ``max_length``, ``pattern``, ``enum``, ``type``, ``format``, ``range``, ``unknown``, ...).
    """

    location: tuple[str | int, ...]
    rule: str
    message: str
    input: Any = None
    choices: tuple[str, ...] = ()
    context: dict[str, Any] | None = None


class DynameterError(Exception):
    """Base of every error that this library raises on purpose."""

    def __init__(self, message: str, *, code: str = "", fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.fields = fields

    def shortened(self) -> DynameterError:
        """Itself, with what its texts quote of the request cut to what an answer can hold."""
        self.message = _cut(self.message, MAX_MESSAGE_CHARACTERS)
        self.fields = tuple(map(_cut_field, self.fields))
        return self


def _cut_field(one: FieldError) -> FieldError:
    place = tuple(_cut(step, MAX_FIELD_CHARACTERS) if isinstance(step, str) else step for step in one.location)
    return replace(one, location=place, message=_cut(one.message, MAX_FIELD_CHARACTERS))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


class InvalidInput(DynameterError):
    """The request breaks a rule; ``fields`` says which and why."""


class Unauthenticated(DynameterError):
    """No valid credential came with the request."""


class Forbidden(DynameterError):
    """The credential is valid, but not for this workspace or not for this action."""


class NotFound(DynameterError):
    """What the request names does not exist in the workspace."""


class AlreadyExists(DynameterError):
    """What the request would create is there already, or the state forbids the change."""


class TooLarge(DynameterError):
    """The body, the batch or the answer is over a stated limit."""


class NotSupported(DynameterError):
    """The service knows the request and does not serve it."""


class Unavailable(DynameterError):
    """A dependency did not answer in the time left; the same request may be sent again."""

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message, code="unavailable")
        self.retry_after_s = retry_after_s


class RateLimited(DynameterError):
    """The workspace sends more than its limit; the same request may be sent again later."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message, code="rate_limited")
        self.retry_after_s = retry_after_s


class VersionConflict(DynameterError):
    """Somebody else changed the thing between read and write."""
