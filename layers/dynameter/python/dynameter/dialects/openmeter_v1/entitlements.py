"""Entitlements as OpenMeter v1 has them: those of a subject, and what a customer has access to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dynameter.billing.entitlements.entitlement import Entitlement, Owner
from dynameter.billing.entitlements.grants import GrantService
from dynameter.billing.entitlements.service import EntitlementService
from dynameter.billing.plans.plan import EntitlementType
from dynameter.clock import Clock
from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.bodies import read_body, refuse, renamed_fields
from dynameter.dialects.openmeter_v1.entitlement_wire import (
    NAMES,
    EntitlementCreate,
    GrantCreate,
    ResetRequest,
    render_entitlement,
    render_grant,
    render_value,
)
from dynameter.dialects.openmeter_v1.grants import answer_history
from dynameter.dialects.openmeter_v1.lists import page_response, read_page
from dynameter.dialects.parameters import read_flag, read_instant, refuse_parameter
from dynameter.errors import FieldError
from dynameter.http.message import Request, Response, json_response

FindSubject = Callable[[str, str], str]
"""The key of the subject that a workspace knows by an id or key."""
_PAGE_NAMES = ("page", "pageSize")
_TYPES = tuple(one.value for one in EntitlementType)


class SubjectEntitlements:
    """The endpoints under subjects/{subject}/entitlements; v2 has them under customers."""

    body: type[EntitlementCreate] = EntitlementCreate

    def __init__(
        self, entitlements: EntitlementService, grants: GrantService, clock: Clock, find_subject: FindSubject
    ) -> None:
        self._entitlements = entitlements
        self._grants = grants
        self._clock = clock
        self._find_subject = find_subject

    def create(self, request: Request) -> Response:
        """POST: 201; 409 where one to the feature is in force."""
        owner, body = self.owner(request), self._read(request)
        with renamed_fields("invalid entitlement", NAMES):
            found = self._entitlements.create(owner, body.draft())
        return json_response(201, self.shown(found, owner))

    def override(self, request: Request) -> Response:
        """PUT {entitlement}/override: 201 with the entitlement that takes the other's place."""
        owner, body = self.owner(request), self._read(request)
        with renamed_fields("invalid entitlement", NAMES):
            found = self._entitlements.override(owner, entitlement_reference(request), body.draft())
        return json_response(201, self.shown(found, owner))

    def list(self, request: Request) -> Response:
        """GET: a bare array."""
        owner = self.owner(request)
        found = self._entitlements.list(owner, include_deleted=read_flag(request, "includeDeleted"))
        return json_response(200, [self.shown(one, owner) for one in found])

    def get(self, request: Request) -> Response:
        """GET {entitlement}, by its id or its feature's key."""
        owner = self.owner(request)
        return json_response(200, self.shown(self._entitlements.find(owner, entitlement_reference(request)), owner))

    def delete(self, request: Request) -> Response:
        """DELETE {entitlement}: 204; its end is now."""
        self._entitlements.delete(self.owner(request), entitlement_reference(request))
        return Response(204)

    def value(self, request: Request) -> Response:
        """GET {entitlement}/value at ``time``, or now."""
        owner, at_us = self.owner(request), read_instant(request, "time")
        found = self._entitlements.find(owner, entitlement_reference(request), at_us)
        return json_response(200, self.shown_value(found, owner, at_us))

    def history(self, request: Request) -> Response:
        """GET {entitlement}/history by ``windowSize``, ``from``, ``to`` and ``windowTimeZone``."""
        owner = self.owner(request)
        entitlement = self._entitlements.find(owner, entitlement_reference(request))
        usage = self._entitlements.usage_between(entitlement, owner)
        return answer_history(request, self._grants, entitlement, usage)

    def add_grant(self, request: Request) -> Response:
        """POST {entitlement}/grants: 201."""
        owner, body = self.owner(request), read_body(request, GrantCreate)
        entitlement = self._entitlements.find(owner, entitlement_reference(request))
        with renamed_fields("invalid grant", NAMES):
            grant = self._grants.create(entitlement, body.draft())
        return json_response(201, render_grant(grant, entitlement, self._clock.now_us()))

    def list_grants(self, request: Request) -> Response:
        """GET {entitlement}/grants: a bare array, in the order of their making."""
        entitlement = self._entitlements.find(self.owner(request), entitlement_reference(request))
        found = self._grants.list(entitlement, include_deleted=read_flag(request, "includeDeleted"))
        body = [render_grant(one, entitlement, self._clock.now_us()) for one in found]
        return refuse_large(json_response(200, body), "ask for them in pages, as v2 has them")

    def reset(self, request: Request) -> Response:
        """POST {entitlement}/reset: 204."""
        body = read_body(request, ResetRequest) if request.body.strip() else ResetRequest()
        entitlement = self._entitlements.find(self.owner(request), entitlement_reference(request))
        with renamed_fields("invalid reset", NAMES):
            self._grants.reset(entitlement, body.draft())
        return Response(204)

    # ---- what v2 has otherwise

    def owner(self, request: Request) -> Owner:
        """Whose entitlements the path's subject has."""
        workspace = request.principal.workspace
        subject = self._find_subject(workspace, request.path.get("subjectIdOrKey", ""))
        return self._entitlements.owner_of_subject(workspace, subject)

    def shown(self, entitlement: Entitlement, owner: Owner) -> dict[str, Any]:
        """The entitlement on this wire."""
        subject = owner.subject or entitlement.subject_key
        key = owner.customer.key if owner.customer else None
        named = {"subjectKey": subject, "customerId": entitlement.customer_id, "customerKey": key}
        return render_entitlement(entitlement, self._clock.now_us(), named)

    def shown_value(self, entitlement: Entitlement, owner: Owner, at_us: int | None) -> dict[str, Any]:
        """What the entitlement allows, on this wire."""
        return render_value(self._entitlements.value(entitlement, owner, at_us))

    def _read(self, request: Request) -> EntitlementCreate:
        body = read_body(request, self.body)
        if not body.feature_key and not body.feature_id:
            message = "featureKey or featureId is required"
            raise refuse("invalid entitlement", (FieldError(("body", "featureKey"), "required", message),))
        return body


