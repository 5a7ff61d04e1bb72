"""From changes of usage rows to crossings.

Whoever changes a row brings a look at what its customer used, after the change, by strongly consistent reads. So the
change that reaches a threshold is seen by its own look or by a later one, in whatever order the changes come and
however often.

A period that has ended is looked at once more for a day: what was used just before its end may come just after it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from dynameter.billing.customers.customer import Customer
from dynameter.billing.features.feature import Feature
from dynameter.billing.metering import NotCountedYet
from dynameter.billing.thresholds.crossing import Crossing, Standing, find_crossings
from dynameter.billing.thresholds.rule import Rule
from dynameter.billing.thresholds.touch import Touch
from dynameter.clock import HOUR_US, Clock
from dynameter.deadline import carry
from dynameter.errors import NotFound, Unavailable

GRACE_US = 24 * HOUR_US
"""How long after its end a period is still looked at."""
WORKERS = 8
"""Standings looked at at the same time."""
MAX_KNOWN = 50_000
"""Crossings that this process remembers to have stored."""


class Rules(Protocol):
    """What is needed of ``dynameter.billing.thresholds.store.RuleCache``."""

    def load(self, workspaces: Collection[str]) -> Mapping[str, tuple[Rule, ...]]:
        """The rules of each workspace that has any in force."""


class Crossings(Protocol):
    """What is needed of ``dynameter.billing.thresholds.store.ThresholdStore``."""

    def record(self, crossing: Crossing) -> bool:
        """Keep the crossing unless it is known; whether it is new."""


class Customers(Protocol):
    """What is needed of ``dynameter.billing.customers.service.CustomerService``."""

    def owners(self, workspace: str, subjects: Collection[str]) -> Mapping[str, str]:
        """The ids of the live customers that these subjects belong to, by subject."""

    def get(self, workspace: str, customer_id: str) -> Customer:
        """The customer of that id. Raises NotFound."""


class Features(Protocol):
    """What is needed of ``dynameter.billing.features.service.FeatureService``."""

    def get(self, workspace: str, feature_id: str) -> Feature:
        """The feature of that id, archived or not. Raises NotFound."""

    def list(self, workspace: str) -> tuple[Feature, ...]:
        """Every live feature."""


class Standings(Protocol):
    """What is needed of ``dynameter.billing.thresholds.standing.Standings``."""

    def at(self, customer: Customer, feature: Feature, instant_us: int, until_us: int | None = None) -> Standing:
        """The standing in the period that the instant lies in, cut at ``until_us``."""


ReportFault = Callable[[Customer, Feature, Exception], None]


@dataclass
class Outcome:
    """What a batch of changes led to: standings looked at, new crossings, standings that could not be looked at."""

    standings: int = 0
    crossings: int = 0
    faults: int = 0

    def add(self, other: Outcome) -> None:
        """Count in what another found."""
        self.standings += other.standings
        self.crossings += other.crossings
        self.faults += other.faults


@dataclass(frozen=True)
class _Use:
    """A customer's use of a feature, changed in hours of which ``hour`` is the first."""

    customer: Customer
    feature: Feature
    hour: int


@dataclass
class Evaluator:
    """Looks at what changed. A fault of one standing is reported and stops no other; storage that fails raises."""

    rules: Rules
    customers: Customers
    features: Features
    standings: Standings
    crossings: Crossings
    clock: Clock
    report_fault: ReportFault
    _known: set[str] = field(default_factory=set)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WORKERS, "thresholds"))

    def process(self, touches: Iterable[Touch]) -> Outcome:
        """Find and keep all crossings. Raises Unavailable; the same touches, or later ones, then find the rest."""
        outcome = Outcome()
        by_workspace: dict[str, list[Touch]] = {}
        for touch in touches:
            by_workspace.setdefault(touch.workspace, []).append(touch)
        for workspace, rules in self.rules.load(sorted(by_workspace)).items():
            uses = list(self._uses(workspace, rules, by_workspace[workspace]))
            look = carry(lambda use, rules=rules: self._try(use, rules))
            # All of them are waited for: nothing may outlive the invocation.
            for found in list(self._pool.map(look, uses)):
                if isinstance(found, Unavailable):
                    raise found
                outcome.add(found)
        return outcome

    def _try(self, use: _Use, rules: Sequence[Rule]) -> Outcome | Unavailable:
        outcome = Outcome()
        try:
            self._look(use, rules, outcome)
        except Exception as error:
            if isinstance(error, Unavailable) and not isinstance(error, NotCountedYet):
                return error
            # A query past its limits, a meter that is being rebuilt, or a bug: nothing that others, or the stream,
            # should wait for.
            outcome.faults += 1
            self.report_fault(use.customer, use.feature, error)
        return outcome

    def _uses(self, workspace: str, rules: Sequence[Rule], touches: Sequence[Touch]) -> Iterator[_Use]:
        features = self._features(workspace, rules, {touch.meter_id for touch in touches})
        meters = {feature.meter_id for feature in features}
        wanted = [touch for touch in touches if touch.meter_id in meters]
        owners = self.customers.owners(workspace, {touch.subject for touch in wanted}) if wanted else {}
        hours: dict[tuple[str, str], int] = {}
        for touch in wanted:
            owner = owners.get(touch.subject)
            if owner is not None:
                place = (owner, touch.meter_id)
                hours[place] = min(touch.hour, hours.get(place, touch.hour))
        for (owner, meter_id), hour in sorted(hours.items()):
            chosen = [
                one
                for one in features
                if one.meter_id == meter_id and any(rule.applies_to(owner, one.id) for rule in rules)
            ]
            customer = self._customer(workspace, owner) if chosen else None
            if customer is not None:
                yield from (_Use(customer, feature, hour) for feature in chosen)

    def _features(self, workspace: str, rules: Sequence[Rule], meters: Collection[str]) -> list[Feature]:
        """The features of these meters that the rules are about."""
        if any(not rule.features for rule in rules):
            found = {one.id: one for one in self.features.list(workspace)}
        else:
            found = {}
        for feature_id in sorted({one for rule in rules for one in rule.features} - found.keys()):
            try:
                found[feature_id] = self.features.get(workspace, feature_id)
            except NotFound:
                continue
        return [one for one in found.values() if one.meter_id in meters]

    def _customer(self, workspace: str, customer_id: str) -> Customer | None:
        try:
            return self.customers.get(workspace, customer_id)
        except NotFound:
            return None

    def _look(self, use: _Use, rules: Sequence[Rule], outcome: Outcome) -> None:
        now_us = self.clock.now_us()
        standing = self.standings.at(use.customer, use.feature, now_us)
        self._keep(use, rules, standing, now_us, outcome)
        start_us = standing.period.start_us
        if use.hour * HOUR_US < start_us and now_us - start_us <= GRACE_US:
            before = self.standings.at(use.customer, use.feature, start_us - 1, start_us)
            self._keep(use, rules, before, now_us, outcome)

    def _keep(self, use: _Use, rules: Sequence[Rule], standing: Standing, now_us: int, outcome: Outcome) -> None:
        outcome.standings += 1
        for crossing in find_crossings(rules, use.customer, use.feature, standing, now_us):
            if crossing.id in self._known:
                continue
            outcome.crossings += self.crossings.record(crossing)
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known.add(crossing.id)
