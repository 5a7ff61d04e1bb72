"""Rules, channels and crossings as the JSON documents in which they are kept. Pure."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from dynameter.billing.entitlements.entitlement import Balance
from dynameter.billing.thresholds.crossing import Crossing, Named, Standing
from dynameter.billing.thresholds.rule import Channel, Rule, Threshold, ThresholdType
from dynameter.meters.quantity import render_text
from dynameter.usage.windows import Window

Record = dict[str, Any]


def rule_record(rule: Rule) -> Record:
    """The document of a rule."""
    return {
        "id": rule.id,
        "name": rule.name,
        "thresholds": [_from_threshold(one) for one in rule.thresholds],
        "channels": list(rule.channels),
        "features": list(rule.features),
        "customers": list(rule.customers),
        "disabled": rule.disabled,
        "metadata": dict(rule.metadata),
        "created_us": rule.created_at_us,
        "updated_us": rule.updated_at_us,
        "version": rule.version,
    }


def read_rule(workspace: str, record: Record) -> Rule:
    """The rule in a document."""
    return Rule(
        workspace=workspace,
        id=record["id"],
        name=record["name"],
        thresholds=tuple(map(_to_threshold, record["thresholds"])),
        channels=tuple(record["channels"]),
        features=tuple(record["features"]),
        customers=tuple(record["customers"]),
        disabled=record["disabled"],
        metadata=record["metadata"],
        created_at_us=record["created_us"],
        updated_at_us=record["updated_us"],
        version=record["version"],
    )


def channel_record(channel: Channel) -> Record:
    """The document of a channel, its secret included."""
    return {
        "id": channel.id,
        "name": channel.name,
        "url": channel.url,
        "secret": channel.secret,
        "headers": dict(channel.headers),
        "disabled": channel.disabled,
        "metadata": dict(channel.metadata),
        "created_us": channel.created_at_us,
        "updated_us": channel.updated_at_us,
        "version": channel.version,
    }


def read_channel(workspace: str, record: Record) -> Channel:
    """The channel in a document."""
    return Channel(
        workspace=workspace,
        id=record["id"],
        name=record["name"],
        url=record["url"],
        secret=record["secret"],
        headers=record["headers"],
        disabled=record["disabled"],
        metadata=record["metadata"],
        created_at_us=record["created_us"],
        updated_at_us=record["updated_us"],
        version=record["version"],
    )


def crossing_record(crossing: Crossing) -> Record:
    """The document of what never changes of a crossing."""
    standing, balance = crossing.standing, crossing.standing.balance
    return {
        "id": crossing.id,
        "rule": rule_record(crossing.rule),
        "threshold": _from_threshold(crossing.threshold),
        "customer": asdict(crossing.customer),
        "feature": asdict(crossing.feature),
        "from_us": standing.period.start_us,
        "to_us": standing.period.end_us,
        "usage": render_text(standing.usage),
        "entitlement": standing.entitlement_id,
        "balance": None if balance is None else _from_balance(balance),
        "created_us": crossing.created_at_us,
    }


def read_crossing(workspace: str, record: Record) -> Crossing:
    """The crossing in a document, not sent."""
    balance = record["balance"]
    standing = Standing(
        Window(record["from_us"], record["to_us"]),
        Decimal(record["usage"]),
        None if balance is None else _to_balance(balance),
        record["entitlement"],
    )
    return Crossing(
        id=record["id"],
        rule=read_rule(workspace, record["rule"]),
        threshold=_to_threshold(record["threshold"]),
        customer=Named(**record["customer"]),
        feature=Named(**record["feature"]),
        standing=standing,
        created_at_us=record["created_us"],
    )


def _from_threshold(one: Threshold) -> Record:
    return {"type": one.type.value, "value": render_text(one.value)}


def _to_threshold(record: Record) -> Threshold:
    return Threshold(ThresholdType(record["type"]), Decimal(record["value"]))


def _from_balance(balance: Balance) -> Record:
    return {
        "balance": render_text(balance.balance),
        "usage": render_text(balance.usage),
        "overage": render_text(balance.overage),
        "total": render_text(balance.total_available),
        "access": balance.has_access,
    }


def _to_balance(record: Record) -> Balance:
    return Balance(
        balance=Decimal(record["balance"]),
        usage=Decimal(record["usage"]),
        overage=Decimal(record["overage"]),
        total_available=Decimal(record["total"]),
        has_access=record["access"],
    )
