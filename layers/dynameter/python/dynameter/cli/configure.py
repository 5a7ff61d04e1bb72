"""``dynameter configure``: the settings file."""

from __future__ import annotations

import sys

import click

from dynameter.access.key import parse
from dynameter.cli.options import service_options
from dynameter.cli.session import Session, pass_session
from dynameter.cli.settings import (
    DEFAULT_PROFILE,
    PROFILE_VARIABLE,
    BadSettings,
    Place,
    file_path,
    read_profile,
    write_profile,
)
from dynameter.client.api import ApiClient


@click.command()
@click.option("--show", is_flag=True, help="Show what holds now, without the key's secret.")
@service_options
@pass_session
def configure(session: Session, show: bool) -> None:
    """Keep the service's address, the key and the workspace in a settings file.

    What no option says is asked for on a terminal. --profile keeps several services apart; the one written last is
    the one in use.
    """
    path = file_path(session.env)
    if show:
        place = session.place
        session.output.one({"file": str(path), **_shown(place)})
        return
    profile = session.profile or session.env.get(PROFILE_VARIABLE)
    try:
        wanted = _asked(session.options, _known(session, profile))
        ApiClient(wanted.url or "", wanted.key or "").close()
        write_profile(path, profile or DEFAULT_PROFILE, wanted)
    except (BadSettings, ValueError) as error:
        raise click.UsageError(str(error)) from None
    session.output.note(f"written to {path}")


def _known(session: Session, profile: str | None) -> Place:
    """What the profile says already; nothing where it is new."""
    try:
        return read_profile(file_path(session.env), profile)
    except BadSettings:
        read_profile(file_path(session.env), None)
        return Place()


def _asked(options: Place, known: Place) -> Place:
    """Options before answers before what is known."""
    if not sys.stdin.isatty():
        return options.over(known)
    url = options.url or click.prompt("Address", default=known.url, err=True)
    key = options.key or click.prompt("API key", default=known.key, hide_input=True, show_default=False, err=True)
    workspace = options.workspace or click.prompt("Workspace (may be empty)", default=known.workspace or "", err=True)
    return Place(url, key, workspace or None)


def _shown(place: Place) -> dict[str, str | None]:
    known = parse(place.key or "")
    key = f"dm_{known[0]}_..." if known else "set" if place.key else None
    return {"url": place.url, "key": key, "workspace": place.workspace}
