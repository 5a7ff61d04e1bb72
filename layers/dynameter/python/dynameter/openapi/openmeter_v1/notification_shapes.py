"""What rules, channels and events of thresholds look like in OpenMeter v1's form; webhooks get the payload."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from dynameter.openapi.openmeter_v1.lists import Identified, Period
from dynameter.openapi.shapes import Instant, Number, Ulid

EventType = Literal["entitlements.balance.threshold"]


class ChannelReference(TypedDict):
    """A channel by its id."""

    id: Ulid
    type: Literal["WEBHOOK"]


class Threshold(TypedDict):
    """A value not to be passed unnoticed."""

    value: Number
    type: Literal["balance_value", "usage_percentage", "usage_value"]


class Rule(TypedDict):
    """Thresholds of features, or of every feature, for customers, or for every one."""

    id: Ulid
    type: EventType
    name: str
    disabled: bool
    createdAt: Instant
    updatedAt: Instant
    metadata: dict[str, str] | None
    channels: list[ChannelReference]
    thresholds: list[Threshold]
    features: NotRequired[list[Identified]]
    customers: NotRequired[list[Identified]]


class Channel(TypedDict):
    """A webhook, but for its signing secret."""

    id: Ulid
    type: Literal["WEBHOOK"]
    name: str
    disabled: bool
    createdAt: Instant
    updatedAt: Instant
    metadata: dict[str, str] | None
    url: str
    customHeaders: dict[str, str]


class CreatedChannel(Channel):
    """A webhook that was created now: this answer alone has its signing secret."""

    signingSecret: str


class DeliveryStatus(TypedDict):
    """What became of one webhook of an event."""

    channel: ChannelReference
    state: Literal["PENDING", "SUCCESS", "FAILED"]
    reason: str
    updatedAt: Instant
    attempts: Annotated[list[Any], Field(max_length=0)]
    attemptCount: int


class Named(TypedDict):
    """A customer or feature as it was when the threshold was crossed."""

    id: Ulid
    name: str
    key: NotRequired[str]


class NamedRule(TypedDict):
    """The rule as it was when the threshold was crossed."""

    id: Ulid
    name: str


class Standing(TypedDict):
    """The period's usage, and the balance where there is an entitlement."""

    usage: Number
    hasAccess: NotRequired[bool]
    balance: NotRequired[Number]
    overage: NotRequired[Number]
    totalAvailableGrantAmount: NotRequired[Number]


class NotificationData(TypedDict):
    """Whose threshold was crossed, and where usage stood."""

    customer: Named
    feature: Named
    threshold: Threshold
    value: Standing
    period: Period
    rule: NamedRule
    entitlement: NotRequired[Identified]


class NotificationPayload(TypedDict):
    """What webhooks get, and the event bus."""

    id: Ulid
    type: EventType
    timestamp: Instant
    data: NotificationData


class NotificationEvent(TypedDict):
    """A threshold that was crossed; ``sentAt`` is when the event bus took it."""

    id: Ulid
    type: EventType
    createdAt: Instant
    rule: Rule
    deliveryStatus: list[DeliveryStatus]
    payload: NotificationPayload
    sentAt: NotRequired[Instant]
