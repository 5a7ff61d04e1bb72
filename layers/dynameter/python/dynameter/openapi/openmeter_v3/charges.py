"""Charges in OpenMeter v3's form."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from dynameter.access.principal import BILLING_READ
from dynameter.dialects.openmeter_v3.charges import REAL_TIME_USAGE
from dynameter.openapi.openmeter_v3.lists import PAGE, filters, page_answer
from dynameter.openapi.openmeter_v3.rate_cards import FlatPrice, Packages, TieredPrice, UnitPrice
from dynameter.openapi.openmeter_v3.subscriptions import Period
from dynameter.openapi.operation import Operation, Parameter
from dynameter.openapi.shapes import DecimalText, Instant, Ulid


class ChargedId(TypedDict):
    """The id of what is charged."""

    id: Ulid


class ChargedSubscription(TypedDict):
    """Where in the subscription the charge comes from."""

    id: Ulid
    phase: ChargedId
    item: ChargedId


class Totals(TypedDict):
    """Amounts in the charge's currency."""

    amount: DecimalText
    charges_total: DecimalText
    discounts_total: DecimalText
    credits_total: DecimalText
    taxes_inclusive_total: DecimalText
    taxes_exclusive_total: DecimalText
    taxes_total: DecimalText
    total: DecimalText


class ChargeTotals(TypedDict):
    """What is on invoices, and what it comes to now where that was asked for."""

    booked: Totals
    realtime: NotRequired[Totals]


class Charge(TypedDict):
    """What a rate card costs in one service period.

    ``created``: it has not begun; ``active``: it is on no invoice yet; ``final``: it is.
    """

    id: Ulid
    type: Literal["usage_based", "flat_fee"]
    name: str
    description: NotRequired[str]
    customer: ChargedId
    subscription: ChargedSubscription
    currency: str
    status: Literal["created", "active", "final"]
    managed_by: Literal["subscription"]
    created_at: Instant
    updated_at: Instant
    invoice_at: Instant
    service_period: Period
    full_service_period: Period
    billing_period: Period
    settlement_mode: Literal["credit_then_invoice", "credit_only"]
    payment_term: Literal["in_advance", "in_arrears"]
    feature_key: NotRequired[str]
    feature_id: NotRequired[Ulid]
    price: Annotated[FlatPrice | UnitPrice | TieredPrice, Field(discriminator="type")]
    unit_config: NotRequired[Packages]
    totals: ChargeTotals


def operations(prefix: str) -> tuple[Operation, ...]:
    """The operations on charges."""
    return (
        Operation(
            route=f"GET {prefix}/customers/{{customerId}}/charges",
            id="listCharges",
            summary="List what a customer is charged, by the end of the billing period",
            tag="Charges",
            scope=BILLING_READ,
            parameters=(
                *PAGE,
                *filters("status", "feature_key"),
                Parameter(
                    "expand",
                    list[Literal["real_time_usage"]],
                    f"`{REAL_TIME_USAGE}`: what each charge of the page comes to now.",
                ),
            ),
            answers=(page_answer("A page of charges.", Charge),),
            refusals=(400, 404, 409, 413),
        ),
    )
