"""What can be done with rules and channels: create, list, find, replace, delete; and with crossings: list and find."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from dynameter.billing.customers.customer import Customer
from dynameter.billing.features.feature import Feature
from dynameter.billing.thresholds.crossing import Crossing
from dynameter.billing.thresholds.limits import check_channel, check_rule
from dynameter.billing.thresholds.rule import Channel, ChannelDraft, Rule, RuleDraft
from dynameter.billing.thresholds.signature import MIN_SECRET_BYTES, PREFIX, make_secret
from dynameter.clock import Clock
from dynameter.errors import AlreadyExists, FieldError, InvalidInput, NotFound, VersionConflict
from dynameter.meters.rules import is_id

_ATTEMPTS = 4
_SHOWN_CHARACTERS = 64

T = TypeVar("T", Rule, Channel)


class Features(Protocol):
    """What is needed of ``dynameter.billing.features.service.FeatureService``."""

    def find(self, workspace: str, id_or_key: str) -> Feature:
        """The feature of that id or key. Raises NotFound."""


class Customers(Protocol):
    """What is needed of ``dynameter.billing.customers.service.CustomerService``."""

    def find(self, workspace: str, id_or_key: str) -> Customer:
        """The customer of that id or key. Raises NotFound."""


class Definitions(Protocol):
    """What is needed of ``dynameter.billing.thresholds.store.ThresholdStore``."""

    def rules(self, workspace: str) -> tuple[Rule, ...]:
        """Every rule, by id."""

    def rule(self, workspace: str, rule_id: str) -> Rule | None:
        """The rule of that id."""

    def channels(self, workspace: str) -> tuple[Channel, ...]:
        """Every channel, by id."""

    def channel(self, workspace: str, channel_id: str) -> Channel | None:
        """The channel of that id."""

    def insert(self, one: Rule | Channel) -> None:
        """Add it. Raises AlreadyExists where the workspace is full."""

    def replace(self, one: Rule | Channel) -> None:
        """Write it over its last version. Raises VersionConflict."""

    def delete(self, one: Rule | Channel) -> None:
        """Delete that version. Raises VersionConflict."""

    def crossing(self, workspace: str, crossing_id: str) -> Crossing | None:
        """The crossing of that id."""

    def crossings(self, workspace: str) -> tuple[Crossing, ...]:
        """Every crossing, by id. Raises TooLarge."""


class ThresholdService:
    """The rules, channels and crossings of all workspaces. ``new_id`` makes ULIDs, ``random`` that many bytes."""

    def __init__(
        self,
        store: Definitions,
        features: Features,
        customers: Customers,
        clock: Clock,
        new_id: Callable[[], str],
        random: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._features = features
        self._customers = customers
        self._clock = clock
        self._new_id = new_id
        self._random = random

    # ---- rules

    def create_rule(self, workspace: str, draft: RuleDraft) -> Rule:
        """Create a rule. Raises InvalidInput, also for what it refers to and is not there, and AlreadyExists."""
        now_us = self._clock.now_us()
        rule = self._ruled(Rule(workspace, self._new_id(), "", (), now_us, now_us), draft)
        self._store.insert(rule)
        return rule

    def rule(self, workspace: str, rule_id: str) -> Rule:
        """The rule of that id. Raises NotFound."""
        found = self._store.rule(workspace, rule_id.upper()) if is_id(rule_id) else None
        return _found(found, "rule", rule_id)

    def rules(self, workspace: str) -> tuple[Rule, ...]:
        """Every rule, by id."""
        return self._store.rules(workspace)

    def replace_rule(self, workspace: str, rule_id: str, draft: RuleDraft) -> Rule:
        """Replace all that may change. Raises like ``create_rule``, NotFound and VersionConflict."""
        return self._replaced(lambda: self.rule(workspace, rule_id), lambda before: self._ruled(before, draft), rule_id)

    def delete_rule(self, workspace: str, rule_id: str) -> None:
        """Delete a rule; its crossings stay. Raises NotFound and VersionConflict."""
        self._delete(lambda: self.rule(workspace, rule_id), rule_id)

    # ---- channels

    def create_channel(self, workspace: str, draft: ChannelDraft) -> Channel:
        """Create a channel, with a secret where the draft has none. Raises InvalidInput and AlreadyExists."""
        now_us = self._clock.now_us()
        secret = make_secret(self._random(MIN_SECRET_BYTES))
        channel = _channelled(Channel(workspace, self._new_id(), "", "", secret, now_us, now_us), draft)
        self._store.insert(channel)
        return channel

    def channel(self, workspace: str, channel_id: str) -> Channel:
        """The channel of that id. Raises NotFound."""
        found = self._store.channel(workspace, channel_id.upper()) if is_id(channel_id) else None
        return _found(found, "channel", channel_id)

    def channels(self, workspace: str) -> tuple[Channel, ...]:
        """Every channel, by id."""
        return self._store.channels(workspace)

    def replace_channel(self, workspace: str, channel_id: str, draft: ChannelDraft) -> Channel:
        """Replace all that may change. Raises InvalidInput, NotFound and VersionConflict."""
        return self._replaced(
            lambda: self.channel(workspace, channel_id), lambda before: _channelled(before, draft), channel_id
        )

    def delete_channel(self, workspace: str, channel_id: str) -> None:
        """Delete a channel. Raises NotFound, AlreadyExists while a rule has it, and VersionConflict."""
        channel = self.channel(workspace, channel_id)
        for rule in self._store.rules(workspace):
            if channel.id in rule.channels:
                message = f"channel {channel.id} is assigned to rule {rule.id} and cannot be deleted"
                raise AlreadyExists(message, code="channel_in_use")
        self._delete(lambda: self.channel(workspace, channel_id), channel_id)

    # ---- crossings

    def crossing(self, workspace: str, crossing_id: str) -> Crossing:
        """The crossing of that id. Raises NotFound."""
        found = self._store.crossing(workspace, crossing_id.upper()) if is_id(crossing_id) else None
        if found is None:
            raise NotFound(f"notification event not found: {crossing_id[:_SHOWN_CHARACTERS]}", code="event_not_found")
        return found

    def crossings(self, workspace: str) -> tuple[Crossing, ...]:
        """Every crossing, the latest first. Raises TooLarge."""
        return tuple(
            sorted(self._store.crossings(workspace), key=lambda one: (one.created_at_us, one.id), reverse=True)
        )

    # ---- parts

    def _ruled(self, rule: Rule, draft: RuleDraft) -> Rule:
        _refuse("rule", check_rule(draft))
        errors: list[FieldError] = []
        channels = self._ids(rule.workspace, "channels", draft.channels, self.channel, errors)
        features = self._ids(rule.workspace, "features", draft.features, self._features.find, errors)
        customers = self._ids(rule.workspace, "customers", draft.customers, self._customers.find, errors)
        _refuse("rule", errors)
        return replace(
            rule,
            name=draft.name,
            thresholds=draft.thresholds,
            channels=channels,
            features=features,
            customers=customers,
            disabled=draft.disabled,
            metadata=dict(draft.metadata),
        )

    def _ids(
        self,
        workspace: str,
        field: str,
        references: Sequence[str],
        find: Callable[[str, str], Channel | Feature | Customer],
        errors: list[FieldError],
    ) -> tuple[str, ...]:
        """The ids of what is referred to, each once; ``errors`` gets what is not there."""
        found: dict[str, None] = {}
        for index, reference in enumerate(references):
            try:
                found[find(workspace, reference).id] = None
            except NotFound as error:
                errors.append(FieldError(("body", field, index), "not_found", error.message, reference[:64]))
        return tuple(found)

    def _replaced(self, read: Callable[[], T], change: Callable[[T], T], id_: str) -> T:
        for _ in range(_ATTEMPTS):
            before = read()
            after = replace(change(before), updated_at_us=self._clock.now_us(), version=before.version + 1)
            try:
                self._store.replace(after)
            except VersionConflict:
                continue
            return after
        raise _contended(id_)

    def _delete(self, read: Callable[[], Rule | Channel], id_: str) -> None:
        for _ in range(_ATTEMPTS):
            try:
                self._store.delete(read())
            except VersionConflict:
                continue
            return
        raise _contended(id_)


def _channelled(channel: Channel, draft: ChannelDraft) -> Channel:
    _refuse("channel", check_channel(draft))
    secret = channel.secret if draft.secret is None else PREFIX + draft.secret.removeprefix(PREFIX)
    return replace(
        channel,
        name=draft.name,
        url=draft.url,
        secret=secret,
        headers=dict(draft.headers),
        disabled=draft.disabled,
        metadata=dict(draft.metadata),
    )


def _refuse(what: str, errors: Iterable[FieldError]) -> None:
    found = tuple(errors)
    if found:
        listed = "; ".join(f"{'.'.join(map(str, one.location[1:]))}: {one.message}" for one in found)
        raise InvalidInput(f"invalid notification {what}: {listed}", fields=found)


def _found(one: T | None, what: str, id_: str) -> T:
    if one is None:
        raise NotFound(f"notification {what} not found: {id_[:_SHOWN_CHARACTERS]}", code=f"{what}_not_found")
    return one


def _contended(id_: str) -> VersionConflict:
    return VersionConflict(f"{id_[:_SHOWN_CHARACTERS]} is being changed by other requests")
