"""Usage queries as Zuplo has them: OpenMeter v1's, with a filter by subscription beside."""

from __future__ import annotations

from pydantic import Field, field_validator

from dynameter.dialects.openmeter_v1.query import MeterQueryRequest, answer_query
from dynameter.dialects.usage_answers import Customers
from dynameter.http.message import Request, Response
from dynameter.meters.service import MeterService
from dynameter.usage.queries.service import UsageService


class ZuploQueryRequest(MeterQueryRequest):
    """The body of a query."""

    filter_subscription: list[str] | None = Field(default=None, alias="filterSubscription")

    @field_validator("filter_subscription")
    @classmethod
    def _refuse(cls, value: list[str] | None) -> None:
        # Left out it would give more usage than was asked for.
        if value:
            raise ValueError("filtering by subscription is not supported")


def query_meter(request: Request, meters: MeterService, usage: UsageService, customers: Customers) -> Response:
    """GET or POST query: 200 with the usage."""
    return answer_query(request, meters, usage, customers, ZuploQueryRequest)
