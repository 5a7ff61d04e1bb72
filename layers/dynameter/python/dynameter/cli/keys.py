"""``dynameter keys``: API keys of the workspace."""

from __future__ import annotations

import click

from dynameter.cli.options import CommaList, confirm_deletion, service_options, yes_option
from dynameter.cli.session import Session, pass_session, segment

_COLUMNS = ("key_id", "name", "role", "permissions", "expires_at", "last_used_at", "created_at")
_PAGE = 100

_days = click.option("--days", type=int, default=90, show_default=True, help="Days until it expires, 1 to 90.")


@click.group()
def keys() -> None:
    """API keys: who may do what."""


@keys.command("list")
@service_options
@pass_session
def list_keys(session: Session) -> None:
    """List the keys, without their secrets."""
    found, token = [], 0
    while token is not None:
        query = [("limit", str(_PAGE)), ("continuation_token", str(token))]
        page = session.client.request("GET", _path(session), query=query).body
        found += page["items"]
        token = page["continuation_token"]
    session.output.many(_COLUMNS, found)


@keys.command("create")
@click.option("--name", help="What people call the key.")
@click.option("--role", default="member", show_default=True, help="admin, member or viewer.")
@click.option("--permissions", type=CommaList(), help="Scopes instead of the role's: events:write,usage:read.")
@_days
@service_options
@pass_session
def create_key(session: Session, name: str | None, role: str, permissions: list[str] | None, days: int) -> None:
    """Make a key. It is shown this once."""
    body = {"name": name, "role": role, "permissions": permissions or [], "duration_days": days}
    found = session.client.request("POST", _path(session), body=body, repeatable=False).body
    session.output.note("keep the api_key: it is not shown again")
    session.output.one(found)


@keys.command("rotate")
@click.argument("key_id", metavar="KEY_ID")
@_days
@service_options
@pass_session
def rotate_key(session: Session, key_id: str, days: int) -> None:
    """Give a key a new secret; the old one stops."""
    path = f"{_path(session)}/{segment(key_id)}/rotate"
    found = session.client.request("POST", path, body={"duration_days": days}, repeatable=False).body
    session.output.note("keep the api_key: it is not shown again")
    session.output.one(found)


@keys.command("delete")
@click.argument("key_id", metavar="KEY_ID")
@yes_option
@service_options
@pass_session
def delete_key(session: Session, key_id: str, sure: bool) -> None:
    """Delete a key; it stops working."""
    confirm_deletion(session, f"key {key_id}", sure)
    session.client.request("DELETE", f"{_path(session)}/{segment(key_id)}")
    session.output.note(f"key {key_id} is deleted")


def _path(session: Session) -> str:
    return f"/v1/{session.workspace}/api-keys"
