"""Entitlements as OpenMeter v2 has them: those of a customer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dynameter.billing.entitlements.entitlement import Entitlement, EntitlementDraft, Owner
from dynameter.billing.entitlements.rules import MAX_FIRST_GRANTS
from dynameter.dialects.openmeter_v1.entitlement_wire import (
    Amount,
    EntitlementCreate,
    GrantCreate,
    Priority,
    render_entitlement,
    render_grant,
    render_value,
)
from dynameter.dialects.openmeter_v1.entitlements import SubjectEntitlements, customer_owner, entitlement_reference
from dynameter.dialects.openmeter_v1.lists import page_response, read_page
from dynameter.dialects.parameters import read_flag
from dynameter.http.message import Request, Response
from dynameter.meters.quantity import render_number


class Issue(BaseModel):
    """What is issued after each reset."""

    model_config = ConfigDict(strict=True, frozen=True)

    amount: Amount
    priority: Priority = 1


class EntitlementCreateV2(EntitlementCreate):
    """The body of a new entitlement, with its first grants."""

    issue: Issue | None = None
    grants: list[GrantCreate] | None = Field(
        default=None, max_length=1_000, json_schema_extra={"maxItems": MAX_FIRST_GRANTS}
    )

    def draft(self) -> EntitlementDraft:
        """The entitlement that is asked for; ``issue`` wins over v1's fields."""
        plain = replace(super().draft(), grants=tuple(one.draft() for one in self.grants or ()))
        if self.issue is None:
            return plain
        return replace(plain, issue_after_reset=self.issue.amount, issue_after_reset_priority=self.issue.priority)


class CustomerEntitlements(SubjectEntitlements):
    """The endpoints under customers/{customer}/entitlements."""

    body = EntitlementCreateV2

    def list(self, request: Request) -> Response:
        """GET: a page."""
        owner = self.owner(request)
        found = self._entitlements.list(owner, include_deleted=read_flag(request, "includeDeleted"))
        return page_response(read_page(request), found, lambda one: self.shown(one, owner))

    def list_grants(self, request: Request) -> Response:
        """GET {entitlement}/grants: a page, in the order of their making."""
        entitlement = self._entitlements.find(self.owner(request), entitlement_reference(request))
        found = self._grants.list(entitlement, include_deleted=read_flag(request, "includeDeleted"))
        now_us = self._clock.now_us()
        return page_response(read_page(request), found, lambda one: render_grant(one, entitlement, now_us))

    def owner(self, request: Request) -> Owner:
        """The path's customer."""
        return customer_owner(request, self._entitlements)

    def shown(self, entitlement: Entitlement, owner: Owner) -> dict[str, Any]:
        """The entitlement on this wire."""
        key = owner.customer.key if owner.customer else None
        named = {"customerId": entitlement.customer_id, "customerKey": key}
        shown = render_entitlement(entitlement, self._clock.now_us(), named)
        if entitlement.issue_after_reset is not None:
            amount = render_number(entitlement.issue_after_reset)
            shown["issue"] = {"amount": amount, "priority": entitlement.issue_after_reset_priority}
        return shown

    def shown_value(self, entitlement: Entitlement, owner: Owner, at_us: int | None) -> dict[str, Any]:
        """What the entitlement allows, and what is left of each grant."""
        return render_value(self._entitlements.value(entitlement, owner, at_us), grant_balances=True)
