"""Customers as OpenMeter v3 and Kong Konnect have them; ``time_zone`` is this service's own."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from dynameter.billing.customers.customer import ADDRESS_FIELDS, Customer, CustomerDraft
from dynameter.billing.customers.service import CustomerOrder, CustomerService
from dynameter.clock import render
from dynameter.dialects.bodies import read_body, renamed_fields
from dynameter.dialects.openmeter_v3.filters import StringFilter, read_filters
from dynameter.dialects.openmeter_v3.labels import read_labels
from dynameter.dialects.openmeter_v3.lists import page_response, read_page, read_sort
from dynameter.dialects.openmeter_v3.meters import read_id
from dynameter.dialects.openmeter_v3.texts import Labels
from dynameter.dialects.texts import (
    AddressText,
    Country,
    Currency,
    CustomerKey,
    Description,
    Email,
    Name,
    SubjectKeys,
    TimeZone,
)
from dynameter.filters import only_values
from dynameter.http.message import Request, Response, json_response

_SUBJECT = "usage_attribution_subject_key"
_FILTERS = ("key", "name", "primary_email", _SUBJECT)
_NAMES = {"subject_keys": "usage_attribution.subject_keys", "metadata": "labels"}
_ORDERS = {one.value: one for one in CustomerOrder}


class UsageAttribution(BaseModel):
    """The subjects whose usage is the customer's, beside its key."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    subject_keys: SubjectKeys


class Address(BaseModel):
    """A billing address."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    country: Country | None = None
    postal_code: AddressText | None = None
    state: AddressText | None = None
    city: AddressText | None = None
    line1: AddressText | None = None
    line2: AddressText | None = None
    phone_number: AddressText | None = None


class UpsertCustomerRequest(BaseModel):
    """The body of an update; keys that are not here are refused, the key among them: it never changes."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    name: Name
    description: Description | None = None
    labels: Labels | None = None
    usage_attribution: UsageAttribution | None = None
    primary_email: Email | None = None
    currency: Currency | None = None
    billing_address: Address | None = None
    time_zone: TimeZone | None = None


class CreateCustomerRequest(UpsertCustomerRequest):
    """The body of a creation."""

    key: CustomerKey


def create_customer(request: Request, customers: CustomerService) -> Response:
    """POST customers: 201."""
    body = read_body(request, CreateCustomerRequest)
    draft = _draft(body, body.key)
    with renamed_fields("invalid customer", _NAMES):
        customer = customers.create(request.principal.workspace, draft)
    return json_response(201, render_customer(customer))


def list_customers(request: Request, customers: CustomerService) -> Response:
    """GET customers: a page of the live ones that pass the filters, and how many there are."""
    page = read_page(request)
    order_by, descending = read_sort(request, _ORDERS, CustomerOrder.NAME)
    filters = read_filters(request, _FILTERS)
    named = _named_subjects(filters)
    if named is None:
        found = customers.list(request.principal.workspace, order_by=order_by, descending=descending)
    else:
        # Whoever looks for keys is answered at the price of these, however many customers there are.
        found = customers.of_subjects(request.principal.workspace, named, order_by=order_by, descending=descending)
    shown = [one for one in found if all(_admits(condition, one) for condition in filters)]
    return page_response(page, shown, render_customer)


def get_customer(request: Request, customers: CustomerService) -> Response:
    """GET a customer, deleted ones too."""
    found = customers.get(request.principal.workspace, read_id(request, "customerId"))
    return json_response(200, render_customer(found))


def replace_customer(request: Request, customers: CustomerService) -> Response:
    """PUT a customer: what is missing is cleared, but for the key."""
    identity = read_id(request, "customerId")
    draft = _draft(read_body(request, UpsertCustomerRequest), None)
    with renamed_fields("invalid customer", _NAMES):
        customer = customers.replace(request.principal.workspace, identity, draft, keep_key=True)
    return json_response(200, render_customer(customer))


def delete_customer(request: Request, customers: CustomerService) -> Response:
    """DELETE a customer: 204, however often. 409 while it has a subscription."""
    customers.delete(request.principal.workspace, read_id(request, "customerId"))
    return Response(204)


def render_customer(customer: Customer) -> dict[str, Any]:
    """The customer as v3 shows it: labels are always an object, other unset fields are left out."""
    fields = {
        "id": customer.id,
        "name": customer.name,
        "description": customer.description,
        "labels": dict(customer.metadata),
        "created_at": render(customer.created_at_us),
        "updated_at": render(customer.updated_at_us),
        "deleted_at": None if customer.deleted_at_us is None else render(customer.deleted_at_us),
        "key": customer.key,
        "usage_attribution": {"subject_keys": list(customer.subject_keys)} if customer.subject_keys else None,
        "primary_email": customer.primary_email,
        "currency": customer.currency,
        "billing_address": _wire_address(customer),
        "time_zone": None if customer.time_zone == "UTC" else customer.time_zone,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _wire_address(customer: Customer) -> dict[str, str] | None:
    address = customer.billing_address
    return None if address is None else {name: address[name] for name in ADDRESS_FIELDS if name in address}


def _draft(body: UpsertCustomerRequest, key: str | None) -> CustomerDraft:
    address = body.billing_address
    return CustomerDraft(
        name=body.name,
        key=key,
        subject_keys=tuple(body.usage_attribution.subject_keys if body.usage_attribution else ()),
        description=body.description,
        currency=body.currency,
        primary_email=body.primary_email,
        billing_address=None if address is None else address.model_dump(exclude_none=True),
        metadata=read_labels(body.labels, "invalid customer"),
        time_zone=body.time_zone or "UTC",
    )


def _named_subjects(filters: tuple[StringFilter, ...]) -> frozenset[str] | None:
    """The only subjects, one of which a customer must have to pass the filters; None where any may."""
    for one in filters:
        if one.field in ("key", _SUBJECT) and (named := only_values(one.condition)) is not None:
            return named
    return None


def _admits(one: StringFilter, customer: Customer) -> bool:
    if one.field == _SUBJECT:
        # A condition such as neq holds if it holds for one of them; without any there is "".
        return any(one.condition.matches(subject) for subject in customer.subject_keys or ("",))
    texts = {"key": customer.key, "name": customer.name, "primary_email": customer.primary_email}
    return one.condition.matches(texts[one.field] or "")
