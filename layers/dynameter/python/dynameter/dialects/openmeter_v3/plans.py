"""Plans as OpenMeter v3 and Kong Konnect have them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dynameter.billing.features.service import FeatureService
from dynameter.billing.plans.plan import Phase, Plan, PlanDraft
from dynameter.billing.plans.rules import MAX_PHASES
from dynameter.billing.plans.service import MAX_FEATURES_ASKED, PlanOrder, PlanService
from dynameter.clock import Clock, render
from dynameter.dialects.billing_fields import renamed, worded
from dynameter.dialects.bodies import read_body, refuse
from dynameter.dialects.openmeter_v3.filters import read_filters
from dynameter.dialects.openmeter_v3.labels import read_labels
from dynameter.dialects.openmeter_v3.lists import page_response, read_page, read_sort
from dynameter.dialects.openmeter_v3.meters import read_id
from dynameter.dialects.openmeter_v3.rate_cards import NAMES, PhaseBody, feature_ids, read_phases, render_phase
from dynameter.dialects.openmeter_v3.texts import Labels
from dynameter.dialects.statuses import field_path
from dynameter.dialects.texts import Currency, Description, Duration, Name, Slug
from dynameter.errors import FieldError, NotFound
from dynameter.http.message import Request, Response, json_response

_INVALID = "invalid plan"
_ORDERS = {one.value: one for one in PlanOrder}


class UpdatePlanRequest(BaseModel):
    """The body of an update; keys that are not here are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    name: Name
    description: Description | None = None
    labels: Labels | None = None
    pro_rating_enabled: bool = True
    phases: list[PhaseBody] = Field(json_schema_extra={"minItems": 1, "maxItems": MAX_PHASES})


class CreatePlanRequest(UpdatePlanRequest):
    """The body of a creation."""

    key: Slug
    currency: Currency
    billing_cadence: Duration


