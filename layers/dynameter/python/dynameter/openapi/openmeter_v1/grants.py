"""Grants, balances and resets of an entitlement in OpenMeter v1's form; v2 has the same under customers."""

from __future__ import annotations

from typing import Literal

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.dialects.openmeter_v1.entitlement_wire import GrantCreate, ResetRequest
from dynameter.openapi.openmeter_v1.entitlement_shapes import BalanceHistory, Grant
from dynameter.openapi.openmeter_v1.lists import INCLUDE_DELETED
from dynameter.openapi.operation import Operation, Parameter, Shape, json_answer, json_body, no_content
from dynameter.openapi.shapes import Instant

TAG = "Entitlements"
TIME = Parameter("time", Instant, "The instant, not in the future; left out: now.")
HISTORY = (
    Parameter("windowSize", Literal["MINUTE", "HOUR", "DAY", "MONTH"], "The size of the windows.", required=True),
    Parameter("windowTimeZone", str, "The IANA time zone in which days and months begin; UTC by default."),
    Parameter("from", Instant, "The first instant; left out: the start of the usage period."),
    Parameter("to", Instant, "The instant before which the history ends; left out: now."),
)
EXAMPLE = {
    "amount": 500000,
    "priority": 1,
    "expiration": {"duration": "YEAR", "count": 1},
    "metadata": {"reason": "goodwill"},
}


def operations(base: str, value: Shape, listed: Shape, list_parameters: tuple[Parameter, ...]) -> tuple[Operation, ...]:
    """The operations on one entitlement's balance; ``listed`` is a list of grants as the version has it."""
    one = f"{base}/{{entitlementIdOrFeatureKey}}"
    return (
        Operation(
            route=f"GET {one}/value",
            id="getEntitlementValue",
            summary="What an entitlement allows, and what is left of it",
            tag=TAG,
            scope=BILLING_READ,
            parameters=(TIME,),
            answers=(json_answer(200, "What it allows.", value),),
            refusals=(400, 404, 409, 413),
        ),
        Operation(
            route=f"GET {one}/history",
            id="getEntitlementHistory",
            summary="How a balance came about",
            tag=TAG,
            scope=BILLING_READ,
            parameters=HISTORY,
            answers=(json_answer(200, "The history.", BalanceHistory),),
            refusals=(400, 404, 409, 413),
        ),
        Operation(
            route=f"GET {one}/grants",
            id="listGrants",
            summary="List an entitlement's grants, the oldest first",
            tag=TAG,
            scope=BILLING_READ,
            parameters=(*list_parameters, INCLUDE_DELETED),
            answers=(json_answer(200, "The grants.", listed),),
            refusals=(400, 404, 413),
        ),
        Operation(
            route=f"POST {one}/grants",
            id="createGrant",
            summary="Grant an amount to use",
            tag=TAG,
            scope=BILLING_WRITE,
            body=json_body(GrantCreate, EXAMPLE),
            answers=(json_answer(201, "The grant.", Grant),),
            refusals=(400, 404, 409, 413),
        ),
        Operation(
            route=f"POST {one}/reset",
            id="resetEntitlement",
            summary="Begin a new usage period",
            tag=TAG,
            scope=BILLING_WRITE,
            body=json_body(ResetRequest, {"retainAnchor": True}, required=False),
            answers=(no_content("It has begun."),),
            refusals=(400, 404, 409, 413),
        ),
    )


OPERATIONS = (
    Operation(
        route="DELETE /api/v1/grants/{grantId}",
        id="voidGrant",
        summary="Void a grant: what is left of it is gone",
        tag=TAG,
        scope=BILLING_WRITE,
        answers=(no_content("It is void."),),
        refusals=(404,),
    ),
)
