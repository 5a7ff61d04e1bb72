"""What customers may use, as OpenMeter v3 and Kong Konnect have it: for one customer, and for many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from dynameter.billing.entitlements.access_query import AccessQuery, CustomerAccess, FeatureAccess
from dynameter.billing.entitlements.entitlement import Access
from dynameter.billing.entitlements.service import EntitlementService
from dynameter.clock import render
from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.bodies import read_body
from dynameter.dialects.openmeter_v3.customers import render_customer
from dynameter.dialects.openmeter_v3.meters import read_id
from dynameter.errors import NotSupported
from dynameter.http.message import Request, Response, json_response

MAX_CUSTOMERS = 100
MAX_FEATURES = 100
MAX_KEY_CHARACTERS = 512
"""Of one key; no customer, subject or feature has a longer one."""

Key = Annotated[str, Field(max_length=MAX_KEY_CHARACTERS)]


class Keys(BaseModel):
    """Keys of customers, or subjects of theirs."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    keys: list[Key] = Field(min_length=1, max_length=MAX_CUSTOMERS)


class FeatureKeys(BaseModel):
    """Keys of features."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    keys: list[Key] = Field(min_length=1, max_length=MAX_FEATURES)


class EntitlementAccessQueryRequest(BaseModel):
    """The body of a query; keys that are not here are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    customer: Keys
    feature: FeatureKeys | None = None
    include_credits: bool = False


def list_access(request: Request, entitlements: EntitlementService) -> Response:
    """GET customers/{customer}/entitlement-access: each entitlement in force, by feature."""
    owner = entitlements.owner_of_customer(request.principal.workspace, read_id(request, "customerId"))
    found = [_render_access(one) for one in entitlements.access(owner)]
    return refuse_large(json_response(200, {"data": found}), "query single features")


def query_access(request: Request, query: AccessQuery) -> Response:
    """POST entitlement-access/query: 200; customers that are not found stand among the errors."""
    body = read_body(request, EntitlementAccessQueryRequest)
    if body.include_credits:
        raise NotSupported("there are no credits; leave include_credits out", code="credits_not_supported")
    features = None if body.feature is None else tuple(dict.fromkeys(body.feature.keys))
    asked = tuple(dict.fromkeys(body.customer.keys))
    found = query.of(request.principal.workspace, asked, features)
    matched = {key for one in found for key in one.matched}
    answer = {
        "data": [_render_customer(one) for one in found],
        "errors": [_render_unknown(key) for key in asked if key not in matched],
        "meta": {"page": {"next": None, "previous": None, **_ends(found), "size": MAX_CUSTOMERS}},
    }
    return refuse_large(json_response(200, answer), "name fewer customers or features")


def _ends(found: Sequence[CustomerAccess]) -> dict[str, str]:
    return {"first": found[0].customer.id, "last": found[-1].customer.id} if found else {}


def _render_access(one: Access) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "type": one.entitlement.type.value,
        "feature_key": one.entitlement.feature_key,
        "has_access": one.has_access,
    }
    return shown if one.config is None else {**shown, "config": one.config}


def _render_customer(one: CustomerAccess) -> dict[str, Any]:
    return {
        "matched": list(one.matched),
        "customer": render_customer(one.customer),
        "features": {key: _render_feature(access) for key, access in one.features.items()},
        "updated_at": render(one.at_us),
    }


def _render_feature(access: FeatureAccess) -> dict[str, Any]:
    if access.reason is None:
        return {"has_access": access.has_access}
    return {"has_access": access.has_access, "reason": {"code": access.reason.value, "message": access.message}}


def _render_unknown(key: str) -> dict[str, Any]:
    shown = key[:MAX_KEY_CHARACTERS]
    return {"customer": shown, "code": "customer_not_found", "message": f"customer not found: {shown}"}
