"""Rules (which thresholds of whom, and who is told) and channels (where it is told). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum


class ThresholdType(Enum):
    """What is held against a threshold; the values are OpenMeter's names."""

    BALANCE_VALUE = "balance_value"
    """What is left of the grants: crossed at or below the value."""
    USAGE_PERCENTAGE = "usage_percentage"
    """The period's usage in percent of all grants: crossed at or above the value."""
    USAGE_VALUE = "usage_value"
    """The period's usage: crossed at or above the value."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A value not to be passed unnoticed."""

    type: ThresholdType
    value: Decimal


@dataclass(frozen=True, slots=True)
class Rule:
    """Thresholds of features (ids; none: of every feature) for customers (ids; none: for every customer).

    ``channels`` are ids; the event bus is told of every crossing, whatever they are.
    """

    workspace: str
    id: str
    name: str
    thresholds: tuple[Threshold, ...]
    created_at_us: int
    updated_at_us: int
    channels: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    disabled: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    version: int = 1

    def applies_to(self, customer_id: str, feature_id: str) -> bool:
        """Whether the rule holds for the customer's use of the feature."""
        return (
            not self.disabled
            and (not self.features or feature_id in self.features)
            and (not self.customers or customer_id in self.customers)
        )


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule to be made, or what one becomes. ``features`` and ``customers`` are ids or keys."""

    name: str
    thresholds: tuple[Threshold, ...]
    channels: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    disabled: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Channel:
    """A webhook. ``secret`` (``whsec_`` and base64) signs what is sent; ``headers`` are sent along."""

    workspace: str
    id: str
    name: str
    url: str
    secret: str = field(repr=False)
    created_at_us: int
    updated_at_us: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    disabled: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    version: int = 1


@dataclass(frozen=True, slots=True)
class ChannelDraft:
    """A channel to be made, or what one becomes; without a ``secret`` one is made, or the old one stays."""

    name: str
    url: str
    secret: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    disabled: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
