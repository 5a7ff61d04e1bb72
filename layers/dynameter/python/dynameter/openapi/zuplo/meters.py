"""Meters and their usage, in Zuplo's form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from dynameter.dialects.zuplo.meters import DEFAULT_PAGE_SIZE, MAX_PAGE, MAX_PAGE_SIZE
from dynameter.dialects.zuplo.query import ZuploQueryRequest
from dynameter.openapi.openmeter_v1 import meters as v1
from dynameter.openapi.operation import Operation, Parameter, json_body
from dynameter.openapi.parameters import whole

LIST = (
    *v1.LIST,
    whole("page", 1, MAX_PAGE, "The page; one past the end is empty."),
    whole("pageSize", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, "Meters of a page."),
)
FILTER_SUBSCRIPTION = Parameter(
    "filterSubscription", Annotated[list[str], Field(max_length=0)], "Not supported: refused where it is given."
)


def _operations() -> Iterator[Operation]:
    """OpenMeter v1's, the queries with what Zuplo has beside."""
    for one in v1.operations("/v3/metering/{bucketId}/meters", "Meters", LIST):
        if one.parameters is v1.QUERY:
            yield replace(one, parameters=(*v1.QUERY, FILTER_SUBSCRIPTION))
        elif one.route.endswith("/query"):
            yield replace(one, body=json_body(ZuploQueryRequest, v1.EXAMPLE_QUERY))
        else:
            yield one


OPERATIONS = tuple(_operations())
