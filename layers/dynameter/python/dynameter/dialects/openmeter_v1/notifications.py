"""Notification channels, rules and events as OpenMeter v1 has them, for ``entitlements.balance.threshold`` rules.

``customers``, which limits a rule to some, and empty ``channels`` are this service's own. A signing secret is shown by
the answer to the channel's creation and never again.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from dynameter import codec
from dynameter.billing.thresholds.address import MAX_URL_CHARACTERS
from dynameter.billing.thresholds.crossing import Crossing, DeliveryState, DeliveryStatus, Named
from dynameter.billing.thresholds.limits import MAX_HEADERS, MAX_NAMED, MAX_RULE_CHANNELS, MAX_THRESHOLDS
from dynameter.billing.thresholds.notifier import BusEvent
from dynameter.billing.thresholds.rule import Channel, ChannelDraft, Rule, RuleDraft, Threshold, ThresholdType
from dynameter.billing.thresholds.service import ThresholdService
from dynameter.clock import render
from dynameter.dialects.bodies import read_body, renamed_fields
from dynameter.dialects.openmeter_v1.lists import page_response, read_page
from dynameter.dialects.parameters import read_choice, read_instant
from dynameter.dialects.texts import Metadata, Name
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.quantity import render_number

EVENT_TYPE = "entitlements.balance.threshold"
WEBHOOK = "WEBHOOK"

_DEPRECATED = {"PERCENT": ThresholdType.USAGE_PERCENTAGE, "NUMBER": ThresholdType.USAGE_VALUE}
_TYPES = {**{one.value: one for one in ThresholdType}, **_DEPRECATED}
_CHANNEL_NAMES = {"secret": "signingSecret", "headers": "customHeaders"}


def _read_number(value: Any) -> Decimal:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    raise PydanticCustomError("number_type", "must be a number")


class ThresholdValue(BaseModel):
    """One threshold of a rule."""

    model_config = ConfigDict(strict=True, frozen=True)

    value: Annotated[Decimal, BeforeValidator(_read_number), WithJsonSchema({"type": "number", "minimum": 0})]
    type: Literal["PERCENT", "NUMBER", "balance_value", "usage_percentage", "usage_value"]


class RuleBody(BaseModel):
    """The body of a rule's creation and update; OpenMeter ignores keys it does not know."""

    model_config = ConfigDict(strict=True, frozen=True)

    type: Literal["entitlements.balance.threshold"]
    name: Name
    disabled: bool = False
    metadata: Metadata | None = None
    thresholds: list[ThresholdValue] = Field(json_schema_extra={"minItems": 1, "maxItems": MAX_THRESHOLDS})
    channels: list[str] = Field(json_schema_extra={"maxItems": MAX_RULE_CHANNELS})
    features: list[str] | None = Field(default=None, json_schema_extra={"maxItems": MAX_NAMED})
    customers: list[str] | None = Field(default=None, json_schema_extra={"maxItems": MAX_NAMED})


class ChannelBody(BaseModel):
    """The body of a channel's creation and update."""

    model_config = ConfigDict(strict=True, frozen=True)

    type: Literal["WEBHOOK"]
    name: Name
    disabled: bool = False
    metadata: Metadata | None = None
    url: str = Field(json_schema_extra={"format": "uri", "pattern": "^https://", "maxLength": MAX_URL_CHARACTERS})
    custom_headers: dict[str, str] | None = Field(
        default=None, alias="customHeaders", json_schema_extra={"maxProperties": MAX_HEADERS}
    )
    signing_secret: str | None = Field(default=None, alias="signingSecret")


# ---- rules


def create_rule(request: Request, thresholds: ThresholdService) -> Response:
    """POST rules: 201."""
    rule = thresholds.create_rule(request.principal.workspace, _rule_draft(read_body(request, RuleBody)))
    return json_response(201, render_rule(rule))


def list_rules(request: Request, thresholds: ThresholdService) -> Response:
    """GET rules: a page, by id and so by age."""
    return _page(request, thresholds.rules(request.principal.workspace), render_rule)


def get_rule(request: Request, thresholds: ThresholdService) -> Response:
    """GET a rule."""
    return json_response(200, render_rule(thresholds.rule(request.principal.workspace, _id(request, "ruleId"))))


