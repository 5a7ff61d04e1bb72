"""Money: Decimal amounts in an ISO 4217 currency, and the one rounding rule. Pure.

The rule: the amount of a detailed line is rounded once, to the currency's minor unit, a half away from zero. Totals
are sums of rounded amounts; prices, quantities and everything before that are never rounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache

import iso4217

WORKING = Context(prec=80)
"""Amounts are computed in it: a quantity of 38 digits times a price of 38 digits is exact."""


class UnknownCurrency(ValueError):
    """There is no currency of that code, or none that has a minor unit."""


@lru_cache(maxsize=256)
def minor_digits(code: str) -> int:
    """The digits after the point of a currency (USD 2, JPY 0, KWD 3). Raises ``UnknownCurrency``."""
    try:
        digits = iso4217.Currency(code).exponent
    except ValueError:
        digits = None
    if digits is None or not code.isupper():
        raise UnknownCurrency(code)
    return int(digits)


def round_amount(amount: Decimal, currency: str) -> Decimal:
    """The amount in whole minor units, a half away from zero."""
    return amount.quantize(Decimal(1).scaleb(-minor_digits(currency)), rounding=ROUND_HALF_UP, context=WORKING)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, exact."""
    found = Decimal(0)
    for amount in amounts:
        found = WORKING.add(found, amount)
    return found
