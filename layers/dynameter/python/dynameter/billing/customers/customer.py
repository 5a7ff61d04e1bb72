"""Customers: who is billed, and whose subjects' usage is theirs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of a workspace.

    An event is the customer's if its subject is the ``key`` or one of ``subject_keys``; that is resolved when usage
    is asked for, so a change holds for the past too. A subject belongs to at most one live customer.
    ``currency`` is an ISO 4217 code or None. ``time_zone`` (IANA) places the customer's billing periods.
    ``billing_address`` has keys of ``ADDRESS_FIELDS``.
    """

    workspace: str
    id: str
    key: str | None
    name: str
    created_at_us: int
    updated_at_us: int
    subject_keys: tuple[str, ...] = ()
    description: str | None = None
    currency: str | None = None
    primary_email: str | None = None
    billing_address: Mapping[str, str] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    time_zone: str = "UTC"
    deleted_at_us: int | None = None
    version: int = 1

    @property
    def subjects(self) -> tuple[str, ...]:
        """Every subject whose events are the customer's, sorted, each once."""
        return tuple(sorted({*self.subject_keys, *([self.key] if self.key else [])}))


@dataclass(frozen=True, slots=True)
class CustomerDraft:
    """A customer to be created, or what may change of one; its wire form is checked by a dialect, its rules not yet."""

    name: str
    key: str | None = None
    subject_keys: tuple[str, ...] = ()
    description: str | None = None
    currency: str | None = None
    primary_email: str | None = None
    billing_address: Mapping[str, str] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    time_zone: str = "UTC"


ADDRESS_FIELDS = ("country", "postal_code", "state", "city", "line1", "line2", "phone_number")
"""What a billing address consists of; ``country`` is an ISO 3166-1 alpha-2 code."""
