"""Customers in OpenMeter v3's form."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.billing.customers.service import CustomerOrder
from dynameter.dialects.openmeter_v3.customers import CreateCustomerRequest, UpsertCustomerRequest
from dynameter.openapi.openmeter_v3.lists import PAGE, filters, page_answer, sort
from dynameter.openapi.operation import Operation, json_answer, json_body, no_content
from dynameter.openapi.shapes import Instant, Ulid


class Attribution(TypedDict):
    """The subjects whose usage is the customer's, beside its key."""

    subject_keys: list[str]


class BillingAddress(TypedDict):
    """A billing address."""

    country: NotRequired[str]
    postal_code: NotRequired[str]
    state: NotRequired[str]
    city: NotRequired[str]
    line1: NotRequired[str]
    line2: NotRequired[str]
    phone_number: NotRequired[str]


class Customer(TypedDict):
    """Whoever pays for what its subjects use."""

    id: Ulid
    name: str
    description: NotRequired[str]
    labels: dict[str, str]
    created_at: Instant
    updated_at: Instant
    deleted_at: NotRequired[Instant]
    key: NotRequired[str]
    usage_attribution: NotRequired[Attribution]
    primary_email: NotRequired[str]
    currency: NotRequired[str]
    billing_address: NotRequired[BillingAddress]
    time_zone: NotRequired[str]


EXAMPLE = {
    "key": "acme",
    "name": "ACME Inc.",
    "usage_attribution": {"subject_keys": ["acme-production", "acme-staging"]},
    "currency": "USD",
    "time_zone": "Europe/Zurich",
}


def operations(prefix: str) -> tuple[Operation, ...]:
    """The operations on customers."""
    base, one = f"{prefix}/customers", f"{prefix}/customers/{{customerId}}"
    return (
        Operation(
            route=f"POST {base}",
            id="createCustomer",
            summary="Create a customer",
            tag="Customers",
            scope=BILLING_WRITE,
            description="`time_zone`, in which its billing periods begin, is this service's own; UTC by default.",
            body=json_body(CreateCustomerRequest, EXAMPLE),
            answers=(json_answer(201, "The customer.", Customer),),
            refusals=(400, 409),
        ),
        Operation(
            route=f"GET {base}",
            id="listCustomers",
            summary="List customers",
            tag="Customers",
            scope=BILLING_READ,
            parameters=(
                *PAGE,
                sort((order.value for order in CustomerOrder), "name"),
                *filters("key", "name", "primary_email", "usage_attribution_subject_key"),
            ),
            answers=(page_answer("A page of customers.", Customer),),
            refusals=(400, 413),
        ),
        Operation(
            route=f"GET {one}",
            id="getCustomer",
            summary="Get a customer, deleted ones too",
            tag="Customers",
            scope=BILLING_READ,
            answers=(json_answer(200, "The customer.", Customer),),
            refusals=(404,),
        ),
        Operation(
            route=f"PUT {one}",
            id="upsertCustomer",
            summary="Replace all of a customer but its key",
            tag="Customers",
            scope=BILLING_WRITE,
            body=json_body(UpsertCustomerRequest, {key: EXAMPLE[key] for key in EXAMPLE if key != "key"}),
            answers=(json_answer(200, "The customer.", Customer),),
            refusals=(400, 404, 409),
        ),
        Operation(
            route=f"DELETE {one}",
            id="deleteCustomer",
            summary="Delete a customer that has no subscription",
            tag="Customers",
            scope=BILLING_WRITE,
            answers=(no_content("It is deleted."),),
            refusals=(404, 409),
        ),
    )
