"""Customers as OpenMeter v1 has them. ``timeZone``, which places billing periods, is this service's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dynameter.billing.customers.customer import Customer, CustomerDraft
from dynameter.billing.customers.service import CustomerOrder, CustomerService
from dynameter.clock import render
from dynameter.dialects.bodies import read_body, renamed_fields
from dynameter.dialects.openmeter_v1.lists import page_response, read_page
from dynameter.dialects.parameters import read_choice, read_flag, refuse_parameter
from dynameter.dialects.texts import (
    AddressText,
    Country,
    Currency,
    CustomerKey,
    Description,
    Email,
    Metadata,
    Name,
    SubjectKeys,
    TimeZone,
)
from dynameter.filters import MAX_CHARACTERS
from dynameter.http.message import Request, Response, json_response

ADDRESS_NAMES = {
    "country": "country",
    "postal_code": "postalCode",
    "state": "state",
    "city": "city",
    "line1": "line1",
    "line2": "line2",
    "phone_number": "phoneNumber",
}
"""The core's names of an address's fields, and v1's."""

_NAMES = {
    "subject_keys": "usageAttribution.subjectKeys",
    "primary_email": "primaryEmail",
    "time_zone": "timeZone",
    **{f"billing_address.{core}": f"billingAddress.{wire}" for core, wire in ADDRESS_NAMES.items()},
}
_ORDERS = {"id": CustomerOrder.ID, "name": CustomerOrder.NAME, "createdAt": CustomerOrder.CREATED_AT}


class UsageAttribution(BaseModel):
    """The subjects whose usage is the customer's, beside its key."""

    model_config = ConfigDict(strict=True, frozen=True)

    subject_keys: SubjectKeys = Field(alias="subjectKeys")


class Address(BaseModel):
    """A billing address."""

    model_config = ConfigDict(strict=True, frozen=True)

    country: Country | None = None
    postal_code: AddressText | None = Field(default=None, alias="postalCode")
    state: AddressText | None = None
    city: AddressText | None = None
    line1: AddressText | None = None
    line2: AddressText | None = None
    phone_number: AddressText | None = Field(default=None, alias="phoneNumber")


class CustomerBody(BaseModel):
    """The body of a creation and of an update; OpenMeter ignores keys it does not know."""

    model_config = ConfigDict(strict=True, frozen=True)

    name: Name
    key: CustomerKey | None = None
    description: Description | None = None
    metadata: Metadata | None = None
    usage_attribution: UsageAttribution | None = Field(default=None, alias="usageAttribution")
    primary_email: Email | None = Field(default=None, alias="primaryEmail")
    currency: Currency | None = None
    billing_address: Address | None = Field(default=None, alias="billingAddress")
    time_zone: TimeZone | None = Field(default=None, alias="timeZone")


def create_customer(request: Request, customers: CustomerService) -> Response:
    """POST customers: 201."""
    draft = _draft(read_body(request, CustomerBody))
    with renamed_fields("invalid customer", _NAMES):
        customer = customers.create(request.principal.workspace, draft)
    return json_response(201, render_customer(customer))


def list_customers(request: Request, customers: CustomerService) -> Response:
    """GET customers: a page of those whose texts contain what is asked for, in either case."""
    page = read_page(request)
    order_by = read_choice(request, "orderBy", tuple(_ORDERS), "name")
    descending = read_choice(request, "order", ("ASC", "DESC"), "ASC") == "DESC"
    if request.query_values("planKey"):
        raise refuse_parameter("planKey", "unsupported", "customers cannot be listed by their plan")
    wanted = {name: _part(request, name) for name in ("key", "name", "primaryEmail", "subject")}
    found = customers.list(
        request.principal.workspace,
        include_deleted=read_flag(request, "includeDeleted"),
        order_by=_ORDERS[order_by],
        descending=descending,
    )
    shown = [one for one in found if all(_contains(one, name, part) for name, part in wanted.items() if part)]
    return page_response(page, shown, render_customer)


def get_customer(request: Request, customers: CustomerService) -> Response:
    """GET a customer by key (live ones) or id (deleted ones too)."""
    return json_response(200, render_customer(customers.find(request.principal.workspace, reference(request))))


def replace_customer(request: Request, customers: CustomerService) -> Response:
    """PUT a customer: what is missing is cleared; 409 for a deleted one."""
    draft = _draft(read_body(request, CustomerBody))
    with renamed_fields("invalid customer", _NAMES):
        customer = customers.replace(request.principal.workspace, reference(request), draft)
    return json_response(200, render_customer(customer))


def delete_customer(request: Request, customers: CustomerService) -> Response:
    """DELETE a customer: 204; again by key 404, again by id 204. 409 while it has a subscription."""
    customers.delete(request.principal.workspace, reference(request))
    return Response(204)


def reference(request: Request) -> str:
    """The path's customer id or key."""
    return request.path.get("customerIdOrKey", "")


def render_customer(customer: Customer) -> dict[str, Any]:
    """The customer as v1 shows it: unset metadata is null, other unset fields are left out."""
    shown: dict[str, Any] = {
        "id": customer.id,
        "createdAt": render(customer.created_at_us),
        "updatedAt": render(customer.updated_at_us),
        "name": customer.name,
        "metadata": dict(customer.metadata) or None,
    }
    optional = {
        "deletedAt": None if customer.deleted_at_us is None else render(customer.deleted_at_us),
        "description": customer.description,
        "key": customer.key,
        "usageAttribution": {"subjectKeys": list(customer.subject_keys)} if customer.subject_keys else None,
        "primaryEmail": customer.primary_email,
        "currency": customer.currency,
        "billingAddress": None if customer.billing_address is None else dict(_wire_address(customer)),
        "timeZone": None if customer.time_zone == "UTC" else customer.time_zone,
    }
    return shown | {name: value for name, value in optional.items() if value is not None}


def _wire_address(customer: Customer) -> Iterator[tuple[str, str]]:
    address = customer.billing_address or {}
    return ((wire, address[core]) for core, wire in ADDRESS_NAMES.items() if core in address)


def _draft(body: CustomerBody) -> CustomerDraft:
    address = body.billing_address
    return CustomerDraft(
        name=body.name,
        key=body.key,
        subject_keys=tuple(body.usage_attribution.subject_keys if body.usage_attribution else ()),
        description=body.description,
        currency=body.currency,
        primary_email=body.primary_email,
        billing_address=None if address is None else address.model_dump(exclude_none=True),
        metadata=body.metadata or {},
        time_zone=body.time_zone or "UTC",
    )


def _part(request: Request, name: str) -> str:
    """What the parameter looks for, folded; empty where it is absent."""
    values = request.query_values(name)
    if values and len(values[-1]) > MAX_CHARACTERS:
        raise refuse_parameter(name, "max_length", f"must have at most {MAX_CHARACTERS} characters")
    return values[-1].casefold() if values else ""


def _contains(customer: Customer, name: str, part: str) -> bool:
    if name == "subject":
        return any(part in subject.casefold() for subject in customer.subject_keys)
    texts = {"key": customer.key, "name": customer.name, "primaryEmail": customer.primary_email}
    return part in (texts[name] or "").casefold()