def replace_rule(request: Request, thresholds: ThresholdService) -> Response:
    """PUT a rule. A threshold with another value is another one, which may be crossed anew."""
    draft = _rule_draft(read_body(request, RuleBody))
    rule = thresholds.replace_rule(request.principal.workspace, _id(request, "ruleId"), draft)
    return json_response(200, render_rule(rule))


def delete_rule(request: Request, thresholds: ThresholdService) -> Response:
    """DELETE a rule: 204."""
    thresholds.delete_rule(request.principal.workspace, _id(request, "ruleId"))
    return Response(204)


# ---- channels


def create_channel(request: Request, thresholds: ThresholdService) -> Response:
    """POST channels: 201, the only answer with the signing secret."""
    body = read_body(request, ChannelBody)
    with renamed_fields("invalid notification channel", _CHANNEL_NAMES):
        channel = thresholds.create_channel(request.principal.workspace, _channel_draft(body))
    return json_response(201, render_channel(channel) | {"signingSecret": channel.secret})


def list_channels(request: Request, thresholds: ThresholdService) -> Response:
    """GET channels: a page, by id and so by age."""
    return _page(request, thresholds.channels(request.principal.workspace), render_channel)


def get_channel(request: Request, thresholds: ThresholdService) -> Response:
    """GET a channel."""
    channel = thresholds.channel(request.principal.workspace, _id(request, "channelId"))
    return json_response(200, render_channel(channel))


def replace_channel(request: Request, thresholds: ThresholdService) -> Response:
    """PUT a channel; without a signing secret the old one stays."""
    body = read_body(request, ChannelBody)
    with renamed_fields("invalid notification channel", _CHANNEL_NAMES):
        channel = thresholds.replace_channel(
            request.principal.workspace, _id(request, "channelId"), _channel_draft(body)
        )
    return json_response(200, render_channel(channel))


def delete_channel(request: Request, thresholds: ThresholdService) -> Response:
    """DELETE a channel: 204; 409 while a rule has it."""
    thresholds.delete_channel(request.principal.workspace, _id(request, "channelId"))
    return Response(204)


# ---- events


def list_events(request: Request, thresholds: ThresholdService) -> Response:
    """GET events: a page, the latest first, of those that the parameters let through."""
    page = read_page(request)
    descending = read_choice(request, "order", ("ASC", "DESC"), "DESC") == "DESC"
    from_us, to_us = read_instant(request, "from"), read_instant(request, "to")
    wanted = {name: {*request.query_values(name)} for name in ("feature", "rule", "channel", "customer")}
    found = [
        one
        for one in thresholds.crossings(request.principal.workspace)
        if (from_us is None or one.created_at_us >= from_us)
        and (to_us is None or one.created_at_us < to_us)
        and _is_named(one.feature, wanted["feature"])
        and _is_named(one.customer, wanted["customer"])
        and (not wanted["rule"] or one.rule.id in wanted["rule"])
        and (not wanted["channel"] or not wanted["channel"].isdisjoint(one.rule.channels))
    ]
    return page_response(page, found if descending else found[::-1], render_event)


def get_event(request: Request, thresholds: ThresholdService) -> Response:
    """GET an event."""
    crossing = thresholds.crossing(request.principal.workspace, _id(request, "eventId"))
    return json_response(200, render_event(crossing))


# ---- answers


def render_rule(rule: Rule) -> dict[str, Any]:
    """The rule as v1 shows it; features by id."""
    shown: dict[str, Any] = {
        "id": rule.id,
        "type": EVENT_TYPE,
        "name": rule.name,
        "disabled": rule.disabled,
        "createdAt": render(rule.created_at_us),
        "updatedAt": render(rule.updated_at_us),
        "metadata": dict(rule.metadata) or None,
        "channels": [{"id": one, "type": WEBHOOK} for one in rule.channels],
        "thresholds": [_render_threshold(one) for one in rule.thresholds],
    }
    if rule.features:
        shown["features"] = [{"id": one} for one in rule.features]
    if rule.customers:
        shown["customers"] = [{"id": one} for one in rule.customers]
    return shown


def render_channel(channel: Channel) -> dict[str, Any]:
    """The channel as v1 shows it, but for its secret."""
    return {
        "id": channel.id,
        "type": WEBHOOK,
        "name": channel.name,
        "disabled": channel.disabled,
        "createdAt": render(channel.created_at_us),
        "updatedAt": render(channel.updated_at_us),
        "metadata": dict(channel.metadata) or None,
        "url": channel.url,
        "customHeaders": dict(channel.headers),
    }


