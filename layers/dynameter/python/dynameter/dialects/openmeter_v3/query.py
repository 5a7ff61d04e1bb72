"""Usage queries as OpenMeter v3 and Kong Konnect have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dynameter.billing.customers.customer import Customer
from dynameter.clock import render
from dynameter.dialects.bodies import Instant, read_body, refuse, renamed_fields
from dynameter.dialects.csv import prefers_csv
from dynameter.dialects.openmeter_v3.meters import meter_id
from dynameter.dialects.openmeter_v3.texts import TextFilter
from dynameter.dialects.statuses import field_path
from dynameter.dialects.usage_answers import (
    Customers,
    csv_answer,
    find_live,
    named_customers,
    read_group_filters,
    subjects_of,
    usage_response,
)
from dynameter.errors import FieldError, InvalidInput
from dynameter.filters import V3_TEXT
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.quantity import render_text
from dynameter.meters.service import MeterService
from dynameter.usage.queries.query import CUSTOMER, SUBJECT, UsageAnswer, UsageQuery, UsageRow
from dynameter.usage.queries.service import UsageService
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
    "customers": "filters.dimensions.customer_id",
    "group_by": "group_by_dimensions",
    "filters": "filters.dimensions",
}
_FILTERS = ("body", "filters", "dimensions")
_UNSUPPORTED = "unsupported_filter_operator"
_CSV_ENDS = ("from", "to")


class QueryFilters(BaseModel):
    """The conditions that each dimension's value must meet."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    dimensions: dict[str, TextFilter] | None = Field(default=None, max_length=MAX_FILTERS)


class QueryRequest(BaseModel):
    """The body of a query; keys that are not here are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    from_: Instant | None = Field(default=None, alias="from")
    to: Instant | None = None
    granularity: Literal["PT1M", "PT1H", "P1D", "P1M"] | None = None
    time_zone: str = "UTC"
    group_by_dimensions: list[str] | None = None
    filters: QueryFilters | None = None


def query_meter(request: Request, meters: MeterService, usage: UsageService, customers: Customers) -> Response:
    """POST query: 200 with the usage, as JSON or CSV."""
    meter = find_live(request, meters, meter_id(request))
    with _codes_of_v3():
        query, ids = _to_query(read_body(request, QueryRequest))
        named = named_customers(request, customers, ids, _NAMES["customers"])
        query = replace(query, customers=subjects_of(named))
        with renamed_fields("invalid query", _NAMES):
            answer = usage.query(meter, query)
    if prefers_csv(request):
        return usage_response(meter, csv_answer(meter, answer, _CSV_ENDS, _columns(named)))
    return usage_response(meter, json_response(200, _render(answer)))


def _to_query(body: QueryRequest) -> tuple[UsageQuery, tuple[str, ...]]:
    """The query but for its customers, and the ids of these."""
    sent = dict((body.filters and body.filters.dimensions) or {})
    customers = _named(CUSTOMER, sent.pop(CUSTOMER, None))
    query = UsageQuery(
        from_us=body.from_,
        to_us=body.to,
        window_size=None if body.granularity is None else _GRANULARITIES[body.granularity],
        time_zone=body.time_zone,
        subjects=_named(SUBJECT, sent.pop(SUBJECT, None)),
        group_by=tuple(body.group_by_dimensions or ()),
        filters=read_group_filters(sent, V3_TEXT, _FILTERS),
    )
    return query, customers


def _columns(customers: Mapping[str, Customer]) -> dict[str, Callable[[str], str]]:
    return {
        CUSTOMER: lambda customer: customer,
        "customer_key": lambda customer: customers[customer].key or "",
        "customer_name": lambda customer: customers[customer].name,
    }


@contextmanager
def _codes_of_v3() -> Iterator[None]:
    """Give what is wrong v3's own codes, where it has one."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(error.message, code=error.code, fields=tuple(map(_coded, error.fields))) from None


def _coded(one: FieldError) -> FieldError:
    path = field_path(one.location)
    if path == "granularity":
        return replace(one, rule="invalid_window_size")
    of_filter = path.startswith("filters.dimensions.") and one.rule != _UNSUPPORTED
    return replace(one, rule="invalid_dimension_filter") if of_filter else one


def _named(dimension: str, sent: dict[str, Any] | None) -> tuple[str, ...]:
    """The values that a dimension may have which can be filtered by eq and in alone."""
    match sent:
        case None:
            return ()
        case {"eq": str(value)} if len(sent) == 1:
            return (value,)
        case {"in": [*values]} if len(sent) == 1 and values and all(isinstance(one, str) for one in values):
            return tuple(values)
    operators = ", ".join(sorted(sent))[:64]
    message = f"must be one eq with a string or one in with strings, not {operators or '{}'}"
    raise refuse("invalid query", [FieldError((*_FILTERS, dimension), _UNSUPPORTED, message)])


def _render(answer: UsageAnswer) -> dict[str, Any]:
    query = answer.query
    ends = {"from": query.from_us, "to": query.to_us}
    zone = load_zone(query.time_zone)

    def render_row(row: UsageRow) -> dict[str, Any]:
        subject = {} if row.subject is None else {SUBJECT: row.subject}
        customer = {} if row.customer is None else {CUSTOMER: row.customer}
        return {
            "value": render_text(row.value),
            "from": render_in_zone(row.start_us, zone),
            "to": render_in_zone(row.end_us, zone),
            "dimensions": {**subject, **customer, **row.groups},
        }

    given = {name: render(instant_us) for name, instant_us in ends.items() if instant_us is not None}
    return {**given, "data": [render_row(row) for row in answer.rows]}
