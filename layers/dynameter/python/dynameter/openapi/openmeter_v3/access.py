"""What customers may use, in OpenMeter v3's form."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from dynameter.access.principal import BILLING_READ
from dynameter.dialects.openmeter_v3.entitlement_access import EntitlementAccessQueryRequest
from dynameter.openapi.openmeter_v3.customers import Customer
from dynameter.openapi.operation import Operation, json_answer, json_body
from dynameter.openapi.shapes import Instant, Ulid


class EntitlementAccess(TypedDict):
    """What an entitlement lets its customer do; ``config`` is JSON text, of static ones only."""

    type: Literal["metered", "static", "boolean"]
    feature_key: str
    has_access: bool
    config: NotRequired[str]


class EntitlementAccessList(TypedDict):
    """Each entitlement in force."""

    data: list[EntitlementAccess]


class AccessReason(TypedDict):
    """Why a feature cannot be used."""

    code: Literal["usage_limit_reached", "feature_unavailable", "feature_not_found"]
    message: str


class FeatureAccess(TypedDict):
    """Whether a feature can be used."""

    has_access: bool
    reason: NotRequired[AccessReason]


class CustomerAccess(TypedDict):
    """What a customer may use, by feature; ``matched`` are the keys that have led to it."""

    matched: list[str]
    customer: Customer
    features: dict[str, FeatureAccess]
    updated_at: Instant


class UnknownCustomer(TypedDict):
    """A key that leads to no customer."""

    customer: str
    code: Literal["customer_not_found"]
    message: str


class AccessPageEnds(TypedDict):
    """The only page there is."""

    next: None
    previous: None
    first: NotRequired[Ulid]
    last: NotRequired[Ulid]
    size: int


class AccessPageMeta(TypedDict):
    """About the page."""

    page: AccessPageEnds


class EntitlementAccessPage(TypedDict):
    """The customers that were found, and the keys that were not."""

    data: list[CustomerAccess]
    errors: list[UnknownCustomer]
    meta: AccessPageMeta


EXAMPLE = {"customer": {"keys": ["acme"]}, "feature": {"keys": ["gpt_4_tokens"]}}


def operations(prefix: str) -> tuple[Operation, ...]:
    """The operations on access."""
    return (
        Operation(
            route=f"GET {prefix}/customers/{{customerId}}/entitlement-access",
            id="listCustomerEntitlementAccess",
            summary="What a customer may use",
            tag="Entitlements",
            scope=BILLING_READ,
            answers=(json_answer(200, "Each entitlement in force.", EntitlementAccessList),),
            refusals=(404, 409, 413),
        ),
        Operation(
            route=f"POST {prefix}/entitlement-access/query",
            id="queryEntitlementAccess",
            summary="What many customers may use",
            tag="Entitlements",
            scope=BILLING_READ,
            description="Customers are named by key or subject. There are no credits: `include_credits` is refused.",
            body=json_body(EntitlementAccessQueryRequest, EXAMPLE),
            answers=(json_answer(200, "Access by customer and feature.", EntitlementAccessPage),),
            refusals=(400, 409, 413, 501),
        ),
    )
