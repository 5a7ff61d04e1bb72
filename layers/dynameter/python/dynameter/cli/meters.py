"""``dynameter meters``: what is counted."""

from __future__ import annotations

from typing import Any

import click

from dynameter.cli.options import Pair, confirm_deletion, service_options, yes_option
from dynameter.cli.session import Session, pass_session, segment
from dynameter.cli.usage import usage
from dynameter.client.api import ApiError
from dynameter.meters.meter import Aggregation

PATH = "/api/v1/meters"
POLL_S = 2.0
REFUSED = 1
"""The exit code where the service would not rebuild some of the meters."""
_COLUMNS = ("slug", "name", "eventType", "aggregation", "valueProperty", "groupBy", "createdAt")


@click.group()
def meters() -> None:
    """Meters: which events count, and how."""


meters.add_command(usage, "query")


def _group_path(key: str) -> str:
    return f"$.{key}"


_group_by = click.option(
    "--group-by", type=Pair(_group_path), multiple=True, help="KEY=$.path, or KEY for $.KEY; again for each key."
)
_metadata = click.option("--metadata", type=Pair(), multiple=True, help="NAME=VALUE; again for each.")


@meters.command("list")
@click.option("--deleted", is_flag=True, help="Deleted meters, too.")
@service_options
@pass_session
def list_meters(session: Session, deleted: bool) -> None:
    """List the meters."""
    query = [("includeDeleted", "true")] if deleted else []
    session.output.many(_COLUMNS, session.client.request("GET", PATH, query=query).body)


@meters.command("get")
@click.argument("meter", metavar="SLUG")
@service_options
@pass_session
def get_meter(session: Session, meter: str) -> None:
    """Show a meter, by its slug or id."""
    session.output.one(session.client.request("GET", _path(meter)).body)


@meters.command("create")
@click.argument("slug")
@click.option("--event-type", required=True, help="The type of the events that count.")
@click.option(
    "--aggregation",
    type=click.Choice([one.value for one in Aggregation], case_sensitive=False),
    default=Aggregation.SUM.value,
    show_default=True,
)
@click.option("--value", "value_property", metavar="JSONPATH", help="Where the value stands: $.tokens. Not for COUNT.")
@_group_by
@click.option("--name")
@click.option("--description")
@_metadata
@service_options
@pass_session
def create_meter(session: Session, slug: str, event_type: str, aggregation: str, **more: Any) -> None:
    """Make a meter; it counts the events of before it, too."""
    body = {
        "slug": slug,
        "eventType": event_type,
        "aggregation": aggregation.upper(),
        "valueProperty": more["value_property"],
        "name": more["name"],
        "description": more["description"],
        "groupBy": dict(more["group_by"]) or None,
        "metadata": dict(more["metadata"]) or None,
    }
    wanted = {name: value for name, value in body.items() if value is not None}
    session.output.one(session.client.request("POST", PATH, body=wanted, repeatable=False).body)


@meters.command("update")
@click.argument("meter", metavar="SLUG")
@click.option("--name")
@click.option("--description")
@_group_by
@click.option("--no-groups", is_flag=True, help="Take all group keys away.")
@_metadata
@service_options
@pass_session
def update_meter(
    session: Session,
    meter: str,
    name: str | None,
    description: str | None,
    group_by: tuple[tuple[str, str], ...],
    no_groups: bool,
    metadata: tuple[tuple[str, str], ...],
) -> None:
    """Change what is named of a meter. Other group keys start a rebuild, which covers the events of before."""
    if not (name or description is not None or group_by or no_groups or metadata):
        raise click.UsageError("name at least one thing to change")
    # The service resets what an update leaves out.
    kept = session.client.request("GET", _path(meter)).body
    body = {
        "name": name or kept.get("name"),
        "description": kept.get("description") if description is None else description,
        "groupBy": {} if no_groups else dict(group_by) or kept.get("groupBy") or {},
        "metadata": dict(metadata) or kept.get("metadata") or {},
    }
    wanted = {key: value for key, value in body.items() if value is not None}
    session.output.one(session.client.request("PUT", _path(meter), body=wanted).body)


@meters.command("rebuild")
@click.argument("meter", metavar="[SLUG]", required=False)
@click.option("--all", "every", is_flag=True, help="Every meter of the workspace.")
@click.option("--restart", is_flag=True, help="Give up a rebuild that is under way.")
@click.option("--drop-expired", is_flag=True, help="Let go of usage older than the events that are kept.")
@click.option("--wait", is_flag=True, help="Wait until all of it is done.")
@service_options
@pass_session
def rebuild_meters(
    session: Session, meter: str | None, every: bool, restart: bool, drop_expired: bool, wait: bool
) -> int:
    """Count a meter anew from its raw events; queries answer from the old count until the new one is whole."""
    if (meter is None) is not every:
        raise click.UsageError("name a meter, or say --all")
    found = [one["slug"] for one in session.client.request("GET", PATH).body] if every else [str(meter)]
    body = {name: True for name, wanted in (("restart", restart), ("drop_expired", drop_expired)) if wanted}
    states: dict[str, Any] = {}
    refused = False
    for slug in found:
        try:
            path = _job_path(session, slug, "rebuild")
            states[slug] = session.client.request("POST", path, body=body, repeatable=False).body
        except ApiError as error:
            if error.passing or not every:
                raise
            refused = True
            session.output.note(f"{slug}: {error}")
    if wait:
        states = {slug: _await_live(session, slug) for slug in states}
    session.output.many(("slug", "generation", "state", "progress"), [{"slug": s, **one} for s, one in states.items()])
    return REFUSED if refused else 0


def _await_live(session: Session, slug: str) -> dict[str, Any]:
    """The state once the newest generation is live; the terminal is the deadline."""
    while True:
        state: dict[str, Any] = session.client.request("GET", _job_path(session, slug, "state")).body
        if state["state"] == "live":
            return state
        session.clock.sleep(POLL_S)


def _job_path(session: Session, slug: str, what: str) -> str:
    return f"/v1/{session.workspace}/meters/{segment(slug)}/{what}"


@meters.command("delete")
@click.argument("meter", metavar="SLUG")
@yes_option
@service_options
@pass_session
def delete_meter(session: Session, meter: str, sure: bool) -> None:
    """Delete a meter; its events stay."""
    confirm_deletion(session, f"meter {meter}", sure)
    session.client.request("DELETE", _path(meter))
    session.output.note(f"meter {meter} is deleted")


def _path(meter: str) -> str:
    return f"{PATH}/{segment(meter)}"
