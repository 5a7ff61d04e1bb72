"""Features in OpenMeter v1's form."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.dialects.openmeter_v1.features import DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET, FeatureCreateInputs
from dynameter.openapi.openmeter_v1.lists import PAGE
from dynameter.openapi.operation import Operation, Parameter, json_answer, json_body, no_content
from dynameter.openapi.parameters import ORDER, flag, order_by, whole
from dynameter.openapi.shapes import Instant, Page, Ulid

TextFilter = dict[str, Any]
"""Operators such as ``$eq``, ``$in``, ``$like``, ``$and`` and their operands; all must hold."""


class Feature(TypedDict):
    """What is sold: mostly the usage of a meter, as far as the filters keep it."""

    id: Ulid
    createdAt: Instant
    updatedAt: Instant
    archivedAt: NotRequired[Instant]
    key: str
    name: str
    metadata: NotRequired[dict[str, str]]
    meterSlug: NotRequired[str]
    meterGroupByFilters: NotRequired[dict[str, str]]
    advancedMeterGroupByFilters: NotRequired[dict[str, TextFilter]]


BASE = "/api/v1/features"
ONE = f"{BASE}/{{featureIdOrKey}}"
EXAMPLE = {
    "key": "gpt_4_tokens",
    "name": "GPT-4 tokens",
    "meterSlug": "tokens",
    "advancedMeterGroupByFilters": {"model": {"$in": ["gpt-4", "gpt-4-turbo"]}},
}

OPERATIONS = (
    Operation(
        route=f"POST {BASE}",
        id="createFeature",
        summary="Create a feature",
        tag="Features",
        scope=BILLING_WRITE,
        body=json_body(FeatureCreateInputs, EXAMPLE),
        answers=(json_answer(201, "The feature.", Feature),),
        refusals=(400, 404, 409),
    ),
    Operation(
        route=f"GET {BASE}",
        id="listFeatures",
        summary="List features",
        tag="Features",
        scope=BILLING_READ,
        description="A page where page or pageSize is given, otherwise an array by limit and offset.",
        parameters=(
            *PAGE,
            whole("limit", DEFAULT_LIMIT, MAX_LIMIT, "Features of the array."),
            Parameter("offset", Annotated[int, Field(ge=0, le=MAX_OFFSET)], "Features before the array's first."),
            ORDER,
            order_by("key", "id", "name", "createdAt", "updatedAt"),
            Parameter("meterSlug", list[str], "The meters of which features are listed."),
            flag("includeArchived", "Whether archived features are listed, too."),
        ),
        answers=(json_answer(200, "The features.", list[Feature] | Page[Feature]),),
        refusals=(400, 413),
    ),
    Operation(
        route=f"GET {ONE}",
        id="getFeature",
        summary="Get a feature",
        tag="Features",
        scope=BILLING_READ,
        answers=(json_answer(200, "The feature.", Feature),),
        refusals=(404,),
    ),
    Operation(
        route=f"DELETE {ONE}",
        id="archiveFeature",
        summary="Archive a feature; its key is free then",
        tag="Features",
        scope=BILLING_WRITE,
        answers=(no_content("It is archived."),),
        refusals=(404, 409),
    ),
)
