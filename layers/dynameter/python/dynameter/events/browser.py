"""Reading events back as people do: listed with what is wrong with them, or one explained in full."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from dynameter.billing.customers.customer import Customer
from dynameter.errors import NotFound
from dynameter.events.event import Event
from dynameter.events.listing import EventLister, Listing, ListingQuery
from dynameter.events.rules import MAX_ID_BYTES, MAX_SOURCE_BYTES
from dynameter.events.verdict import Judge, Verdict, no_customer, no_meter
from dynameter.meters.meter import Meter
from dynameter.usage.windows import Calendar, WindowSize, load_zone

_SHOWN_CHARACTERS = 64


class Meters(Protocol):
    """What is needed of ``dynameter.meters.store.MeterStore``."""

    def load_live(self, workspace: str) -> Iterable[Meter]:
        """The workspace's meters that are not deleted."""


class Events(Protocol):
    """What is needed of ``dynameter.events.history.EventHistory``."""

    def get(self, workspace: str, source: str, id_: str) -> Event | None:
        """One event by its identity, strongly consistent."""


class Customers(Protocol):
    """What is needed of ``dynameter.billing.customers.service.CustomerService``."""

    def owners(self, workspace: str, subjects: Collection[str]) -> dict[str, str]:
        """The ids of the live customers that these subjects belong to, by subject."""

    def named(self, workspace: str, ids: Collection[str]) -> tuple[Customer, ...]:
        """The customers of these ids, deleted or not; NotFound for one that is unknown."""

    def is_used(self, workspace: str) -> bool:
        """Whether the workspace has ever had a customer."""


@dataclass(frozen=True, slots=True)
class JudgedListing:
    """A page of events; ``errors`` has the validation errors of each, ``customers`` the id of each one's customer."""

    listing: Listing
    errors: tuple[tuple[str, ...], ...]
    customers: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything the service knows about one event.

    ``windows`` are the starts of the windows in UTC that it lies in. ``reason`` says why no meter counts it where
    none is even of its type.
    """

    event: Event
    verdicts: tuple[Verdict, ...]
    windows: dict[WindowSize, int]
    reason: str | None


class EventBrowser:
    """The events of all workspaces, with what their meters make of them."""

    def __init__(self, lister: EventLister, events: Events, meters: Meters, customers: Customers) -> None:
        self._lister = lister
        self._events = events
        self._meters = meters
        self._customers = customers

    def list(self, workspace: str, query: ListingQuery, deadline_us: int) -> JudgedListing:
        """One page of events; see ``EventLister.list``."""
        listing = self._lister.list(workspace, query, deadline_us)
        if not listing.events:
            return JudgedListing(listing, (), ())
        events = [one.event for one in listing.events]
        # Whoever bills nobody is not told of every event that nobody is billed for.
        billed = self._customers.is_used(workspace)
        owners = self._customers.owners(workspace, {one.subject for one in events}) if billed else {}
        judge = Judge(self._meters.load_live(workspace))
        errors = (
            (*judge.validation_errors(one), *([no_customer(one)] if billed and one.subject not in owners else []))
            for one in events
        )
        return JudgedListing(listing, tuple(errors), tuple(owners.get(one.subject) for one in events))

    def subjects_of(self, workspace: str, ids: Collection[str]) -> frozenset[str]:
        """The subjects of these live customers. Raises NotFound for one that is deleted or unknown."""
        found = self._customers.named(workspace, ids)
        for one in found:
            if one.deleted_at_us is not None:
                raise NotFound(f"customer not found: {one.id}", code="customer_not_found")
        return frozenset(subject for one in found for subject in one.subjects)

    def explain(self, workspace: str, source: str, id_: str) -> Explanation:
        """One event by its identity. Raises NotFound."""
        # No longer ones are stored, nor could they be a key.
        possible = 0 < len(id_.encode()) <= MAX_ID_BYTES and 0 < len(source.encode()) <= MAX_SOURCE_BYTES
        event = self._events.get(workspace, source, id_) if possible else None
        if event is None:
            shown = f"source {source[:_SHOWN_CHARACTERS]!r}, id {id_[:_SHOWN_CHARACTERS]!r}"
            raise NotFound(f"event not found: {shown}", code="event_not_found")
        verdicts = tuple(Judge(self._meters.load_live(workspace)).verdicts(event))
        zone = load_zone("UTC")
        windows = {size: Calendar(size, zone).containing(event.time_us).start_us for size in WindowSize}
        return Explanation(event, verdicts, windows, None if verdicts else no_meter(event))