def list_all_entitlements(request: Request, entitlements: EntitlementService, clock: Clock) -> Response:
    """GET entitlements: the workspace's, filtered by ``feature``, ``subject`` and type; a bare array without a page."""
    features, subjects = set(request.query_values("feature")), set(request.query_values("subject"))
    types = _read_types(request)
    deleted = read_flag(request, "includeDeleted")
    found = [
        one
        for one in entitlements.list_all(request.principal.workspace, include_deleted=deleted)
        if (not features or features & {one.feature_key, one.feature_id})
        and (not subjects or one.subject_key in subjects)
        and (not types or one.type.value in types)
    ]
    page = read_page(request)
    if any(request.query_values(name) for name in _PAGE_NAMES):
        return page_response(page, found, lambda one: _shown(one, clock))
    body = [_shown(one, clock) for one in found]
    return refuse_large(json_response(200, body), "ask for a page")


def _read_types(request: Request) -> set[str]:
    types = set(request.query_values("entitlementType"))
    for one in types:
        if one not in _TYPES:
            raise refuse_parameter("entitlementType", "enum", f"must be one of {', '.join(_TYPES)}", one, _TYPES)
    return types


def get_any_entitlement(request: Request, entitlements: EntitlementService, clock: Clock) -> Response:
    """GET entitlements/{id}."""
    found = entitlements.get(request.principal.workspace, request.path.get("entitlementId", ""))
    return json_response(200, _shown(found, clock))


def get_customer_access(request: Request, entitlements: EntitlementService) -> Response:
    """GET customers/{customer}/access: what each of the customer's entitlements allows, by feature."""
    found = entitlements.access(customer_owner(request, entitlements))
    return json_response(200, {"entitlements": {one.entitlement.feature_key: render_value(one) for one in found}})


def get_customer_value(request: Request, entitlements: EntitlementService) -> Response:
    """GET customers/{customer}/entitlements/{featureKey}/value at ``time``, or now."""
    owner, at_us = customer_owner(request, entitlements), read_instant(request, "time")
    found = entitlements.find(owner, request.path.get("featureKey", ""), at_us)
    return json_response(200, render_value(entitlements.value(found, owner, at_us)))


def void_grant(request: Request, grants: GrantService) -> Response:
    """DELETE grants/{id}: 204, however often."""
    grants.void(request.principal.workspace, request.path.get("grantId", ""))
    return Response(204)


def customer_owner(request: Request, entitlements: EntitlementService) -> Owner:
    """The path's customer. Raises NotFound."""
    return entitlements.owner_of_customer(request.principal.workspace, request.path.get("customerIdOrKey", ""))


def entitlement_reference(request: Request) -> str:
    """The path's entitlement, by its id or its feature's key."""
    return request.path.get("entitlementIdOrFeatureKey", "")


def _shown(entitlement: Entitlement, clock: Clock) -> dict[str, Any]:
    named = {"subjectKey": entitlement.subject_key, "customerId": entitlement.customer_id}
    return render_entitlement(entitlement, clock.now_us(), named)
