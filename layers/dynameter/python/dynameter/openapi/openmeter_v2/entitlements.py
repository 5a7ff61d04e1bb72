"""A customer's entitlements in OpenMeter v2's form."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypeAliasType, TypedDict

from dynameter.dialects.openmeter_v2.entitlements import EntitlementCreateV2
from dynameter.openapi.openmeter_v1 import entitlements, grants
from dynameter.openapi.openmeter_v1.entitlement_shapes import (
    BooleanPart,
    EntitlementValue,
    Grant,
    MeteredPart,
    StaticPart,
)
from dynameter.openapi.openmeter_v1.lists import PAGE
from dynameter.openapi.shapes import Number, Page, Ulid

BASE = "/api/v2/customers/{customerIdOrKey}/entitlements"


class _Owner(TypedDict):
    customerId: Ulid
    customerKey: NotRequired[str]


class IssuedAmount(TypedDict):
    """What is issued after each reset."""

    amount: Number
    priority: int


class MeteredEntitlement(MeteredPart, _Owner):
    """A customer's entitlement with a balance."""

    issue: NotRequired[IssuedAmount]


class StaticEntitlement(StaticPart, _Owner):
    """A customer's entitlement with a configuration, JSON as text."""


class BooleanEntitlement(BooleanPart, _Owner):
    """A customer's entitlement that is only there."""


Entitlement = TypeAliasType(
    "Entitlement", Annotated[MeteredEntitlement | StaticEntitlement | BooleanEntitlement, Field(discriminator="type")]
)


class EntitlementBalance(EntitlementValue):
    """What an entitlement lets its owner do; metered ones in force have a balance, in all and by the grant's id."""

    grantBalances: NotRequired[dict[str, Number]]


FORMS = entitlements.Forms(
    body=EntitlementCreateV2,
    example={
        "type": "metered",
        "featureKey": "gpt_4_tokens",
        "usagePeriod": {"interval": "MONTH"},
        "issue": {"amount": 1000000, "priority": 1},
        "grants": [{"amount": 500000, "priority": 2, "expiration": {"duration": "YEAR", "count": 1}}],
    },
    shown=Entitlement,
    listed=Page[Entitlement],
    list_parameters=PAGE,
    owner_refusal=404,
)

OPERATIONS = (
    *entitlements.operations(BASE, FORMS),
    *grants.operations(BASE, EntitlementBalance, Page[Grant], PAGE),
)
