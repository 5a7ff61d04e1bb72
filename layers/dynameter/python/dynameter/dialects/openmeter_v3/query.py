"""Usage queries as OpenMeter v3 and Kong Konnect have them (openmeter.md 3.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dynameter.clock import render
from dynameter.dialects.bodies import read_body, refuse, renamed_fields
from dynameter.dialects.openmeter_v3.meters import meter_id
from dynameter.dialects.usage_answers import Instant, find_live, refuse_customers, usage_response
from dynameter.errors import FieldError, InvalidInput
from dynameter.http.message import Request, Response
from dynameter.meters.quantity import render_text
from dynameter.meters.service import MeterService
from dynameter.usage.query import CUSTOMER, SUBJECT, UsageAnswer, UsageQuery, UsageRow
from dynameter.usage.service import UsageService
from dynameter.usage.windows import WindowSize, load_zone, render_in_zone

MAX_FILTERS = 10
"""Dimensions that a query may filter by."""

_GRANULARITIES = {
    "PT1M": WindowSize.MINUTE,
    "PT1H": WindowSize.HOUR,
    "P1D": WindowSize.DAY,
    "P1M": WindowSize.MONTH,
}
_NAMES = {
    "window_size": "granularity",
    "subjects": "filters.dimensions.subject",
    "group_by": "group_by_dimensions",
    "filter_group_by": "filters.dimensions",
}
_RULES = {"invalid_filter": "invalid_dimension_filter"}


class QueryFilters(BaseModel):
    """The conditions that each dimension's value must meet."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    dimensions: dict[str, dict[str, Any]] | None = Field(default=None, max_length=MAX_FILTERS)


class QueryRequest(BaseModel):
    """The body of a query; keys that are not here are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    from_: Instant | None = Field(default=None, alias="from")
    to: Instant | None = None
    granularity: Literal["PT1M", "PT1H", "P1D", "P1M"] | None = None
    time_zone: str = "UTC"
    group_by_dimensions: list[str] | None = None
    filters: QueryFilters | None = None


def query_meter(request: Request, meters: MeterService, usage: UsageService) -> Response:
    """POST query: 200 with the usage."""
    meter = find_live(request, meters, meter_id(request))
    body = read_body(request, QueryRequest)
    filters = _read_filters(body)
    refuse_customers(list(filters.pop(CUSTOMER, ())))
    query = UsageQuery(
        from_us=body.from_,
        to_us=body.to,
        window_size=None if body.granularity is None else _GRANULARITIES[body.granularity],
        time_zone=body.time_zone,
        subjects=filters.pop(SUBJECT, ()),
        group_by=tuple(body.group_by_dimensions or ()),
        filter_group_by=filters,
    )
    try:
        with renamed_fields("invalid query", _NAMES):
            answer = usage.query(meter, query)
    except InvalidInput as error:
        fields = tuple(replace(one, rule=_RULES.get(one.rule, one.rule)) for one in error.fields)
        raise InvalidInput(error.message, code=error.code, fields=fields) from None
    return usage_response(_render(answer))


def _read_filters(body: QueryRequest) -> dict[str, tuple[str, ...]]:
    """The values that each filtered dimension may have."""
    found: dict[str, tuple[str, ...]] = {}
    wrong: list[FieldError] = []
    for key, condition in ((body.filters and body.filters.dimensions) or {}).items():
        match condition:
            case {"eq": str(value)} if len(condition) == 1:
                found[key] = (value,)
            case {"in": [*values]} if len(condition) == 1 and values and all(isinstance(one, str) for one in values):
                found[key] = tuple(values)
            case _:
                operators = ", ".join(sorted(condition))[:64]
                message = f"must be one eq with a string or one in with strings so far, not {operators or '{}'}"
                location = ("body", "filters", "dimensions", key[:64])
                wrong.append(FieldError(location, "unsupported_filter_operator", message))
    if wrong:
        raise refuse("invalid query", wrong)
    return found


def _render(answer: UsageAnswer) -> dict[str, Any]:
    query = answer.query
    ends = {"from": query.from_us, "to": query.to_us}
    zone = load_zone(query.time_zone)

    def render_row(row: UsageRow) -> dict[str, Any]:
        subject = {} if row.subject is None else {SUBJECT: row.subject}
        return {
            "value": render_text(row.value),
            "from": render_in_zone(row.start_us, zone),
            "to": render_in_zone(row.end_us, zone),
            "dimensions": {**subject, **row.groups},
        }

    given = {name: render(instant_us) for name, instant_us in ends.items() if instant_us is not None}
    return {**given, "data": [render_row(row) for row in answer.rows]}
