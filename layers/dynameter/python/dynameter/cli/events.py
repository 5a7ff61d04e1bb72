"""``dynameter events``: what was sent, sending it, and taking it back."""

from __future__ import annotations

import uuid
from typing import Any

import click

from dynameter import codec
from dynameter.cli.events_import import import_events
from dynameter.cli.options import Instant, JsonText, given, service_options
from dynameter.cli.session import Session, pass_session, segment
from dynameter.client.api import ApiError

SEND_PATH = "/api/v1/events"
LIST_PATH = "/api/v2/events"
MAX_LISTED = 10_000
_COLUMNS = ("time", "type", "subject", "source", "id", "data", "ingestedAt", "validationError")
_PAGE = 100


@click.group()
def events() -> None:
    """Events: what was used."""


events.add_command(import_events)


@events.command("send")
@click.option("--type", "type_", required=True)
@click.option("--subject", required=True, help="Who used it.")
@click.option("--data", type=JsonText(), help="A JSON object, @FILE or - for standard input.")
@click.option("--id", "id_", help="Its id; a new one unless told. Keep it to send the event again.")
@click.option("--source", default="dynameter-cli", show_default=True)
@click.option("--time", "time_", type=Instant(), help="When it happened; now unless told.")
@service_options
@pass_session
def send_event(
    session: Session, type_: str, subject: str, data: Any, id_: str | None, source: str, time_: str | None
) -> None:
    """Send one event."""
    event = {
        "specversion": "1.0",
        "id": id_ or str(uuid.uuid4()),
        "source": source,
        "type": type_,
        "subject": subject,
        **given(time=time_, data=data),
    }
    try:
        answer = session.client.request(
            "POST",
            SEND_PATH,
            body=event,
            media_type="application/cloudevents+json",
            headers={"Prefer": "return=representation"},
        )
    except ApiError as error:
        if error.passing:  # it may be stored: only under the same id it will not count twice
            session.output.note(f"to send the same event again, give it --id {event['id']}")
        raise
    found = answer.body["results"][0]
    session.output.one({name: found[name] for name in ("id", "source", "status")})
    if found["status"] == "conflict":
        session.output.note("another event is stored under this source and id, and stays")


@events.command("list")
@click.option("--from", "start", type=Instant(), help="RFC 3339, a date, or so long ago: 30m, 24h, 7d.")
@click.option("--to", "end", type=Instant(), help="The same; it is not included.")
@click.option("--type", "type_")
@click.option("--subject")
@click.option("--source")
@click.option("--id", "id_")
@click.option("--voided", is_flag=True, help="Voided events, too.")
@click.option("--limit", type=click.IntRange(1, MAX_LISTED), default=_PAGE, show_default=True)
@service_options
@pass_session
def list_events(session: Session, start: str | None, end: str | None, voided: bool, limit: int, **exact: Any) -> None:
    """List stored events, newest first."""
    conditions: dict[str, Any] = {
        name.rstrip("_"): {"$eq": value} for name, value in exact.items() if value is not None
    }
    bounds = [{"$gte": start}] * bool(start) + [{"$lt": end}] * bool(end)
    if bounds:
        conditions["time"] = bounds[0] if len(bounds) == 1 else {"$and": bounds}
    query = [("filter", codec.encode(conditions).decode())] * bool(conditions)
    query += [("includeVoided", "true")] * voided
    found = _pages(session, query, limit)
    if session.output.json:
        session.output.document(found)
        return
    flat = [{**one["event"], **{name: value for name, value in one.items() if name != "event"}} for one in found]
    columns = _COLUMNS + ("voided",) * any("voided" in one for one in flat)
    session.output.table(columns, [[one.get(name) for name in columns] for one in flat])


def _pages(session: Session, query: list[tuple[str, str]], limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(found) < limit:
        page = [("limit", str(min(_PAGE, limit - len(found))))]
        if cursor is not None:
            page.append(("cursor", cursor))
        body = session.client.request("GET", LIST_PATH, query=[*query, *page]).body
        found += body["items"]
        cursor = body.get("nextCursor")
        if cursor is None:
            break
    return found


@events.command("explain")
@click.argument("id_", metavar="ID")
@click.option("--source", required=True)
@service_options
@pass_session
def explain_event(session: Session, id_: str, source: str) -> None:
    """Say where an event counts, or why it does not."""
    path = f"/v1/{session.workspace}/events/explain"
    found = session.client.request("GET", path, query=[("source", source), ("id", id_)]).body
    if session.output.json:
        session.output.document(found)
        return
    session.output.record({**found["event"], "ingested at": found["ingested_at"], "voided": found["voided"]})
    if found["meters"]:
        session.output.lines("")
    columns = ("slug", "counted", "value", "groups", "state", "reason")
    session.output.table(columns, [[one.get(name) for name in columns] for one in found["meters"]])
    if found.get("reason"):
        session.output.note(found["reason"])


@events.command("void")
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--source", help="Source of the event, or of all that shall be voided.")
@click.option("--type", "type_", help="Void all events of this type.")
@click.option("--subject", help="Void all events of this subject.")
@click.option("--from", "start", type=Instant(), help="Void events from this time.")
@click.option("--to", "end", type=Instant(), help="Void events before this time.")
@click.option("--reason", help="Kept with the void.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--undo", metavar="VOID_ID", help="Take a void back.")
@service_options
@pass_session
def void_events(
    session: Session, id_: str | None, reason: str | None, dry_run: bool, undo: str | None, **conditions: Any
) -> None:
    """Take events back, so that they no longer count: one by its ID, or all that meet every condition."""
    path = f"/v1/{session.workspace}/voids"
    if undo is not None:
        answer = session.client.request("DELETE", f"{path}/{segment(undo)}")
        session.output.note(f"void {undo} is {'undone' if answer.status == 204 else 'being undone'}")
        return
    body = {**_wanted(id_, **conditions), **given(reason=reason), "dry_run": dry_run}
    found = session.client.request("POST", path, body=body, repeatable=dry_run or id_ is not None).body
    if session.output.json or not dry_run:
        session.output.one(found)
        return
    session.output.record({name: found[name] for name in ("events", "skipped", "truncated")})
    columns = ("slug", "events", "from", "to", "before", "after", "difference")
    session.output.lines("")
    session.output.table(columns, [[one.get(name) for name in columns] for one in found["meters"]])


def _wanted(
    id_: str | None, source: str | None, type_: str | None, subject: str | None, start: str | None, end: str | None
) -> dict[str, Any]:
    conditions = {"source": source, "type": type_, "subject": subject, "from": start, "to": end}
    named = {name: value for name, value in conditions.items() if value is not None}
    if id_ is not None:
        if set(named) != {"source"}:
            raise click.UsageError("an ID needs its --source and no other condition")
        return {"events": [{"source": source, "id": id_}]}
    if not named:
        raise click.UsageError("name an ID and its --source, or at least one condition")
    return {"filter": named}
