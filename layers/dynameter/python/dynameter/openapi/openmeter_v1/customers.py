"""Customers in OpenMeter v1's form."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.dialects.openmeter_v1.customers import CustomerBody
from dynameter.openapi.openmeter_v1.lists import INCLUDE_DELETED, PAGE, part_of
from dynameter.openapi.operation import Operation, json_answer, json_body, no_content
from dynameter.openapi.parameters import ORDER, order_by
from dynameter.openapi.shapes import Instant, Page, Ulid


class CustomerSubjects(TypedDict):
    """The subjects whose usage is the customer's, beside its key."""

    subjectKeys: list[str]


class BillingAddress(TypedDict):
    """Where invoices go."""

    country: NotRequired[str]
    postalCode: NotRequired[str]
    state: NotRequired[str]
    city: NotRequired[str]
    line1: NotRequired[str]
    line2: NotRequired[str]
    phoneNumber: NotRequired[str]


class Customer(TypedDict):
    """Who is billed."""

    id: Ulid
    createdAt: Instant
    updatedAt: Instant
    deletedAt: NotRequired[Instant]
    name: str
    metadata: dict[str, str] | None
    description: NotRequired[str]
    key: NotRequired[str]
    usageAttribution: NotRequired[CustomerSubjects]
    primaryEmail: NotRequired[str]
    currency: NotRequired[str]
    billingAddress: NotRequired[BillingAddress]
    timeZone: NotRequired[str]


BASE = "/api/v1/customers"
ONE = f"{BASE}/{{customerIdOrKey}}"
EXAMPLE = {
    "key": "acme",
    "name": "ACME",
    "usageAttribution": {"subjectKeys": ["acme-production", "acme-staging"]},
    "primaryEmail": "billing@acme.example",
    "currency": "USD",
    "billingAddress": {"country": "US", "city": "Springfield"},
    "timeZone": "America/New_York",
}

OPERATIONS = (
    Operation(
        route=f"POST {BASE}",
        id="createCustomer",
        summary="Create a customer",
        tag="Customers",
        scope=BILLING_WRITE,
        description="Its usage is that of its key and its subjects; a subject belongs to one customer.",
        body=json_body(CustomerBody, EXAMPLE),
        answers=(json_answer(201, "The customer.", Customer),),
        refusals=(400, 409),
    ),
    Operation(
        route=f"GET {BASE}",
        id="listCustomers",
        summary="List customers",
        tag="Customers",
        scope=BILLING_READ,
        parameters=(
            *PAGE,
            ORDER,
            order_by("name", "id", "createdAt"),
            INCLUDE_DELETED,
            part_of("key", "the key"),
            part_of("name", "the name"),
            part_of("primaryEmail", "the email address"),
            part_of("subject", "one of the subjects"),
        ),
        answers=(json_answer(200, "A page of customers.", Page[Customer]),),
        refusals=(400, 413),
    ),
    Operation(
        route=f"GET {ONE}",
        id="getCustomer",
        summary="Get a customer",
        tag="Customers",
        scope=BILLING_READ,
        answers=(json_answer(200, "The customer.", Customer),),
        refusals=(404,),
    ),
    Operation(
        route=f"PUT {ONE}",
        id="replaceCustomer",
        summary="Replace a customer",
        tag="Customers",
        scope=BILLING_WRITE,
        description="What is left out is cleared. A change of subjects holds for the past, too.",
        body=json_body(CustomerBody, EXAMPLE),
        answers=(json_answer(200, "The customer.", Customer),),
        refusals=(400, 404, 409),
    ),
    Operation(
        route=f"DELETE {ONE}",
        id="deleteCustomer",
        summary="Delete a customer; its id stays known",
        tag="Customers",
        scope=BILLING_WRITE,
        answers=(no_content("It is deleted."),),
        refusals=(404, 409),
    ),
)
