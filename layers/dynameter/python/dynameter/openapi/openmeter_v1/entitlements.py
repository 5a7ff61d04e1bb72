"""Entitlements in OpenMeter v1's form; v2 has the same routes under customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.dialects.openmeter_v1.entitlement_wire import EntitlementCreate
from dynameter.openapi.openmeter_v1 import customers, grants
from dynameter.openapi.openmeter_v1.entitlement_shapes import CustomerAccess, Entitlement, EntitlementValue, Grant
from dynameter.openapi.openmeter_v1.grants import TAG, TIME
from dynameter.openapi.openmeter_v1.lists import INCLUDE_DELETED, PAGE
from dynameter.openapi.operation import Operation, Parameter, Shape, json_answer, json_body, no_content
from dynameter.openapi.shapes import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """What a version has otherwise: its bodies, its lists, and how an owner is refused whom nobody knows."""

    body: Shape
    example: Any
    shown: Shape
    listed: Shape
    list_parameters: tuple[Parameter, ...]
    owner_refusal: int


SUBJECTS = "/api/v1/subjects/{subjectIdOrKey}/entitlements"
V1 = Forms(
    body=EntitlementCreate,
    example={
        "type": "metered",
        "featureKey": "gpt_4_tokens",
        "usagePeriod": {"interval": "MONTH", "anchor": "2026-11-01T00:00:00Z"},
        "issueAfterReset": 1000000,
        "isSoftLimit": False,
    },
    shown=Entitlement,
    listed=list[Entitlement],
    list_parameters=(),
    owner_refusal=400,
)


def operations(base: str, forms: Forms) -> tuple[Operation, ...]:
    """The operations on the entitlements of one owner."""
    one = f"{base}/{{entitlementIdOrFeatureKey}}"
    entitlement = json_answer(200, "The entitlement.", forms.shown)
    made = json_answer(201, "The entitlement.", forms.shown)
    return (
        Operation(
            route=f"POST {base}",
            id="createEntitlement",
            summary="Entitle to a feature",
            tag=TAG,
            scope=BILLING_WRITE,
            body=json_body(forms.body, forms.example),
            answers=(made,),
            refusals=(400, 404, 409, 413),
        ),
        Operation(
            route=f"GET {base}",
            id="listEntitlements",
            summary="List entitlements, by feature",
            tag=TAG,
            scope=BILLING_READ,
            parameters=(*forms.list_parameters, INCLUDE_DELETED),
            answers=(json_answer(200, "The entitlements.", forms.listed),),
            refusals=(400, forms.owner_refusal, 413),
        ),
        Operation(
            route=f"GET {one}",
            id="getEntitlement",
            summary="Get an entitlement",
            tag=TAG,
            scope=BILLING_READ,
            answers=(entitlement,),
            refusals=(forms.owner_refusal, 404, 413),
        ),
        Operation(
            route=f"DELETE {one}",
            id="deleteEntitlement",
            summary="End an entitlement",
            tag=TAG,
            scope=BILLING_WRITE,
            answers=(no_content("It has ended."),),
            refusals=(forms.owner_refusal, 404, 409, 413),
        ),
        Operation(
            route=f"PUT {one}/override",
            id="overrideEntitlement",
            summary="Put another entitlement to the same feature in its place",
            tag=TAG,
            scope=BILLING_WRITE,
            body=json_body(forms.body, forms.example),
            answers=(made,),
            refusals=(400, 404, 409, 413),
        ),
    )


OPERATIONS = (
    *operations(SUBJECTS, V1),
    *grants.operations(SUBJECTS, EntitlementValue, list[Grant], ()),
    *grants.OPERATIONS,
    Operation(
        route="GET /api/v1/entitlements",
        id="listAllEntitlements",
        summary="List the entitlements of everybody",
        tag=TAG,
        scope=BILLING_READ,
        description="A page where page or pageSize is given, otherwise an array.",
        parameters=(
            *PAGE,
            Parameter("feature", list[str], "Features, by id or key."),
            Parameter("subject", list[str], "Subjects, by key."),
            Parameter("entitlementType", list[Literal["metered", "static", "boolean"]], "The types of entitlements."),
            INCLUDE_DELETED,
        ),
        answers=(json_answer(200, "The entitlements.", list[Entitlement] | Page[Entitlement]),),
        refusals=(400, 413),
    ),
    Operation(
        route="GET /api/v1/entitlements/{entitlementId}",
        id="getAnyEntitlement",
        summary="Get an entitlement of anybody",
        tag=TAG,
        scope=BILLING_READ,
        answers=(json_answer(200, "The entitlement.", Entitlement),),
        refusals=(404,),
    ),
    Operation(
        route=f"GET {customers.ONE}/access",
        id="getCustomerAccess",
        summary="What each entitlement of a customer allows",
        tag=TAG,
        scope=BILLING_READ,
        answers=(json_answer(200, "What they allow.", CustomerAccess),),
        refusals=(404, 409, 413),
    ),
    Operation(
        route=f"GET {customers.ONE}/entitlements/{{featureKey}}/value",
        id="getCustomerEntitlementValue",
        summary="What a customer's entitlement to a feature allows",
        tag=TAG,
        scope=BILLING_READ,
        parameters=(TIME,),
        answers=(json_answer(200, "What it allows.", EntitlementValue),),
        refusals=(400, 404, 409, 413),
    ),
)
