"""Charges: the parts of a subscription that become lines, one a priced item and service period. Pure.

Service periods repeat the rate card's cadence from the subscription's anchor, and are cut where the item begins and
ends. A charge is due at the end of the billing period that its service period ends in, at the latest at the
subscription's end; a flat fee in advance is due when its service period begins. A flat fee of a cut service period is
that part of it, unless the subscription says no to pro rating. A one-time fee has one service period:
what is left of the billing period it begins in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from dynameter.billing.period import boundary, period_at, read_cadence
from dynameter.billing.plans.plan import PaymentTerm
from dynameter.billing.pricing.money import WORKING, round_amount
from dynameter.billing.pricing.price import FlatPrice, Price
from dynameter.billing.subscriptions.subscription import Subscription, SubscriptionItem
from dynameter.billing.subscriptions.timeline import cycle_at
from dynameter.errors import TooLarge
from dynameter.usage.windows import Window

MAX_CHARGES = 20_000
"""Charges of one subscription, over all its life."""


@dataclass(frozen=True, slots=True, order=True)
class ChargeKey:
    """Which charge of a subscription: the item and the number of its service period."""

    item_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge. ``period`` is ``whole`` cut to the item's life; ``price`` is the rate card's, a flat one pro rata."""

    key: ChargeKey
    item: SubscriptionItem
    phase_id: str
    price: Price
    period: Window
    whole: Window
    due_us: int

    @property
    def is_metered(self) -> bool:
        """Whether it is priced by usage."""
        return self.item.feature_id is not None and not isinstance(self.price, FlatPrice)


def schedule(subscription: Subscription, horizon_us: int) -> tuple[Charge, ...]:
    """Every charge whose service period begins before the horizon, in the order they are due.

    Raises TooLarge past ``MAX_CHARGES``.
    """
    calendar = _Calendar(subscription)
    found: list[Charge] = []
    for phase in subscription.phases:
        for item in phase.items:
            if item.rate_card.price is None:
                continue
            for charge in calendar.charges(phase.id, item, horizon_us):
                found.append(charge)
                if len(found) > MAX_CHARGES:
                    message = f"the subscription has more than {MAX_CHARGES} charges; use longer billing cadences"
                    raise TooLarge(message, code="too_many_charges")
    # Stable: charges of one instant stay in the plan's order.
    return tuple(sorted(found, key=lambda one: (one.due_us, one.period.start_us)))


class _Calendar:
    """The periods of one subscription."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._last = Window(0, 0)

    def billing(self, instant_us: int) -> Window:
        """The billing period that the instant lies in."""
        if not self._last.start_us <= instant_us < self._last.end_us:
            self._last = cycle_at(self._subscription, instant_us)
        return self._last

    def charges(self, phase_id: str, item: SubscriptionItem, horizon_us: int) -> Iterator[Charge]:
        """The charges of one item."""
        subscription = self._subscription
        life = Window(
            max(item.active_from_us, subscription.active_from_us), _end(item.active_to_us, subscription.active_to_us)
        )
        for number, whole in self._periods(item, life.start_us):
            period = Window(max(whole.start_us, life.start_us), min(whole.end_us, life.end_us))
            if period.start_us >= min(period.end_us, horizon_us):
                return
            price = self._price(item, period, whole)
            yield Charge(ChargeKey(item.id, number), item, phase_id, price, period, whole, self._due(item, period))

    def _periods(self, item: SubscriptionItem, start_us: int) -> Iterator[tuple[int, Window]]:
        if item.rate_card.cadence is None:
            yield 0, self.billing(start_us)
            return
        anchor_us, zone = self._subscription.anchor_us, self._subscription.time_zone
        cadence = read_cadence(item.rate_card.cadence)
        number, whole = period_at(anchor_us, cadence, zone, start_us)
        while True:
            yield number, whole
            number += 1
            whole = Window(whole.end_us, boundary(anchor_us, cadence, zone, number + 1))

    def _price(self, item: SubscriptionItem, period: Window, whole: Window) -> Price:
        """A flat fee of a cut service period is due for the part that is left, by its length."""
        price = item.rate_card.price
        assert price is not None
        is_cut = period != whole and item.rate_card.cadence is not None
        if not (isinstance(price, FlatPrice) and is_cut and self._subscription.pro_rating):
            return price
        left = WORKING.multiply(price.amount, Decimal(period.end_us - period.start_us))
        share = WORKING.divide(left, Decimal(whole.end_us - whole.start_us))
        return FlatPrice(round_amount(share, self._subscription.currency))

    def _due(self, item: SubscriptionItem, period: Window) -> int:
        card = item.rate_card
        if isinstance(card.price, FlatPrice) and card.payment_term is PaymentTerm.IN_ADVANCE:
            return period.start_us
        return min(self.billing(period.end_us - 1).end_us, _end(self._subscription.active_to_us))


_NEVER_US = 1 << 62


def _end(*ends_us: int | None) -> int:
    return min((one for one in ends_us if one is not None), default=_NEVER_US)
