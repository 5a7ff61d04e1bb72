"""Options that several commands share, and how texts of the command line become values."""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import click

from dynameter import codec, rfc3339
from dynameter.cli.session import Session
from dynameter.cli.settings import Place
from dynameter.clock import MICROSECONDS, render

F = TypeVar("F", bound=Callable[..., Any])

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_MAX_DIGITS = 9


def service_options(command: F) -> F:
    """``--url --key --workspace --profile --json`` on a command; each goes into the session."""
    for decorate in (
        _session_option("--json", "Answer as JSON, for programs.", is_flag=True),
        _session_option("--profile", "A profile of the settings file."),
        _session_option("--workspace", "The workspace's id."),
        _session_option("--key", "The API key; others may see it in the list of processes."),
        _session_option("--url", "The service's address."),
    ):
        command = decorate(command)
    return command


def _session_option(name: str, help_: str, **more: Any) -> Callable[[F], F]:
    def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        session = context.find_object(Session)
        if not value or session is None or parameter.name is None:
            return
        if parameter.name == "as_json":
            session.output.json = True
        elif parameter.name == "profile":
            session.profile = value
        else:
            session.options = Place(**{parameter.name: value}).over(session.options)

    names = [name, "as_json"] if name == "--json" else [name]
    return click.option(*names, help=help_, callback=keep, expose_value=False, **more)


def confirm_deletion(session: Session, what: str, sure: bool) -> None:
    """Ask on a terminal whether to delete; programs are not asked. Raises click.Abort for a no."""
    if not sure and not session.output.json and sys.stdin.isatty():
        click.confirm(f"Delete {what}?", abort=True, err=True)


def yes_option(command: F) -> F:
    """``--yes`` on a command that deletes."""
    return click.option("--yes", "sure", is_flag=True, help="Do not ask.")(command)


class DecimalText(click.ParamType[Decimal, Any]):
    """A number, kept digit for digit."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        if isinstance(value, Decimal):
            return value
        try:
            number = codec.decode(value)
        except codec.MalformedJson:
            number = None
        if isinstance(number, bool) or not isinstance(number, int | Decimal):
            self.fail(f"{value!r} is no number", param, ctx)
        return Decimal(number)


class JsonText(click.ParamType[Any, Any]):
    """JSON: the text itself, ``@FILE``, or ``-`` for standard input. Numbers keep their digits."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return codec.decode(read_text(value))
        except codec.MalformedJson as error:
            self.fail(f"no JSON: {error}", param, ctx)
        except (OSError, UnicodeDecodeError) as error:
            self.fail(str(error), param, ctx)


def read_text(value: str) -> str:
    """The text, or of ``@FILE`` the file's, or of ``-`` standard input's. Raises OSError, UnicodeDecodeError."""
    if value == "-":
        return sys.stdin.read()
    return Path(value[1:]).read_text(encoding="utf-8") if value.startswith("@") else value


class Instant(click.ParamType[str, Any]):
    """An instant: RFC 3339, a date (midnight UTC), ``now``, or so long ago as ``30m``, ``24h``, ``7d``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        session = ctx.find_object(Session) if ctx else None
        now_us = session.clock.now_us() if session else 0
        try:
            return parse_instant(str(value), now_us)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)


def parse_instant(text: str, now_us: int) -> str:
    """RFC 3339 of what a person wrote; see ``Instant``. Raises ValueError with a reason."""
    if text == "now":
        return render(now_us)
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS and number.isascii() and number.isdigit() and len(number) <= _MAX_DIGITS:
        ago_us = int(number) * _UNITS[unit] * MICROSECONDS
        return render(max(now_us - ago_us, rfc3339.EARLIEST_US))
    if len(text) == len("2026-01-14"):
        return render(rfc3339.parse(f"{text}T00:00:00Z"))
    rfc3339.parse(text)
    return text


class Pair(click.ParamType[tuple[str, str], Any]):
    """``NAME=VALUE``; without ``=`` the value is made of the name by ``default``."""

    name = "name=value"

    def __init__(self, default: Callable[[str], str] | None = None) -> None:
        self._default = default

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, found, text = value.partition("=")
        if not name or not (found or self._default):
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        return name, text if found or self._default is None else self._default(name)


class CommaList(click.ParamType[list[str], Any]):
    """Texts divided by commas; an empty text is an empty list."""

    name = "a,b,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:  # noqa: ARG002
        return (
            list(value) if isinstance(value, list | tuple) else [one.strip() for one in value.split(",") if one.strip()]
        )


def given(**attributes: Any) -> dict[str, Any]:
    """The attributes that were given on the command line."""
    return {name: value for name, value in attributes.items() if value is not None}
