"""Plans as OpenMeter v1 has them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dynameter.billing.plans.plan import Plan, PlanDraft, PlanStatus, SettlementMode
from dynameter.billing.plans.rules import MAX_PHASES
from dynameter.billing.plans.service import PlanOrder, PlanService
from dynameter.clock import Clock, render
from dynameter.dialects.billing_fields import renamed, worded
from dynameter.dialects.bodies import read_body
from dynameter.dialects.openmeter_v1.lists import page_response, read_page
from dynameter.dialects.openmeter_v1.rate_cards import NAMES, PhaseBody, read_phases, render_phase
from dynameter.dialects.parameters import read_choice, read_flag, refuse_parameter
from dynameter.dialects.statuses import field_path
from dynameter.dialects.texts import Currency, Description, Duration, Metadata, Name, Slug
from dynameter.errors import FieldError
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.rules import is_id

PRO_RATING_MODE = "prorate_prices"
_INVALID = "invalid plan"
_ORDERS = {one.value: one for one in PlanOrder} | {
    "createdAt": PlanOrder.CREATED_AT,
    "updatedAt": PlanOrder.UPDATED_AT,
}
_KEY_VERSION = "keyVersion["


class ProRatingConfig(BaseModel):
    """Whether fees are cut to the part of their period that is billed."""

    model_config = ConfigDict(strict=True, frozen=True)

    enabled: bool = True
    mode: Literal["prorate_prices"] = "prorate_prices"


class PlanUpdate(BaseModel):
    """The body of an update; OpenMeter ignores keys it does not know."""

    model_config = ConfigDict(strict=True, frozen=True)

    name: Name
    description: Description | None = None
    metadata: Metadata | None = None
    billing_cadence: Duration = Field(alias="billingCadence")
    pro_rating: ProRatingConfig | None = Field(default=None, alias="proRatingConfig")
    settlement_mode: Literal["credit_then_invoice", "credit_only"] | None = Field(default=None, alias="settlementMode")
    phases: list[PhaseBody] = Field(json_schema_extra={"minItems": 1, "maxItems": MAX_PHASES})

    def draft(self, key: str, currency: str) -> PlanDraft:
        """The draft that the body asks for."""
        return PlanDraft(
            key=key,
            name=self.name,
            currency=currency,
            cadence=self.billing_cadence,
            phases=read_phases(self.phases),
            description=self.description,
            metadata=self.metadata or {},
            settlement_mode=SettlementMode(self.settlement_mode or "credit_then_invoice"),
            pro_rating=(self.pro_rating or ProRatingConfig()).enabled,
        )


class PlanCreate(PlanUpdate):
    """The body of a creation."""

    key: Slug
    currency: Currency = "USD"


class PlanEndpoints:
    """The endpoints of plans; the clock tells their status."""

    def __init__(self, plans: PlanService, clock: Clock) -> None:
        self._plans = plans
        self._clock = clock

    def create(self, request: Request) -> Response:
        """POST plans: 201 and a draft, of the next version where the key has one."""
        body = read_body(request, PlanCreate)
        with worded(_INVALID, NAMES):
            plan = self._plans.create(request.principal.workspace, body.draft(body.key, body.currency))
        return json_response(201, self.render(plan))

    def list(self, request: Request) -> Response:
        """GET plans: a page of the versions of all plans that pass the filters."""
        page = read_page(request)
        order_by = read_choice(request, "orderBy", tuple(_ORDERS), "created_at")
        found = self._plans.list(
            request.principal.workspace,
            include_deleted=read_flag(request, "includeDeleted"),
            order_by=_ORDERS[order_by],
            descending=read_choice(request, "order", ("ASC", "DESC"), "ASC") == "DESC",
        )
        passes = self._read_filters(request)
        problems = self._plans.problem_finder(request.principal.workspace)
        return page_response(
            page, [one for one in found if passes.admit(one)], lambda one: self._render(one, problems(one))
        )

    def get(self, request: Request) -> Response:
        """GET a plan by id, or by key its active version (``includeLatest``: its latest)."""
        return json_response(200, self.render(self._find(request)))

    def update(self, request: Request) -> Response:
        """PUT a draft; what is missing is reset."""
        body = read_body(request, PlanUpdate)
        with worded(_INVALID, NAMES):
            plan = self._plans.update(
                request.principal.workspace, request.path["planId"], lambda before: body.draft(before.key, "")
            )
        return json_response(200, self.render(plan))

    def delete(self, request: Request) -> Response:
        """DELETE a draft or an archived plan: 204, however often."""
        self._plans.delete(request.principal.workspace, request.path["planId"])
        return Response(204)

    def publish(self, request: Request) -> Response:
        """POST publish: the draft becomes the active version."""
        with worded("the plan cannot be published", NAMES):
            plan = self._plans.publish(request.principal.workspace, request.path["planId"])
        return json_response(200, self.render(plan))

    def archive(self, request: Request) -> Response:
        """POST archive: nobody can subscribe to the version any more."""
        return json_response(200, self.render(self._plans.archive(request.principal.workspace, request.path["planId"])))

    def next(self, request: Request) -> Response:
        """POST next: 201 and a draft that is a copy of the latest version."""
        return json_response(201, self.render(self._plans.next(request.principal.workspace, request.path["planId"])))

    def render(self, plan: Plan) -> dict[str, Any]:
        """The plan as v1 shows it: unset metadata and validation errors are null, other unset fields are left out."""
        return self._render(plan, self._plans.problems(plan))

    def _render(self, plan: Plan, problems: tuple[FieldError, ...]) -> dict[str, Any]:
        optional = {
            "deletedAt": plan.deleted_at_us,
            "effectiveFrom": plan.effective_from_us,
            "effectiveTo": plan.effective_to_us,
        }
        shown = {
            "id": plan.id,
            "createdAt": render(plan.created_at_us),
            "updatedAt": render(plan.updated_at_us),
            "key": plan.key,
            "name": plan.name,
            "metadata": dict(plan.metadata) or None,
            "version": plan.plan_version,
            "currency": plan.currency,
            "billingCadence": plan.cadence,
            "proRatingConfig": {"enabled": plan.pro_rating, "mode": PRO_RATING_MODE},
            "status": plan.status(self._clock.now_us()).value,
            "settlementMode": plan.settlement_mode.value,
            "phases": [render_phase(phase) for phase in plan.phases],
            "validationErrors": [_render_problem(one) for one in renamed(problems, NAMES)] or None,
        }
        described = {} if plan.description is None else {"description": plan.description}
        instants = {name: render(instant) for name, instant in optional.items() if instant is not None}
        return shown | described | instants

    def _find(self, request: Request) -> Plan:
        workspace, reference = request.principal.workspace, request.path["planId"]
        wants_latest = read_flag(request, "includeLatest")
        if is_id(reference):
            return self._plans.get(workspace, reference)
        if wants_latest:
            return self._plans.latest(workspace, reference)
        return self._plans.find(workspace, reference)

    def _read_filters(self, request: Request) -> _Filters:
        now_us = self._clock.now_us()
        statuses = request.query_values("status")
        known = tuple(one.value for one in PlanStatus)
        for one in statuses:
            if one not in known:
                raise refuse_parameter("status", "enum", f"must be one of {', '.join(known)}", one, known)
        return _Filters(request, now_us)


class _Filters:
    """What a list of plans is narrowed to; each parameter may be there several times, one of its values must fit."""

    def __init__(self, request: Request, now_us: int) -> None:
        self._now_us = now_us
        self._values = {name: set(request.query_values(name)) for name in ("id", "key", "status", "currency")}
        self._versions = set(_key_versions(request))

    def admit(self, plan: Plan) -> bool:
        """Whether the plan is one of those asked for."""
        status = plan.status(self._now_us).value
        own = {"id": plan.id, "key": plan.key, "status": status, "currency": plan.currency}
        fits = all(own[name] in wanted for name, wanted in self._values.items() if wanted)
        return fits and (not self._versions or (plan.key, str(plan.plan_version)) in self._versions)


def _key_versions(request: Request) -> list[tuple[str, str]]:
    """``keyVersion[<key>]=<version>`` as OpenMeter's SDKs send it, with ``[]`` behind or without."""
    pairs = ((name.removesuffix("[]"), value) for name, value in request.query if name.startswith(_KEY_VERSION))
    return [(name[len(_KEY_VERSION) : -1], value) for name, value in pairs if name.endswith("]")]


def _render_problem(one: FieldError) -> dict[str, Any]:
    return {"field": field_path(one.location), "code": one.rule, "message": one.message}
