"""A subscription in time: its phases, its periods, its end. Pure.

A phase begins where the durations of the phases before it, counted together from the subscription's start, have
passed: months first, then days, both by the calendar of the time zone, then hours by the clock. So phases of a month
from 31 January begin on 28 February and 31 March, and no two phases begin at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from dynameter.billing.period import Cadence, boundary, period_at, read_cadence
from dynameter.billing.plans.plan import Phase
from dynameter.billing.subscriptions.subscription import Subscription, SubscriptionItem, SubscriptionPhase
from dynameter.clock import HOUR_US
from dynameter.usage.windows import Window


@dataclass(frozen=True, slots=True)
class _Length:
    """Durations added up."""

    months: int = 0
    days: int = 0
    hours: int = 0

    def plus(self, duration: Cadence) -> _Length:
        return _Length(
            self.months + duration.years * 12 + duration.months,
            self.days + duration.weeks * 7 + duration.days,
            self.hours + duration.hours,
        )

    def after(self, start_us: int, zone: str) -> int:
        by_calendar = Cadence(months=self.months, days=self.days)
        moved_us = boundary(start_us, by_calendar, zone, 1) if self.months or self.days else start_us
        return moved_us + self.hours * HOUR_US


def lay_out(
    phases: Sequence[Phase], start_us: int, zone: str, new_id: Callable[[], str]
) -> tuple[SubscriptionPhase, ...]:
    """The phases in force from ``start_us``, edge to edge; without end where the last one has no duration."""
    found: list[SubscriptionPhase] = []
    length = _Length()
    from_us = start_us
    for phase in phases:
        to_us: int | None = None
        if phase.duration is not None:
            length = length.plus(read_cadence(phase.duration))
            to_us = length.after(start_us, zone)
        items = tuple(SubscriptionItem(new_id(), card, from_us, to_us, card.feature_id) for card in phase.rate_cards)
        found.append(
            SubscriptionPhase(
                new_id(), phase.key, phase.name, from_us, to_us, items, phase.description, dict(phase.metadata)
            )
        )
        if to_us is None:
            break
        from_us = to_us
    return tuple(found)


def end_at(subscription: Subscription, end_us: int | None) -> Subscription:
    """The subscription with its end there (None: where its plan has it), its phases cut to it."""
    wanted_us = subscription.planned_to_us if end_us is None else end_us
    return replace(subscription, active_to_us=wanted_us, phases=tuple(_cut(subscription.planned, wanted_us)))


def _cut(phases: Sequence[SubscriptionPhase], end_us: int | None) -> Iterator[SubscriptionPhase]:
    for phase in phases:
        if end_us is None or (phase.active_to_us is not None and phase.active_to_us <= end_us):
            yield phase
        elif phase.active_from_us < end_us:
            items = tuple(replace(item, active_to_us=end_us) for item in phase.items)
            yield replace(phase, active_to_us=end_us, items=items)


def cycle_at(subscription: Subscription, instant_us: int) -> Window:
    """The billing period that the instant lies in, not cut."""
    cadence = read_cadence(subscription.cadence)
    return period_at(subscription.anchor_us, cadence, subscription.time_zone, instant_us)[1]


def current_period(subscription: Subscription, instant_us: int) -> Window | None:
    """The billing period that the instant lies in, cut at the subscription's ends; None where it does not run then."""
    if not is_in_force(subscription, instant_us):
        return None
    cycle = cycle_at(subscription, instant_us)
    end_us = cycle.end_us if subscription.active_to_us is None else min(cycle.end_us, subscription.active_to_us)
    return Window(max(cycle.start_us, subscription.active_from_us), end_us)


def current_phase(subscription: Subscription, instant_us: int) -> SubscriptionPhase | None:
    """The phase in force at the instant."""
    for phase in subscription.phases:
        if phase.active_from_us <= instant_us and (phase.active_to_us is None or instant_us < phase.active_to_us):
            return phase
    return None


def is_in_force(subscription: Subscription, instant_us: int) -> bool:
    """Whether the subscription runs at the instant."""
    ended = subscription.active_to_us is not None and subscription.active_to_us <= instant_us
    return subscription.active_from_us <= instant_us and not ended


def overlap(one: Subscription, other: Subscription) -> bool:
    """Whether there is an instant at which both are in force."""
    start_us = max(one.active_from_us, other.active_from_us)
    ends = [end_us for end_us in (one.active_to_us, other.active_to_us) if end_us is not None]
    return not ends or start_us < min(ends)
