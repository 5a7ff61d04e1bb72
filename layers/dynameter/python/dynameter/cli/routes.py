"""``dynameter routes``: which requests are measured, and how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from dynameter.cli import jsonapi
from dynameter.cli.options import CommaList, JsonText, confirm_deletion, given, read_text, service_options, yes_option
from dynameter.cli.session import Session, pass_session, segment
from dynameter.gateway.route import MatchType, MeteringMode, MeteringUnit, Protocol

F = TypeVar("F", bound=Callable[..., Any])

PATH = "/admin/routes"
EXPRESSIONS_PATH = "/admin/expressions/test"
_TYPE = "routes"
_COLUMNS = (
    "id",
    "name",
    "path_pattern",
    "match_type",
    "methods",
    "priority",
    "enabled",
    "metering_mode",
    "metering_expr",
    "metering_unit",
    "protocol",
)


@click.group()
def routes() -> None:
    """Routes: which requests are measured, and how."""


def _choice(kind: type[MatchType] | type[MeteringMode] | type[MeteringUnit] | type[Protocol]) -> click.Choice[str]:
    return click.Choice([one.value for one in kind])


def _attributes(command: F) -> F:
    for decorate in (
        click.option("--protocol", type=_choice(Protocol), help="How responses travel; all but http are streams."),
        click.option("--metering-unit", type=_choice(MeteringUnit), help="What the units are called."),
        click.option("--metering-expr", help="The expression that makes the units of an exchange."),
        click.option("--metering-mode", type=_choice(MeteringMode), help="What an exchange counts."),
        click.option("--enabled/--disabled", default=None, help="Whether the route matches at all."),
        click.option("--priority", type=int, help="Of two routes that match, the higher wins."),
        click.option("--methods", type=CommaList(), help="GET,POST,...; empty for every method."),
        click.option("--match-type", type=_choice(MatchType), help="How the pattern is held against a path."),
        click.option("--path-pattern", help="The path, its beginning, or a regular expression."),
        click.option("--name", help="What people call the route."),
    ):
        command = decorate(command)
    return command


@routes.command("list")
@service_options
@pass_session
def list_routes(session: Session) -> None:
    """List the routes."""
    found = jsonapi.fetch_all(session.client, PATH)
    session.output.many(_COLUMNS, found)


@routes.command("get")
@click.argument("route_id", metavar="ID")
@service_options
@pass_session
def get_route(session: Session, route_id: str) -> None:
    """Show a route."""
    session.output.one(jsonapi.fetch(session.client, _path(route_id)))


@routes.command("create")
@_attributes
@service_options
@pass_session
def create_route(session: Session, **attributes: Any) -> None:
    """Make a route."""
    session.output.one(jsonapi.send(session.client, "POST", PATH, _TYPE, given(**attributes)))


@routes.command("update")
@click.argument("route_id", metavar="ID")
@_attributes
@service_options
@pass_session
def update_route(session: Session, route_id: str, **attributes: Any) -> None:
    """Change what is named of a route; the rest stays."""
    changed = given(**attributes)
    if not changed:
        raise click.UsageError("name at least one thing to change")
    session.output.one(jsonapi.send(session.client, "PATCH", _path(route_id), _TYPE, {"id": route_id, **changed}))


@routes.command("delete")
@click.argument("route_id", metavar="ID")
@yes_option
@service_options
@pass_session
def delete_route(session: Session, route_id: str, sure: bool) -> None:
    """Delete a route; what it measured stays."""
    confirm_deletion(session, f"route {route_id}", sure)
    session.client.request("DELETE", _path(route_id))
    session.output.note(f"route {route_id} is deleted")


@routes.command("test")
@click.argument("route_id", metavar="[ID]", required=False)
@click.option("--expr", help="Try this expression instead of a route's.")
@click.option("--streaming", is_flag=True, help="With --expr: as on a stream.")
@click.option("--exchange", type=JsonText(), help="The sample as JSON, @FILE or - for standard input.")
@click.option("--status", type=int, help="Status of the response.")
@click.option("--request-bytes", type=int)
@click.option("--response-bytes", type=int)
@click.option("--method")
@click.option("--path")
@click.option("--resp-body", type=JsonText(), help="The response's body as JSON or @FILE.")
@click.option("--all-data", help="What passed on a stream: text, @FILE or -.")
@service_options
@pass_session
def test_route(session: Session, route_id: str | None, expr: str | None, streaming: bool, **sample: Any) -> None:
    """Say what a sample exchange would count."""
    if (route_id is None) == (expr is None):
        raise click.UsageError("name either a route's ID or --expr")
    exchange = _exchange(**sample)
    if expr is not None:
        body: Any = {"expression": expr, "streaming": streaming, "exchange": exchange}
        answer = session.client.request("POST", EXPRESSIONS_PATH, body=body)
    else:
        answer = session.client.request("POST", f"{_path(route_id or '')}/test", body=exchange)
    found = answer.body.get("data", answer.body) if isinstance(answer.body, dict) else {}
    session.output.one(found)


def _exchange(
    exchange: Any,
    status: int | None,
    request_bytes: int | None,
    response_bytes: int | None,
    method: str | None,
    path: str | None,
    resp_body: Any,
    all_data: str | None,
) -> dict[str, Any]:
    if exchange is not None and not isinstance(exchange, dict):
        raise click.BadParameter("must be a JSON object", param_hint="--exchange")
    try:
        streamed = None if all_data is None else read_text(all_data)
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(str(error), param_hint="--all-data") from None
    named = given(
        status=status,
        requestBytes=request_bytes,
        responseBytes=response_bytes,
        method=method,
        path=path,
        respBody=resp_body,
        allData=streamed,
    )
    return {"status": 200, **(exchange or {}), **named}


def _path(route_id: str) -> str:
    return f"{PATH}/{segment(route_id)}"
