"""``dynameter plans``: what users may use in a month."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from dynameter.cli import jsonapi
from dynameter.cli.options import DecimalText, confirm_deletion, given, service_options, yes_option
from dynameter.cli.session import Session, pass_session, segment
from dynameter.gateway.plan import EnforceMode, MeterType

F = TypeVar("F", bound=Callable[..., Any])

PATH = "/admin/plans"
USERS_PATH = "/admin/users"
_TYPE = "plans"
_COLUMNS = (
    "id",
    "name",
    "requests_per_month",
    "meter_type",
    "estimated_cost_per_req",
    "quota_enforce_mode",
    "quota_grace_pct",
    "price_monthly",
    "overage_price",
)


@click.group()
def plans() -> None:
    """Plans: what users may use in a month."""


def _attributes(command: F) -> F:
    enforce = click.Choice([one.value for one in EnforceMode])
    meter_type = click.Choice([one.value for one in MeterType])
    for decorate in (
        click.option("--enabled/--disabled", default=None, help="Whether the plan can be given to users."),
        click.option("--time-zone", help="IANA zone that says when a month begins."),
        click.option("--overage-price", type=DecimalText(), help="Cents a unit past the limit."),
        click.option("--price-monthly", type=int, help="Cents a month."),
        click.option("--quota-grace-pct", type=DecimalText(), help="Part of the limit that hard plans allow past it."),
        click.option("--quota-enforce-mode", type=enforce, help="What happens past the limit."),
        click.option("--estimated-cost-per-req", type=DecimalText(), help="Units a request is expected to cost."),
        click.option("--meter-type", type=meter_type, help="What counts towards the limit."),
        click.option("--requests-per-month", type=int, help="The limit; -1 for none."),
        click.option("--description"),
        click.option("--name", help="What people call the plan."),
    ):
        command = decorate(command)
    return command


@plans.command("list")
@service_options
@pass_session
def list_plans(session: Session) -> None:
    """List the plans."""
    found = jsonapi.fetch_all(session.client, PATH)
    session.output.many(_COLUMNS, found)


@plans.command("get")
@click.argument("plan_id", metavar="ID")
@service_options
@pass_session
def get_plan(session: Session, plan_id: str) -> None:
    """Show a plan."""
    session.output.one(jsonapi.fetch(session.client, _path(plan_id)))


@plans.command("create")
@click.argument("plan_id", metavar="ID")
@_attributes
@service_options
@pass_session
def create_plan(session: Session, plan_id: str, **attributes: Any) -> None:
    """Make a plan."""
    wanted = {"id": plan_id, "name": plan_id, **given(**attributes)}
    session.output.one(jsonapi.send(session.client, "POST", PATH, _TYPE, wanted))


@plans.command("update")
@click.argument("plan_id", metavar="ID")
@_attributes
@service_options
@pass_session
def update_plan(session: Session, plan_id: str, **attributes: Any) -> None:
    """Change what is named of a plan; the rest stays."""
    changed = given(**attributes)
    if not changed:
        raise click.UsageError("name at least one thing to change")
    session.output.one(jsonapi.send(session.client, "PATCH", _path(plan_id), _TYPE, {"id": plan_id, **changed}))


@plans.command("delete")
@click.argument("plan_id", metavar="ID")
@yes_option
@service_options
@pass_session
def delete_plan(session: Session, plan_id: str, sure: bool) -> None:
    """Delete a plan that no user is on."""
    confirm_deletion(session, f"plan {plan_id}", sure)
    session.client.request("DELETE", _path(plan_id))
    session.output.note(f"plan {plan_id} is deleted")


@plans.command("set-user")
@click.argument("user_id", metavar="USER")
@click.argument("plan_id", metavar="PLAN")
@service_options
@pass_session
def set_user(session: Session, user_id: str, plan_id: str) -> None:
    """Put a user on a plan."""
    path = f"{USERS_PATH}/{segment(user_id)}/plan"
    session.output.one(jsonapi.send(session.client, "PUT", path, "users", {"plan_id": plan_id}))


def _path(plan_id: str) -> str:
    return f"{PATH}/{segment(plan_id)}"
