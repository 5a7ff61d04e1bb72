"""``/admin/routes``: how a request is matched and how it counts.

Attributes are those of APIGate's page on routes, with its defaults. What only a proxy needs is accepted, not kept, and
told in ``meta.ignored``; what would make a route match other requests than it says is refused.
"""

from __future__ import annotations

from typing import Any

from dynameter.clock import Clock, render
from dynameter.dialects.apigate.expressions import measurement_response, read_exchange
from dynameter.dialects.apigate.jsonapi import (
    Attributes,
    Document,
    entity_tag,
    page_response,
    read_document,
    read_precondition,
    resource_response,
    unchanged,
)
from dynameter.gateway.measurement import measure
from dynameter.gateway.route import MatchType, MeteringMode, MeteringUnit, Protocol, Route, RouteChange
from dynameter.gateway.service import RouteService
from dynameter.http.message import Request, Response

PATH = "/admin/routes"
TYPE = "routes"

IGNORED = frozenset(
    {
        "auth_required",
        "created_at",
        "method_override",
        "path_rewrite",
        "request_transform",
        "response_transform",
        "updated_at",
        "upstream_id",
    }
)
"""APIGate's attributes that say nothing about measuring, and those that the service sets itself."""
_NOT_MATCHED = "is not supported: routes match by method and path"
REFUSED = {"headers": _NOT_MATCHED, "host_match_type": _NOT_MATCHED, "host_pattern": _NOT_MATCHED}


def create_route(request: Request, routes: RouteService) -> Response:
    """``POST /admin/routes``: 201."""
    document, change, attributes = _read(request)
    with document.located():
        chosen = document.chosen_id(attributes)
        ignored = attributes.finish(IGNORED, REFUSED)
        route = routes.create(request.principal.workspace, chosen, change, attributes.faults)
    headers = {"location": f"{PATH}/{route.id}", "etag": entity_tag(route.version)}
    return resource_response(201, _resource(route), ignored=ignored, headers=headers)


def list_routes(request: Request, routes: RouteService) -> Response:
    """``GET /admin/routes``: a page by id; 304 where ``If-None-Match`` has the list's ETag."""
    # The version is read before the routes: they are as new as it says, or newer.
    tag = entity_tag(routes.version(request.principal.workspace))
    if unchanged(request, tag):
        return Response(304, headers={"etag": tag})
    return page_response(request, PATH, routes.list(request.principal.workspace), _resource, {"etag": tag})


def get_route(request: Request, routes: RouteService) -> Response:
    """``GET /admin/routes/{id}``."""
    route = routes.find(request.principal.workspace, request.path["id"])
    return resource_response(200, _resource(route), headers={"etag": entity_tag(route.version)})


def update_route(request: Request, routes: RouteService) -> Response:
    """``PATCH /admin/routes/{id}``: sets the attributes given; ``If-Match`` makes it depend on the version."""
    document, change, attributes = _read(request)
    with document.located():
        document.check_id(request.path["id"])
        ignored = attributes.finish({*IGNORED, "id"}, REFUSED)
        route = routes.update(
            request.principal.workspace,
            request.path["id"],
            change,
            attributes.faults,
            version=read_precondition(request),
        )
    headers = {"etag": entity_tag(route.version)}
    return resource_response(200, _resource(route), ignored=ignored, headers=headers)


def delete_route(request: Request, routes: RouteService) -> Response:
    """``DELETE /admin/routes/{id}``: 204."""
    routes.delete(request.principal.workspace, request.path["id"], version=read_precondition(request))
    return Response(204)


def try_route(request: Request, routes: RouteService, clock: Clock) -> Response:
    """``POST /admin/routes/{id}/test``: what a sample exchange would count now."""
    route = routes.find(request.principal.workspace, request.path["id"])
    exchange = read_exchange(request, streaming=route.metering.streaming)
    return measurement_response(measure(route.metering, exchange, now_us=clock.now_us()))


def _read(request: Request) -> tuple[Document, RouteChange, Attributes]:
    document = read_document(request, TYPE)
    attributes = Attributes(document.attributes)
    methods = attributes.texts("methods")
    change = RouteChange(
        name=attributes.text("name"),
        description=attributes.text("description"),
        path_pattern=attributes.text("path_pattern"),
        match_type=attributes.choice("match_type", MatchType),
        methods=None if methods is None else tuple(dict.fromkeys(one.upper() for one in methods)),
        priority=attributes.whole("priority"),
        enabled=attributes.flag("enabled"),
        metering_mode=attributes.choice("metering_mode", MeteringMode),
        metering_expr=attributes.text("metering_expr"),
        metering_unit=attributes.choice("metering_unit", MeteringUnit),
        protocol=attributes.choice("protocol", Protocol),
    )
    return document, change, attributes


def _resource(route: Route) -> dict[str, Any]:
    return {
        "type": TYPE,
        "id": route.id,
        "attributes": {
            "name": route.name,
            "description": route.description,
            "path_pattern": route.path_pattern,
            "match_type": route.match_type.value,
            "methods": route.methods,
            "priority": route.priority,
            "enabled": route.enabled,
            "metering_mode": route.metering.mode.value,
            "metering_expr": route.metering.expression,
            "metering_unit": route.metering.unit.value,
            "protocol": route.metering.protocol.value,
            "created_at": render(route.created_at_us),
            "updated_at": render(route.updated_at_us),
        },
        "links": {"self": f"{PATH}/{route.id}"},
    }
