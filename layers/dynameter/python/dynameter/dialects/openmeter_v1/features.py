"""Features as OpenMeter v1 has them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dynameter.billing.features.feature import Feature, FeatureDraft
from dynameter.billing.features.service import FeatureOrder, FeatureService
from dynameter.clock import render
from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.bodies import read_body, refuse, renamed_fields
from dynameter.dialects.openmeter_v1.lists import page_response, read_page
from dynameter.dialects.parameters import read_choice, read_flag, read_whole
from dynameter.dialects.texts import Metadata, Name, Slug
from dynameter.errors import FieldError
from dynameter.http.message import Request, Response, json_response

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MAX_OFFSET = 1_000_000

_SIMPLE, _ADVANCED = "meterGroupByFilters", "advancedMeterGroupByFilters"
_NAMES = {"meter": "meterSlug", "filters": _ADVANCED}
_ORDERS = {
    "id": FeatureOrder.ID,
    "key": FeatureOrder.KEY,
    "name": FeatureOrder.NAME,
    "createdAt": FeatureOrder.CREATED_AT,
    "updatedAt": FeatureOrder.UPDATED_AT,
}


class FeatureCreateInputs(BaseModel):
    """The body of a creation; OpenMeter ignores keys it does not know."""

    model_config = ConfigDict(strict=True, frozen=True)

    key: Slug
    name: Name
    metadata: Metadata | None = None
    meter_slug: str | None = Field(default=None, alias="meterSlug")
    simple_filters: dict[str, str] | None = Field(default=None, alias="meterGroupByFilters")
    advanced_filters: dict[str, dict[str, Any]] | None = Field(default=None, alias="advancedMeterGroupByFilters")
    unit_cost: dict[str, Any] | None = Field(default=None, alias="unitCost")


def create_feature(request: Request, features: FeatureService) -> Response:
    """POST features: 201. Where both forms of filters are sent, as an answer has them, the advanced one counts."""
    body = read_body(request, FeatureCreateInputs)
    if body.unit_cost is not None:
        message = "unit costs are not supported"
        raise refuse("invalid feature", [FieldError(("body", "unitCost"), "unsupported", message)])
    simple = {key: {"$eq": value} for key, value in (body.simple_filters or {}).items()}
    draft = FeatureDraft(
        key=body.key,
        name=body.name,
        meter=body.meter_slug,
        filters_sent=body.advanced_filters or simple,
        metadata=body.metadata or {},
    )
    names = _NAMES if body.advanced_filters else {**_NAMES, "filters": _SIMPLE}
    with renamed_fields("invalid feature", names):
        feature = features.create(request.principal.workspace, draft)
    return json_response(201, render_feature(feature))


def list_features(request: Request, features: FeatureService) -> Response:
    """GET features: a page where ``page`` or ``pageSize`` is given, otherwise an array by ``limit`` and ``offset``."""
    order_by = read_choice(request, "orderBy", tuple(_ORDERS), "key")
    descending = read_choice(request, "order", ("ASC", "DESC"), "ASC") == "DESC"
    meters = {*request.query_values("meterSlug"), *request.query_values("meterSlug[]")}
    limit = read_whole(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    offset = read_whole(request, "offset", 0, 0, MAX_OFFSET)
    page = read_page(request)
    found = features.list(
        request.principal.workspace,
        include_archived=read_flag(request, "includeArchived"),
        order_by=_ORDERS[order_by],
        descending=descending,
    )
    shown = [one for one in found if not meters or one.meter_slug in meters]
    if request.query_values("page") or request.query_values("pageSize"):
        return page_response(page, shown, render_feature)
    rendered = [render_feature(one) for one in shown[offset : offset + limit]]
    return refuse_large(json_response(200, rendered), "ask for a smaller limit")


def get_feature(request: Request, features: FeatureService) -> Response:
    """GET a feature by key (live ones) or id (archived ones too)."""
    return json_response(200, render_feature(features.find(request.principal.workspace, _reference(request))))


def archive_feature(request: Request, features: FeatureService) -> Response:
    """DELETE a feature, which archives it: 204; again by key 404, again by id 204."""
    features.archive(request.principal.workspace, _reference(request))
    return Response(204)


def render_feature(feature: Feature) -> dict[str, Any]:
    """The feature as v1 shows it: unset fields are left out; filters in both forms, if both can say them."""
    shown = {
        "id": feature.id,
        "createdAt": render(feature.created_at_us),
        "updatedAt": render(feature.updated_at_us),
        "key": feature.key,
        "name": feature.name,
    }
    optional = {
        "archivedAt": None if feature.archived_at_us is None else render(feature.archived_at_us),
        "metadata": dict(feature.metadata) or None,
        "meterSlug": feature.meter_slug,
        _SIMPLE: _simple(feature),
        _ADVANCED: dict(feature.filters_sent) or None,
    }
    return shown | {name: value for name, value in optional.items() if value is not None}


def _simple(feature: Feature) -> dict[str, str] | None:
    """The filters in the deprecated form, which knows nothing but equality."""
    if not feature.filters_sent or any([*one] != ["$eq"] for one in feature.filters_sent.values()):
        return None
    return {key: one["$eq"] for key, one in feature.filters_sent.items()}


def _reference(request: Request) -> str:
    return request.path.get("featureIdOrKey", "")
