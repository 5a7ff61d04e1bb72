"""What a limit is, and the constant that it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module

from dynameter.clock import MICROSECONDS, render

DAY_US = 86_400 * MICROSECONDS


def plainly(value: int | Decimal) -> str:
    """Digits in groups of three; a great power of ten as one."""
    digits = f"{value:,}"
    zeros = len(digits.replace(",", "")) - 1
    return f"10^{zeros}" if zeros >= 9 and set(digits) <= set("10,") and digits.count("1") == 1 else digits


def as_days(value: int | Decimal) -> str:
    """Microseconds as whole days."""
    return f"{int(value) // DAY_US} days"


def as_seconds(value: int | Decimal) -> str:
    """Microseconds as whole seconds."""
    return f"{int(value) // MICROSECONDS} s"


def as_instant(value: int | Decimal) -> str:
    """Microseconds since the epoch as RFC 3339 text."""
    return render(int(value))


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: ``constant`` is ``module:NAME`` inside the library, ``past`` what a caller is told past it."""

    what: str
    constant: str
    past: int | str
    unit: str = ""
    show: Callable[[int | Decimal], str] = plainly

    @property
    def module(self) -> str:
        """The module's full name."""
        return "dynameter." + self.constant.partition(":")[0]

    @property
    def name(self) -> str:
        """The constant's name."""
        return self.constant.partition(":")[2]

    @property
    def value(self) -> int:
        """What the code says."""
        return int(getattr(import_module(self.module), self.name))

    @property
    def row(self) -> str:
        """The limit as a row of docs/limits.md."""
        amount = f"{self.show(self.value)} {self.unit}".strip()
        place = self.constant.partition(":")[0].replace(".", "/")
        return f"| {self.what} | {amount} | {self.past} | `{place}` |"
