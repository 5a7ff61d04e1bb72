"""Usage queries as OpenMeter v1 has them; Zuplo asks the same."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dynameter import codec
from dynameter.clock import render
from dynameter.dialects.bodies import Instant, read_body, refuse, renamed_fields
from dynameter.dialects.csv import prefers_csv
from dynameter.dialects.openmeter_v1.meters import meter_reference
from dynameter.dialects.parameters import refuse_parameter
from dynameter.dialects.usage_answers import (
    Customers,
    csv_answer,
    find_live,
    located_in,
    named_customers,
    read_group_filters,
    subjects_of,
    usage_response,
)
from dynameter.errors import FieldError
from dynameter.filters import V1_TEXT, Filter, Operator, condition
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.quantity import render_number
from dynameter.meters.service import MeterService
from dynameter.usage.queries.query import MAX_ENTRIES, UsageAnswer, UsageQuery, UsageRow
from dynameter.usage.queries.service import UsageService
from dynameter.usage.windows import WindowSize, load_zone, render_in_zone

MAX_FILTER_CHARACTERS = 8_192
"""Characters of one filter in a query string."""

_NAMES = {
    "window_size": "windowSize",
    "time_zone": "windowTimeZone",
    "subjects": "subject",
    "customers": "filterCustomerId",
    "group_by": "groupBy",
}
_SINGLE = ("clientId", "from", "to", "windowSize", "windowTimeZone")
_REPEATED = ("subject", "filterCustomerId", "groupBy", "filterSubscription")
_DEEP_FILTER = re.compile(r"filterGroupBy\[([^\]]*)\](?:\[\])?")
_SIMPLE = "filterGroupBy"
_ADVANCED = "advancedMeterGroupByFilters"
_CSV_ENDS = ("window_start", "window_end")


class MeterQueryRequest(BaseModel):
    """The body of a query; OpenMeter ignores keys it does not know."""

    model_config = ConfigDict(strict=True, frozen=True)

    client_id: str | None = Field(default=None, alias="clientId")
    from_: Instant | None = Field(default=None, alias="from")
    to: Instant | None = None
    window_size: Literal["MINUTE", "HOUR", "DAY", "MONTH"] | None = Field(default=None, alias="windowSize")
    window_time_zone: str | None = Field(default=None, alias="windowTimeZone")
    subject: list[str] | None = None
    filter_customer_id: list[str] | None = Field(default=None, alias="filterCustomerId")
    filter_group_by: dict[str, list[str]] | None = Field(default=None, alias="filterGroupBy")
    advanced_filters: dict[str, dict[str, Any]] | None = Field(default=None, alias="advancedMeterGroupByFilters")
    group_by: list[str] | None = Field(default=None, alias="groupBy")


def query_meter(request: Request, meters: MeterService, usage: UsageService, customers: Customers) -> Response:
    """GET or POST query: 200 with the usage, as JSON or CSV."""
    return answer_query(request, meters, usage, customers, MeterQueryRequest)


def answer_query(
    request: Request,
    meters: MeterService,
    usage: UsageService,
    customers: Customers,
    model: type[MeterQueryRequest],
) -> Response:
    """Answer a query whose body, or the query string that stands for it, has the form of ``model``."""
    meter = find_live(request, meters, meter_reference(request))
    asked_by_url = request.route.startswith("GET ")
    with located_in("query" if asked_by_url else "body"):
        sent = replace(request, body=codec.encode(_body_of_url(request))) if asked_by_url else request
        body = read_body(sent, model)
        named = named_customers(request, customers, body.filter_customer_id or [], "filterCustomerId")
        query = replace(_to_query(body), customers=subjects_of(named))
        filters = _ADVANCED if body.advanced_filters else _SIMPLE
        with renamed_fields("invalid query", {**_NAMES, "filters": filters}):
            answer = usage.query(meter, query)
    if prefers_csv(request):
        return usage_response(meter, csv_answer(meter, answer, _CSV_ENDS))
    return usage_response(meter, json_response(200, _render(answer)))


def _to_query(body: MeterQueryRequest) -> UsageQuery:
    return UsageQuery(
        from_us=body.from_,
        to_us=body.to,
        window_size=None if body.window_size is None else WindowSize(body.window_size),
        time_zone="UTC" if body.window_time_zone is None else body.window_time_zone,
        subjects=tuple(body.subject or ()),
        group_by=tuple(body.group_by or ()),
        filters=_read_filters(body),
    )


def _read_filters(body: MeterQueryRequest) -> dict[str, Filter[str]]:
    simple, advanced = body.filter_group_by or {}, body.advanced_filters or {}
    if simple and advanced:
        message = f"{_ADVANCED} and {_SIMPLE} cannot be used together"
        raise refuse("invalid query", [FieldError(("body", _ADVANCED), "exclusive", message)])
    for key, values in simple.items():
        if not 0 < len(values) <= MAX_ENTRIES:
            message = f"a filter must name 1 to {MAX_ENTRIES} values"
            raise refuse("invalid query", [FieldError(("body", _SIMPLE, key[:64]), "max_items", message)])
    if simple:
        return {key: condition(Operator.IN, *values) for key, values in simple.items()}
    return read_group_filters(advanced, V1_TEXT, ("body", _ADVANCED))


def _body_of_url(request: Request) -> dict[str, Any]:
    """The body that the query string stands for."""
    body: dict[str, Any] = {}
    for name in _SINGLE:
        if values := request.query_values(name):
            body[name] = values[-1]
    for name in _REPEATED:
        if values := request.query_values(name):
            body[name] = values
    filters: dict[str, list[str]] = {}
    for key, value in _url_filters(request):
        filters.setdefault(key, []).append(value)
    if filters:
        body[_SIMPLE] = filters
    for text in request.query_values(_ADVANCED):
        body[_ADVANCED] = _read_object(_ADVANCED, text)
    return body


def _url_filters(request: Request) -> Iterator[tuple[str, str]]:
    """The pairs of ``filterGroupBy[key]=value``, and of the printed dict that the Python SDK sends instead."""
    for name, value in request.query:
        if deep := _DEEP_FILTER.fullmatch(name):
            yield deep[1], value
        elif name == _SIMPLE:
            for key, given in _read_object(name, value).items():
                values = given if isinstance(given, list) else [given]
                for one in values:
                    if not isinstance(key, str) or not isinstance(one, str):
                        raise refuse_parameter(name, "type", "must map keys to strings", value)
                    yield key, one


def _read_object(name: str, text: str) -> dict[Any, Any]:
    """A JSON object, or a dict as Python prints it (nothing but literals, nothing is run)."""
    found: Any = None
    if len(text) <= MAX_FILTER_CHARACTERS:
        try:
            found = codec.decode(text)
        except (codec.MalformedJson, ArithmeticError):
            found = _read_literal(text)
            # Literals are more than JSON: complex numbers, keys that are tuples, lone surrogates.
            found = found if _is_json(found) else None
    if not isinstance(found, dict):
        limit = f"must be a JSON object of at most {MAX_FILTER_CHARACTERS} characters"
        raise refuse_parameter(name, "type", limit, text)
    return found


def _read_literal(text: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unknown escapes in what somebody else wrote
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def _is_json(value: Any) -> bool:
    try:
        codec.encode(value)
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        return False
    return True


def _render(answer: UsageAnswer) -> dict[str, Any]:
    query = answer.query
    echo = {
        "from": None if query.from_us is None else render(query.from_us),
        "to": None if query.to_us is None else render(query.to_us),
        "windowSize": None if query.window_size is None else query.window_size.value,
    }
    zone = load_zone(query.time_zone)

    def render_row(row: UsageRow) -> dict[str, Any]:
        return {
            "groupBy": row.groups,
            "subject": row.subject,
            **({} if row.customer is None else {"customerId": row.customer}),
            "value": render_number(row.value),
            "windowStart": render_in_zone(row.start_us, zone),
            "windowEnd": render_in_zone(row.end_us, zone),
        }

    given = {name: value for name, value in echo.items() if value is not None}
    return {**given, "data": [render_row(row) for row in answer.rows]}
