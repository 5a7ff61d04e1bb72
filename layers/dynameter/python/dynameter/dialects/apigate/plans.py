"""``/admin/plans``: what users may use in a month.

Attributes are those of APIGate's page on plans; money is in cents. What only a proxy or a payment provider needs is
accepted, not kept, and told in ``meta.ignored``.
"""

from __future__ import annotations

from typing import Any

from dynameter.clock import render
from dynameter.dialects.apigate.jsonapi import (
    Attributes,
    Document,
    entity_tag,
    page_response,
    read_document,
    read_precondition,
    resource_response,
)
from dynameter.gateway.plan import EnforceMode, MeterType, Plan, PlanChange
from dynameter.gateway.service import PlanService
from dynameter.http.message import Request, Response
from dynameter.meters.quantity import render_number

PATH = "/admin/plans"
TYPE = "plans"

IGNORED = frozenset(
    {
        "created_at",
        "lemon_variant_id",
        "paddle_price_id",
        "rate_limit_per_minute",
        "stripe_price_id",
        "trial_days",
        "updated_at",
    }
)
"""APIGate's attributes that say nothing about quotas, and those that the service sets itself."""
REFUSED = {"is_default": "is not supported: the plan of a user who was given none is free"}


def create_plan(request: Request, plans: PlanService) -> Response:
    """``POST /admin/plans``: 201; without an id the name makes one."""
    document, change, attributes = _read(request)
    with document.located():
        chosen = document.chosen_id(attributes)
        ignored = attributes.finish(IGNORED, REFUSED)
        plan = plans.create(request.principal.workspace, chosen, change, attributes.faults)
    headers = {"location": f"{PATH}/{plan.id}", "etag": entity_tag(plan.version)}
    return resource_response(201, _resource(plan), ignored=ignored, headers=headers)


def list_plans(request: Request, plans: PlanService) -> Response:
    """``GET /admin/plans``: a page by id, the built-in plan among them."""
    return page_response(request, PATH, plans.list(request.principal.workspace), _resource, {})


def get_plan(request: Request, plans: PlanService) -> Response:
    """``GET /admin/plans/{id}``."""
    plan = plans.find(request.principal.workspace, request.path["id"])
    return resource_response(200, _resource(plan), headers={"etag": entity_tag(plan.version)})


def update_plan(request: Request, plans: PlanService) -> Response:
    """``PATCH /admin/plans/{id}``: sets the attributes given; ``If-Match`` makes it depend on the version."""
    document, change, attributes = _read(request)
    with document.located():
        document.check_id(request.path["id"])
        ignored = attributes.finish({*IGNORED, "id"}, REFUSED)
        plan = plans.update(
            request.principal.workspace,
            request.path["id"],
            change,
            attributes.faults,
            version=read_precondition(request),
        )
    headers = {"etag": entity_tag(plan.version)}
    return resource_response(200, _resource(plan), ignored=ignored, headers=headers)


def delete_plan(request: Request, plans: PlanService) -> Response:
    """``DELETE /admin/plans/{id}``: 204, or 409 while users have it."""
    plans.delete(request.principal.workspace, request.path["id"], version=read_precondition(request))
    return Response(204)


def _read(request: Request) -> tuple[Document, PlanChange, Attributes]:
    document = read_document(request, TYPE)
    attributes = Attributes(document.attributes)
    change = PlanChange(
        name=attributes.text("name"),
        description=attributes.text("description"),
        requests_per_month=attributes.whole("requests_per_month"),
        meter_type=attributes.choice("meter_type", MeterType),
        estimated_cost_per_req=attributes.number("estimated_cost_per_req"),
        quota_enforce_mode=attributes.choice("quota_enforce_mode", EnforceMode),
        quota_grace_pct=attributes.number("quota_grace_pct"),
        price_monthly=attributes.whole("price_monthly"),
        overage_price=attributes.number("overage_price"),
        time_zone=attributes.text("time_zone"),
        enabled=attributes.flag("enabled"),
    )
    return document, change, attributes


def _resource(plan: Plan) -> dict[str, Any]:
    return {
        "type": TYPE,
        "id": plan.id,
        "attributes": {
            "name": plan.name,
            "description": plan.description,
            "requests_per_month": plan.requests_per_month,
            "meter_type": plan.meter_type.value,
            "estimated_cost_per_req": render_number(plan.estimated_cost_per_req),
            "quota_enforce_mode": plan.quota_enforce_mode.value,
            "quota_grace_pct": render_number(plan.quota_grace_pct),
            "price_monthly": plan.price_monthly,
            "overage_price": render_number(plan.overage_price),
            "time_zone": plan.time_zone,
            "enabled": plan.enabled,
            "built_in": not plan.version,
            "created_at": render(plan.created_at_us) if plan.version else None,
            "updated_at": render(plan.updated_at_us) if plan.version else None,
        },
        "links": {"self": f"{PATH}/{plan.id}"},
    }
