"""Features in OpenMeter v3's form."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.billing.features.service import FeatureOrder
from dynameter.dialects.openmeter_v3.features import CreateFeatureRequest
from dynameter.dialects.openmeter_v3.texts import TextFilter
from dynameter.openapi.openmeter_v3.lists import PAGE, filters, page_answer, sort
from dynameter.openapi.operation import Operation, json_answer, json_body, no_content
from dynameter.openapi.shapes import Instant, Ulid


class FeatureMeter(TypedDict):
    """The meter whose usage is sold, and which part of it."""

    id: Ulid
    filters: NotRequired[dict[str, TextFilter]]


class Feature(TypedDict):
    """What is sold: the usage of a meter, or without one something that is on or off."""

    id: Ulid
    name: str
    description: NotRequired[str]
    labels: dict[str, str]
    created_at: Instant
    updated_at: Instant
    deleted_at: NotRequired[Instant]
    key: str
    meter: NotRequired[FeatureMeter]


EXAMPLE = {
    "key": "gpt_4_tokens",
    "name": "GPT-4 tokens",
    "meter": {"id": "01KXG4ZQ0V6H5J8F1N2M3P4R5S", "filters": {"model": {"eq": "gpt-4"}}},
}


def operations(prefix: str) -> tuple[Operation, ...]:
    """The operations on features."""
    base, one = f"{prefix}/features", f"{prefix}/features/{{featureId}}"
    return (
        Operation(
            route=f"POST {base}",
            id="createFeature",
            summary="Create a feature",
            tag="Features",
            scope=BILLING_WRITE,
            body=json_body(CreateFeatureRequest, EXAMPLE),
            answers=(json_answer(201, "The feature.", Feature),),
            refusals=(400, 404, 409),
        ),
        Operation(
            route=f"GET {base}",
            id="listFeatures",
            summary="List features",
            tag="Features",
            scope=BILLING_READ,
            parameters=(
                *PAGE,
                sort((order.value for order in FeatureOrder if order is not FeatureOrder.ID), "created_at"),
                *filters("key", "name", "meter_id"),
            ),
            answers=(page_answer("A page of features.", Feature),),
            refusals=(400, 413),
        ),
        Operation(
            route=f"GET {one}",
            id="getFeature",
            summary="Get a feature, archived ones too",
            tag="Features",
            scope=BILLING_READ,
            answers=(json_answer(200, "The feature.", Feature),),
            refusals=(404,),
        ),
        Operation(
            route=f"DELETE {one}",
            id="deleteFeature",
            summary="Archive a feature; subscriptions go on with it",
            tag="Features",
            scope=BILLING_WRITE,
            answers=(no_content("It is archived."),),
            refusals=(404, 409),
        ),
    )
