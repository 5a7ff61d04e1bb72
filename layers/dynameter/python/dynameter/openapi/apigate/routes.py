"""Routes: how a request is matched and how it counts."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from dynameter.access.principal import METERS_WRITE, USAGE_READ
from dynameter.gateway.rules import (
    ID_PATTERN,
    MAX_DESCRIPTION_CHARACTERS,
    MAX_ID_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_PATTERN_CHARACTERS,
    MAX_PRIORITY,
    METHODS,
)
from dynameter.openapi.apigate.expressions import Measured, Nested, Sample
from dynameter.openapi.apigate.jsonapi import (
    CLOSED,
    ETAG,
    IF_MATCH,
    MADE,
    PAGE,
    Found,
    Page,
    SelfLink,
    Stored,
    answer,
    sent,
    whole_number,
)
from dynameter.openapi.operation import Answer, Operation, Parameter, Place, no_content
from dynameter.openapi.shapes import Instant

MatchType = Literal["exact", "prefix", "regex"]
MeteringMode = Literal["request", "response_field", "bytes", "custom"]
MeteringUnit = Literal["requests", "tokens", "data_points", "bytes"]
Protocol = Literal["http", "http_stream", "sse", "websocket"]
ChosenId = Annotated[str, Field(max_length=MAX_ID_CHARACTERS, pattern=ID_PATTERN)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARACTERS)]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION_CHARACTERS)]
Pattern = Annotated[
    str, Field(min_length=1, max_length=MAX_PATTERN_CHARACTERS, description="A path; how it is read says match_type.")
]
Method = Annotated[str, Field(json_schema_extra={"enum": [*METHODS, *(one.lower() for one in METHODS)]})]
Priority = Annotated[Any, whole_number(-MAX_PRIORITY, MAX_PRIORITY)]


class _Settings(TypedDict, total=False):
    id: str
    description: Description
    match_type: MatchType
    methods: Annotated[list[Method], Field(description="None: every method.")]
    priority: Annotated[Priority, Field(description="Of two routes that match, the higher one wins.")]
    enabled: bool
    metering_mode: MeteringMode
    metering_expr: Annotated[str, Field(description="A path into the response's body, or an expression.")]
    metering_unit: Annotated[MeteringUnit, Field(description="What the units are called; for display.")]
    protocol: Protocol
    # What only a proxy needs, and what the service sets itself, is taken and not kept.
    auth_required: Any
    created_at: Any
    method_override: Any
    path_rewrite: Any
    request_transform: Any
    response_transform: Any
    updated_at: Any
    upstream_id: Any


@with_config(CLOSED)
class RouteCreate(_Settings):
    """The attributes of a new route; without an id the service makes one."""

    name: Name
    path_pattern: Pattern


@with_config(CLOSED)
class RouteUpdate(_Settings, total=False):
    """The attributes to set."""

    name: Name
    path_pattern: Pattern


class NewRoute(TypedDict):
    """A new route."""

    type: NotRequired[Literal["routes"]]
    id: NotRequired[ChosenId | None]
    attributes: RouteCreate


class ChangedRoute(TypedDict):
    """A change of a route."""

    type: NotRequired[Literal["routes"]]
    id: NotRequired[str | None]
    attributes: NotRequired[RouteUpdate]


class RouteAttributes(TypedDict):
    """How a request is matched and how it counts."""

    name: str
    description: str
    path_pattern: str
    match_type: MatchType
    methods: list[str]
    priority: int
    enabled: bool
    metering_mode: MeteringMode
    metering_expr: str
    metering_unit: MeteringUnit
    protocol: Protocol
    created_at: Instant
    updated_at: Instant


class Route(TypedDict):
    """A route."""

    type: Literal["routes"]
    id: str
    attributes: RouteAttributes
    links: SelfLink


class TriedExchange(TypedDict):
    """A sample of an exchange."""

    type: NotRequired[Literal["exchanges"]]
    id: NotRequired[str | None]
    attributes: NotRequired[Sample | Nested]


BASE = "/admin/routes"
ONE = f"{BASE}/{{id}}"
EXAMPLE = {
    "data": {
        "type": "routes",
        "attributes": {
            "name": "chat",
            "path_pattern": "/v1/chat/*",
            "methods": ["POST"],
            "metering_mode": "response_field",
            "metering_expr": "respBody.usage.total_tokens",
            "metering_unit": "tokens",
        },
    }
}

OPERATIONS = (
    Operation(
        route=f"POST {BASE}",
        id="createRoute",
        summary="Create a route",
        tag="Routes",
        scope=METERS_WRITE,
        body=sent(NewRoute, RouteCreate, EXAMPLE),
        answers=(answer(201, "The route.", Stored[Route], MADE),),
        refusals=(400, 409, 413, 422),
    ),
    Operation(
        route=f"GET {BASE}",
        id="listRoutes",
        summary="List routes by id",
        tag="Routes",
        scope=USAGE_READ,
        parameters=(*PAGE, Parameter("If-None-Match", str, "The ETag of a list that is known.", Place.HEADER)),
        answers=(
            answer(200, "The routes.", Page[Route], ETAG),
            Answer(304, "No route was changed since the list of that ETag.", {}, ETAG),
        ),
        refusals=(400, 413),
    ),
    Operation(
        route=f"GET {ONE}",
        id="getRoute",
        summary="Get a route",
        tag="Routes",
        scope=USAGE_READ,
        answers=(answer(200, "The route.", Found[Route], ETAG),),
        refusals=(404,),
    ),
    Operation(
        route=f"PATCH {ONE}",
        id="updateRoute",
        summary="Set some attributes of a route",
        tag="Routes",
        scope=METERS_WRITE,
        parameters=(IF_MATCH,),
        body=sent(ChangedRoute, RouteUpdate, {"data": {"type": "routes", "attributes": {"priority": 10}}}),
        answers=(answer(200, "The route.", Stored[Route], ETAG),),
        refusals=(400, 404, 409, 412, 413, 422),
    ),
    Operation(
        route=f"DELETE {ONE}",
        id="deleteRoute",
        summary="Delete a route; what it measured stays",
        tag="Routes",
        scope=METERS_WRITE,
        parameters=(IF_MATCH,),
        answers=(no_content("It is deleted."),),
        refusals=(404, 409, 412),
    ),
    Operation(
        route=f"POST {ONE}/test",
        id="tryRoute",
        summary="What a sample exchange would count on a route",
        tag="Routes",
        scope=USAGE_READ,
        body=sent(TriedExchange, Sample | Nested, {"status": 200, "respBody": {"usage": {"total_tokens": 150}}}),
        answers=(answer(200, "The units.", Measured),),
        refusals=(400, 404, 413, 422),
    ),
)