class PlanEndpoints:
    """The endpoints of plans; the clock tells their status."""

    def __init__(self, plans: PlanService, features: FeatureService, clock: Clock) -> None:
        self._plans = plans
        self._features = features
        self._clock = clock

    def create(self, request: Request) -> Response:
        """POST plans: 201 and a draft, of the next version where the key has one."""
        body = read_body(request, CreatePlanRequest)
        draft = self._draft(request, body, body.key, body.currency, body.billing_cadence)
        with worded(_INVALID, NAMES):
            plan = self._plans.create(request.principal.workspace, draft)
        return json_response(201, self.render(plan))

    def list(self, request: Request) -> Response:
        """GET plans: a page of the versions of all plans that pass the filters."""
        page = read_page(request)
        order_by, descending = read_sort(request, _ORDERS, PlanOrder.CREATED_AT)
        filters = read_filters(request, ("key", "name", "status", "currency"))
        workspace = request.principal.workspace
        found = [
            one
            for one in self._plans.list(workspace, order_by=order_by, descending=descending)
            if all(condition.admits(self._filtered(one)) for condition in filters)
        ]
        problems = self._plans.problem_finder(workspace)
        return page_response(page, found, lambda one: self._render(one, problems(one)))

    def get(self, request: Request) -> Response:
        """GET a version of a plan, deleted ones too."""
        return json_response(200, self.render(self._plans.get(request.principal.workspace, _plan_id(request))))

    def update(self, request: Request) -> Response:
        """PUT a draft; labels and a description that are missing are dropped."""
        identity = _plan_id(request)
        body = read_body(request, UpdatePlanRequest)
        draft = self._draft(request, body, "", "", "")

        def change(before: Plan) -> PlanDraft:
            return PlanDraft(
                key=before.key,
                name=draft.name,
                currency=before.currency,
                cadence=before.cadence,
                phases=draft.phases,
                description=draft.description,
                metadata=draft.metadata,
                settlement_mode=before.settlement_mode,
                pro_rating=draft.pro_rating,
            )

        with worded(_INVALID, NAMES):
            plan = self._plans.update(request.principal.workspace, identity, change)
        return json_response(200, self.render(plan))

    def delete(self, request: Request) -> Response:
        """DELETE a draft or an archived plan: 204, however often."""
        self._plans.delete(request.principal.workspace, _plan_id(request))
        return Response(204)

    def publish(self, request: Request) -> Response:
        """POST publish: the draft becomes the active version."""
        with worded("the plan cannot be published", NAMES):
            plan = self._plans.publish(request.principal.workspace, _plan_id(request))
        return json_response(200, self.render(plan))

    def archive(self, request: Request) -> Response:
        """POST archive: nobody can subscribe to the version any more."""
        return json_response(200, self.render(self._plans.archive(request.principal.workspace, _plan_id(request))))

    def render(self, plan: Plan) -> dict[str, Any]:
        """The plan as v3 shows it: labels are always an object, other unset fields are left out."""
        return self._render(plan, self._plans.problems(plan))

    def _render(self, plan: Plan, problems: tuple[FieldError, ...]) -> dict[str, Any]:
        fields = {
            "id": plan.id,
            "name": plan.name,
            "description": plan.description,
            "labels": dict(plan.metadata),
            "created_at": render(plan.created_at_us),
            "updated_at": render(plan.updated_at_us),
            "deleted_at": _instant(plan.deleted_at_us),
            "key": plan.key,
            "version": plan.plan_version,
            "currency": plan.currency,
            "billing_cadence": plan.cadence,
            "pro_rating_enabled": plan.pro_rating,
            "effective_from": _instant(plan.effective_from_us),
            "effective_to": _instant(plan.effective_to_us),
            "status": plan.status(self._clock.now_us()).value,
            "phases": [render_phase(phase) for phase in plan.phases],
            "validation_errors": [_render_problem(one) for one in renamed(problems, NAMES)] or None,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def _draft(self, request: Request, body: UpdatePlanRequest, key: str, currency: str, cadence: str) -> PlanDraft:
        return PlanDraft(
            key=key,
            name=body.name,
            currency=currency,
            cadence=cadence,
            phases=self._phases(request, body.phases),
            description=body.description,
            metadata=read_labels(body.labels, _INVALID),
            pro_rating=body.pro_rating_enabled,
        )

    def _phases(self, request: Request, bodies: Iterable[PhaseBody]) -> tuple[Phase, ...]:
        """The phases of a body. Raises InvalidInput naming every feature that is not there."""
        kept = tuple(bodies)
        places = feature_ids(kept)
        keys = self._feature_keys(request.principal.workspace, tuple(places))
        wrong = [
            FieldError(place, "feature_not_found", f"there is no feature with id {one[:64]}", one[:64])
            for one, place in places.items()
            if one not in keys
        ]
        if wrong:
            raise refuse(_INVALID, wrong)
        return read_phases(kept, keys)

    def _feature_keys(self, workspace: str, ids: tuple[str, ...]) -> dict[str, str]:
        """The keys of those of the features that are live, by id; for many all features are listed."""
        if len(ids) > MAX_FEATURES_ASKED:
            live = {one.id: one.key for one in self._features.list(workspace)}
            return {one: live[one.upper()] for one in ids if one.upper() in live}
        keys: dict[str, str] = {}
        for one in ids:
            with suppress(NotFound):
                feature = self._features.get(workspace, one)
                if feature.archived_at_us is None:
                    keys[one] = feature.key
        return keys

    def _filtered(self, plan: Plan) -> dict[str, str]:
        status = plan.status(self._clock.now_us()).value
        return {"key": plan.key, "name": plan.name, "status": status, "currency": plan.currency}


def _plan_id(request: Request) -> str:
    return read_id(request, "planId")


def _instant(instant_us: int | None) -> str | None:
    return None if instant_us is None else render(instant_us)


def _render_problem(one: FieldError) -> dict[str, Any]:
    return {"field": field_path(one.location), "code": one.rule, "message": one.message}
