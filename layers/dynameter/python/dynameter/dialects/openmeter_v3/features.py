"""Features as OpenMeter v3 and Kong Konnect have them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dynameter.billing.features.feature import Feature, FeatureDraft
from dynameter.billing.features.service import FeatureOrder, FeatureService
from dynameter.clock import render
from dynameter.dialects.bodies import read_body, renamed_fields
from dynameter.dialects.openmeter_v3.filters import read_filters
from dynameter.dialects.openmeter_v3.labels import read_labels
from dynameter.dialects.openmeter_v3.lists import page_response, read_page, read_sort
from dynameter.dialects.openmeter_v3.meters import read_id
from dynameter.dialects.openmeter_v3.query import MAX_FILTERS
from dynameter.dialects.openmeter_v3.texts import Labels, TextFilter
from dynameter.dialects.texts import Description, Name, Slug
from dynameter.dialects.usage_answers import read_group_filters
from dynameter.filters import V3_TEXT, Operator
from dynameter.http.message import Request, Response, json_response

_FILTERS = ("meter", "filters")
_NAMES = {"meter": "meter.id", "filters": "meter.filters", "metadata": "labels"}
_ORDERS = {one.value: one for one in FeatureOrder if one is not FeatureOrder.ID}
_TO_CORE = {word: f"${operator.value}" for word, operator in V3_TEXT.words.items()}
_TO_WIRE = {f"${one.value}": one.value for one in Operator} | {"$ne": "neq"}


class MeterReference(BaseModel):
    """The meter whose usage is sold, and which part of it."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    id: str
    filters: dict[str, TextFilter] | None = Field(default=None, max_length=MAX_FILTERS)


class CreateFeatureRequest(BaseModel):
    """The body of a creation; keys that are not here are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    key: Slug
    name: Name
    description: Description | None = None
    labels: Labels | None = None
    meter: MeterReference | None = None


def create_feature(request: Request, features: FeatureService) -> Response:
    """POST features: 201."""
    body = read_body(request, CreateFeatureRequest)
    sent = (body.meter and body.meter.filters) or {}
    read_group_filters(sent, V3_TEXT, ("body", *_FILTERS))
    draft = FeatureDraft(
        key=body.key,
        name=body.name,
        meter=body.meter.id if body.meter else None,
        filters_sent={key: _reworded(one, _TO_CORE) for key, one in sent.items()},
        metadata=read_labels(body.labels, "invalid feature"),
        description=body.description,
    )
    with renamed_fields("invalid feature", _NAMES):
        feature = features.create(request.principal.workspace, draft)
    return json_response(201, render_feature(feature))


def list_features(request: Request, features: FeatureService) -> Response:
    """GET features: a page of the live ones that pass the filters, and how many there are."""
    page = read_page(request)
    order_by, descending = read_sort(request, _ORDERS, FeatureOrder.CREATED_AT)
    filters = read_filters(request, ("key", "name", "meter_id"))
    found = [
        one
        for one in features.list(request.principal.workspace, order_by=order_by, descending=descending)
        if all(each.admits({"key": one.key, "name": one.name, "meter_id": one.meter_id or ""}) for each in filters)
    ]
    return page_response(page, found, render_feature)


def get_feature(request: Request, features: FeatureService) -> Response:
    """GET a feature, archived ones too."""
    found = features.get(request.principal.workspace, read_id(request, "featureId"))
    return json_response(200, render_feature(found))


def archive_feature(request: Request, features: FeatureService) -> Response:
    """DELETE a feature, which archives it: 204, however often."""
    features.archive(request.principal.workspace, read_id(request, "featureId"))
    return Response(204)


def render_feature(feature: Feature) -> dict[str, Any]:
    """The feature as v3 shows it: labels are always an object, other unset fields are left out."""
    filters = {key: _reworded(one, _TO_WIRE) for key, one in feature.filters_sent.items()}
    meter = {"id": feature.meter_id, **({"filters": filters} if filters else {})}
    fields = {
        "id": feature.id,
        "name": feature.name,
        "description": feature.description,
        "labels": dict(feature.metadata),
        "created_at": render(feature.created_at_us),
        "updated_at": render(feature.updated_at_us),
        "deleted_at": None if feature.archived_at_us is None else render(feature.archived_at_us),
        "key": feature.key,
        "meter": None if feature.meter_id is None else meter,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _reworded(sent: dict[str, Any], words: dict[str, str]) -> dict[str, Any]:
    """A filter that is known to be one, its operators spelled by ``words``."""
    return {words[word]: _operand(operand, words) for word, operand in sent.items()}


def _operand(operand: Any, words: dict[str, str]) -> Any:
    """Only and/or have filters among their operands, and as nothing but lists of objects."""
    if not isinstance(operand, list):
        return operand
    return [_reworded(one, words) if isinstance(one, dict) else one for one in operand]