def render_event(crossing: Crossing) -> dict[str, Any]:
    """The event as v1 shows it. ``sentAt``, when the event bus took it, is this service's own."""
    shown = {
        "id": crossing.id,
        "type": EVENT_TYPE,
        "createdAt": render(crossing.created_at_us),
        "rule": render_rule(crossing.rule),
        "deliveryStatus": [_render_delivery(crossing, one) for one in crossing.rule.channels],
        "payload": render_payload(crossing),
    }
    return shown if crossing.sent_at_us is None else shown | {"sentAt": render(crossing.sent_at_us)}


def render_payload(crossing: Crossing) -> dict[str, Any]:
    """What webhooks get, and the event bus: ``value`` has a balance where there is an entitlement."""
    standing, balance = crossing.standing, crossing.standing.balance
    value: dict[str, Any] = {"usage": render_number(standing.usage)}
    if balance is not None:
        value |= {
            "hasAccess": balance.has_access,
            "balance": render_number(balance.balance),
            "overage": render_number(balance.overage),
            "totalAvailableGrantAmount": render_number(balance.total_available),
        }
    data: dict[str, Any] = {
        "customer": _render_named(crossing.customer),
        "feature": _render_named(crossing.feature),
        "threshold": _render_threshold(crossing.threshold),
        "value": value,
        "period": {"from": render(standing.period.start_us), "to": render(standing.period.end_us)},
        "rule": {"id": crossing.rule.id, "name": crossing.rule.name},
    }
    if standing.entitlement_id is not None:
        data["entitlement"] = {"id": standing.entitlement_id}
    return {"id": crossing.id, "type": EVENT_TYPE, "timestamp": render(crossing.created_at_us), "data": data}


def webhook_body(crossing: Crossing) -> bytes:
    """The body of the crossing's webhooks."""
    return codec.encode(render_payload(crossing))


def bus_event(crossing: Crossing) -> BusEvent:
    """The crossing for the event bus: the webhooks' body with the workspace."""
    detail = codec.encode({"workspace": crossing.workspace, **render_payload(crossing)}).decode()
    return BusEvent(crossing.id, EVENT_TYPE, crossing.created_at_us, detail)


def _render_threshold(one: Threshold) -> dict[str, Any]:
    return {"value": render_number(one.value), "type": one.type.value}


def _render_named(one: Named) -> dict[str, Any]:
    return {"id": one.id, "name": one.name} | ({} if one.key is None else {"key": one.key})


def _render_delivery(crossing: Crossing, channel_id: str) -> dict[str, Any]:
    pending = DeliveryStatus(DeliveryState.PENDING, "", crossing.created_at_us, 0)
    status = crossing.deliveries.get(channel_id, pending)
    return {
        "channel": {"id": channel_id, "type": WEBHOOK},
        "state": status.state.value,
        "reason": status.reason,
        "updatedAt": render(status.updated_at_us),
        "attempts": [],
        "attemptCount": status.attempts,
    }


# ---- requests


def _rule_draft(body: RuleBody) -> RuleDraft:
    return RuleDraft(
        name=body.name,
        thresholds=tuple(Threshold(_TYPES[one.type], one.value) for one in body.thresholds),
        channels=tuple(body.channels),
        features=tuple(body.features or ()),
        customers=tuple(body.customers or ()),
        disabled=body.disabled,
        metadata=body.metadata or {},
    )


def _channel_draft(body: ChannelBody) -> ChannelDraft:
    return ChannelDraft(
        name=body.name,
        url=body.url,
        secret=body.signing_secret,
        headers=body.custom_headers or {},
        disabled=body.disabled,
        metadata=body.metadata or {},
    )


def _page(request: Request, found: Any, render_one: Any) -> Response:
    page = read_page(request)
    descending = read_choice(request, "order", ("ASC", "DESC"), "ASC") == "DESC"
    return page_response(page, found[::-1] if descending else found, render_one)


def _is_named(one: Named, wanted: set[str]) -> bool:
    return not wanted or one.id in wanted or one.key in wanted


def _id(request: Request, name: str) -> str:
    return request.path.get(name, "")
