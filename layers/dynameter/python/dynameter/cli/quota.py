"""``dynameter quota``: what a user may still use, and reserving it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import click

from dynameter.cli.jsonapi import flat
from dynameter.cli.options import DecimalText, given, service_options
from dynameter.cli.session import Session, pass_session


@click.group()
def quota() -> None:
    """Quotas: what a user may still use this month."""


@quota.command("check")
@click.argument("user_id", metavar="USER")
@click.option("--route", "route_id", help="The route that would be called.")
@service_options
@pass_session
def check(session: Session, user_id: str, route_id: str | None) -> None:
    """Say whether one more request is allowed; exit code 1 where it is not."""
    _ask(session, "check", given(user_id=user_id, route_id=route_id))


@quota.command("reserve")
@click.argument("user_id", metavar="USER")
@click.argument("units", type=DecimalText())
@click.option("--ttl", "ttl_s", type=int, help="Seconds until the units are given back unless committed.")
@service_options
@pass_session
def reserve(session: Session, user_id: str, units: Decimal, ttl_s: int | None) -> None:
    """Take units before they are used."""
    _ask(session, "reserve", given(user_id=user_id, units=units, ttl_s=ttl_s), repeatable=False)


@quota.command("commit")
@click.argument("reservation_id", metavar="ID")
@click.option("--units", type=DecimalText(), help="What was really used; else what was reserved.")
@service_options
@pass_session
def commit(session: Session, reservation_id: str, units: Decimal | None) -> None:
    """Use what was reserved."""
    _ask(session, "commit", given(id=reservation_id, units=units))


@quota.command("release")
@click.argument("reservation_id", metavar="ID")
@service_options
@pass_session
def release(session: Session, reservation_id: str) -> None:
    """Give back what was reserved."""
    _ask(session, "release", {"id": reservation_id})


def _ask(session: Session, action: str, body: dict[str, Any], *, repeatable: bool = True) -> None:
    path = f"/v1/{session.workspace}/quota/{action}"
    answer = session.client.request("POST", path, body=body, repeatable=repeatable).body
    data = answer.get("data") if isinstance(answer, dict) else None
    session.output.one(flat(data) if data is not None else {"done": action})
