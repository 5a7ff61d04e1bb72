"""``/admin/users/{id}/plan``: the plan of a user, who is the subject of the user's events."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from dynameter.clock import render
from dynameter.dialects.apigate.jsonapi import Attributes, read_document, resource_response
from dynameter.gateway.plan import DEFAULT_PLAN, User
from dynameter.gateway.service import PlanService
from dynameter.http.message import Request, Response

TYPE = "users"


def set_plan(request: Request, plans: PlanService) -> Response:
    """``PUT /admin/users/{id}/plan``: ``{"plan_id"}``; the same again changes nothing."""
    document = read_document(request, TYPE)
    with document.located():
        document.check_id(request.path["id"])
        attributes = Attributes(document.attributes)
        plan_id = attributes.text("plan_id")
        ignored = attributes.finish({"assigned", "created_at", "updated_at"})
        user = plans.set_plan(request.principal.workspace, request.path["id"], plan_id, attributes.faults)
    return resource_response(200, _resource(user.id, user), ignored=ignored)


def get_plan(request: Request, plans: PlanService) -> Response:
    """``GET /admin/users/{id}/plan``: of a user who was given none, ``free`` and ``assigned`` false."""
    user_id = request.path["id"]
    return resource_response(200, _resource(user_id, plans.find_user(request.principal.workspace, user_id)))


def _resource(user_id: str, user: User | None) -> dict[str, Any]:
    plan_id = DEFAULT_PLAN if user is None else user.plan_id
    return {
        "type": TYPE,
        "id": user_id,
        "attributes": {
            "plan_id": plan_id,
            "assigned": user is not None,
            "created_at": None if user is None else render(user.created_at_us),
            "updated_at": None if user is None else render(user.updated_at_us),
        },
        "relationships": {"plan": {"data": {"type": "plans", "id": plan_id}}},
        "links": {"self": f"/admin/users/{quote(user_id, safe='')}/plan"},
    }
