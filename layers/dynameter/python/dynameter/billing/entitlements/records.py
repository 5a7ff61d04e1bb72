"""How entitlements, grants, resets and seals stand in items of the catalog table; the keys are the store's."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

from dynameter import codec
from dynameter.billing.entitlements.balance import Opening
from dynameter.billing.entitlements.entitlement import Entitlement, Grant, UsageReset
from dynameter.billing.plans.plan import EntitlementType
from dynameter.meters.quantity import render_text
from dynameter.runtime.catalog import Item, number
from dynameter.runtime.dynamodb import text, whole

_TEXTS = {"str", "str | None"}
_WHOLES = {"int", "int | None"}
_FLAGS = {"bool"}
_AMOUNTS = {"Decimal", "Decimal | None"}
_SKIPPED = {"workspace"}


def entitlement_attributes(entitlement: Entitlement) -> Item:
    """The attributes of an entitlement's item."""
    return {**_plain(entitlement), "type": {"S": entitlement.type.value}, "metadata": _json(entitlement.metadata)}


def read_entitlement(workspace: str, item: Any) -> Entitlement:
    """The entitlement in an item."""
    return Entitlement(
        workspace=workspace,
        type=EntitlementType(text(item, "type")),
        metadata=codec.decode(text(item, "metadata")),
        **_read_plain(Entitlement, item),
    )


def grant_attributes(grant: Grant) -> Item:
    """The attributes of a grant's item."""
    return {**_plain(grant), "metadata": _json(grant.metadata)}


def read_grant(workspace: str, item: Any) -> Grant:
    """The grant in an item."""
    return Grant(workspace=workspace, metadata=codec.decode(text(item, "metadata")), **_read_plain(Grant, item))


def reset_attributes(reset: UsageReset) -> Item:
    """The attributes of a reset's item."""
    return _plain(reset)


def read_reset(item: Any) -> UsageReset:
    """The reset in an item."""
    return UsageReset(**_read_plain(UsageReset, item))


def seal_attributes(at_us: int, opening: Opening) -> Item:
    """The attributes of a seal's item."""
    balances = {name: {"S": render_text(left)} for name, left in opening.balances.items()}
    return {"at_us": number(at_us), "balances": {"M": balances}, "overage": {"S": render_text(opening.overage)}}


def read_opening(item: Any) -> Opening:
    """What the seal in an item says was left."""
    balances = {name: Decimal(left["S"]) for name, left in item["balances"]["M"].items()}
    return Opening(balances, Decimal(text(item, "overage")))


def _json(metadata: Any) -> Item:
    return {"S": codec.encode(dict(metadata)).decode()}


def _plain(record: Any) -> Item:
    """The fields that are texts, whole numbers, flags and amounts; amounts as text, which keeps every digit."""
    found: Item = {}
    for one in fields(record):
        value = getattr(record, one.name)
        if value is None or one.name in _SKIPPED:
            continue
        if one.type in _TEXTS:
            found[one.name] = {"S": value}
        elif one.type in _WHOLES:
            found[one.name] = number(value)
        elif one.type in _FLAGS:
            found[one.name] = {"BOOL": value}
        elif one.type in _AMOUNTS:
            found[one.name] = {"S": render_text(value)}
    return found


def _read_plain(kind: Any, item: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in fields(kind):
        optional = str(one.type).endswith("None")
        if one.name in _SKIPPED or (optional and one.name not in item):
            if optional:
                found[one.name] = None
            continue
        if one.type in _TEXTS:
            found[one.name] = text(item, one.name)
        elif one.type in _WHOLES:
            found[one.name] = whole(item, one.name)
        elif one.type in _FLAGS:
            found[one.name] = bool(item[one.name]["BOOL"])
        elif one.type in _AMOUNTS:
            found[one.name] = Decimal(text(item, one.name))
    return found
