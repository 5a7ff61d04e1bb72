"""What a subscription's next invoices will hold, from its ledger and the usage of the moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from decimal import Decimal
from itertools import groupby
from typing import Protocol

from dynameter.billing.customers.customer import Customer
from dynameter.billing.features.feature import Feature
from dynameter.billing.invoicing.charges import Charge, ChargeKey, schedule
from dynameter.billing.invoicing.invoice import NOTHING, Invoice, Line
from dynameter.billing.invoicing.ledger import Ledger, credit_of, find_changed, fold, line_of
from dynameter.billing.subscriptions.subscription import Subscription
from dynameter.billing.subscriptions.timeline import cycle_at
from dynameter.deadline import carry


class Features(Protocol):
    """What is needed of ``dynameter.billing.features.service.FeatureService``."""

    def get(self, workspace: str, feature_id: str) -> Feature:
        """The feature of that id, archived or not. Raises NotFound."""


class Metering(Protocol):
    """What is needed of ``dynameter.billing.metering.BillingUsage``."""

    def of(self, workspace: str, feature: Feature, customer: Customer, from_us: int, to_us: int) -> Decimal:
        """The usage of a range."""

    def is_exact(self, from_us: int, to_us: int) -> bool:
        """Whether the range can still be counted to the microsecond."""

    def is_additive(self, workspace: str, feature: Feature) -> bool:
        """Whether the usage of a range is the sum of the usage of its parts."""


class Draft:
    """One subscription's lines to come; ``invoices`` are all it has, with their lines."""

    def __init__(
        self,
        subscription: Subscription,
        customer: Customer,
        invoices: Sequence[Invoice],
        features: Features,
        metering: Metering,
        pool: Executor,
    ) -> None:
        self._subscription = subscription
        self._customer = customer
        self._invoices = invoices
        self._ledger: Ledger = fold(invoices)
        # When something of a charge was voided last, and when it was billed last by an invoice that stands.
        self._voided: dict[ChargeKey, int] = {}
        self._billed: dict[ChargeKey, int] = {}
        for each in invoices:
            void_us = each.voided_at_us
            latest, at_us = (self._billed, each.created_at_us) if void_us is None else (self._voided, void_us)
            for one in each.lines or ():
                latest[one.charge] = max(at_us, latest.get(one.charge, at_us))
        self._features = features
        self._metering = metering
        self._pool = pool
        self._known: dict[str, Feature] = {}

    def waiting(self, as_of_us: int) -> tuple[tuple[Charge, ...], ...]:
        """The charges due by the instant that no invoice holds, those of one due together, in the order of dues."""
        charges = schedule(self._subscription, as_of_us + 1)
        waiting = [one for one in charges if one.due_us <= as_of_us and one.key not in self._ledger]
        return tuple(tuple(group) for _, group in groupby(waiting, key=lambda one: one.due_us))

    def late(self, as_of_us: int) -> tuple[Line, ...]:
        """What came to billed charges, or went, since they were billed."""
        billed = (one.period.start_us for each in self._invoices for one in each.lines or ())
        return self._late(schedule(self._subscription, max(as_of_us, *billed, 0) + 1))

    def lines(self, charges: Iterable[Charge]) -> tuple[Line, ...]:
        """A line for each of the charges."""
        return tuple(self._pool.map(carry(self.line), charges))

    def gathering(self, now_us: int) -> tuple[Line, ...]:
        """All lines that the invoices up to the end of the present billing period would have, and live usage."""
        waiting = [one for one in self.charges(now_us) if one.key not in self._ledger]
        return (*self.late(now_us), *self.lines(waiting))

    def charges(self, now_us: int) -> tuple[Charge, ...]:
        """Every charge that has begun, or is due by the end of the present billing period."""
        horizon_us = cycle_at(self._subscription, now_us).end_us
        charges = schedule(self._subscription, horizon_us + 1)
        return tuple(one for one in charges if one.period.start_us <= now_us or one.due_us <= horizon_us)

    @property
    def is_reopened(self) -> bool:
        """Whether an invoice was voided since the last one was made that stands: what it billed is due at once."""
        voided = [one.voided_at_us for one in self._invoices if one.voided_at_us is not None]
        standing = (one.created_at_us for one in self._invoices if one.voided_at_us is None)
        return bool(voided) and max(voided) >= max(standing, default=0)

    @property
    def ledger(self) -> Ledger:
        """What is billed."""
        return self._ledger

    def _late(self, charges: Sequence[Charge]) -> tuple[Line, ...]:
        open_ = [one for one in charges if not self._is_settled(one)]
        changed = find_changed(open_, self._ledger, self._voided, self._measure, self._is_additive)
        currency = self._subscription.currency
        lines = [line_of(charge, metered, currency, self._ledger) for charge, metered in changed]
        return (*self._gone(charges), *(one for one in lines if one.figures != NOTHING))

    def _gone(self, charges: Sequence[Charge]) -> list[Line]:
        """Credits for what was billed and, since the subscription was changed for the past, is no charge any more."""
        there = {one.key for one in charges}
        newest: dict[ChargeKey, Line] = {one.charge: one for each in self._invoices for one in each.lines or ()}
        return [
            credit_of(newest[key], billed)
            for key, billed in self._ledger.items()
            if key not in there and billed != NOTHING
        ]

    def line(self, charge: Charge) -> Line:
        """What the charge comes to now, less what is billed of it."""
        metered = Decimal(0)
        if charge.is_metered:
            metered = self._measure(charge, charge.period.start_us, charge.period.end_us)
        return line_of(charge, metered, self._subscription.currency, self._ledger)

    def _measure(self, charge: Charge, from_us: int, to_us: int) -> Decimal:
        feature = self._feature(charge)
        return self._metering.of(self._subscription.workspace, feature, self._customer, from_us, to_us)

    def _is_settled(self, charge: Charge) -> bool:
        """Whether it was billed from events that are kept no more: it could only be counted worse than it was."""
        if not charge.is_metered or self._metering.is_exact(charge.period.start_us, charge.period.end_us):
            return False
        return self._voided.get(charge.key, -1) < self._billed.get(charge.key, -1)

    def _is_additive(self, charge: Charge) -> bool:
        return self._metering.is_additive(self._subscription.workspace, self._feature(charge))

    def _feature(self, charge: Charge) -> Feature:
        feature_id = charge.item.feature_id
        assert feature_id is not None
        if feature_id not in self._known:
            self._known[feature_id] = self._features.get(self._subscription.workspace, feature_id)
        return self._known[feature_id]
