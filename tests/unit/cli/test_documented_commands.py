"""docs/cli.md shows every command, and nothing that the command line would not take."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from dynameter.cli.main import app
from dynameter.cli.session import Session
from local.template import ROOT
from tests.conftest import ManualClock

_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_FILE = re.compile(r"@?([\w-]+\.(?:csv\.gz|csv|jsonl|log|gz|json|toml))")
TEXT = (ROOT / "docs" / "cli.md").read_text()
EXAMPLES = [line for block in _BLOCK.findall(TEXT) for line in block.splitlines() if line.startswith("dynameter ")]


def leaves(command: click.Command, context: click.Context, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield path
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, context, (*path, name))


def parse(words: list[str]) -> tuple[str, ...]:
    """Parse without running; answers the command's path. Raises click.UsageError."""
    session = Session({}, ManualClock())
    command: click.Command = app
    context: click.Context | None = None
    path: tuple[str, ...] = ()
    while isinstance(command, click.Group):
        context = command.make_context(path[-1] if path else "dynameter", words, parent=context, obj=session)
        remaining = [*context._protected_args, *context.args]
        name, found, words = command.resolve_command(context, remaining)
        assert name is not None
        assert found is not None
        path, command = (*path, name), found
    command.make_context(path[-1], words, parent=context)
    return path


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_is_taken(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in _FILE.findall(line):
        (tmp_path / name).write_text("{}")

    assert parse(shlex.split(line)[1:])


def test_every_command_has_an_example() -> None:
    commands = set(leaves(app, click.Context(app)))
    shown = {tuple(line.split()[1 : 1 + length]) for line in EXAMPLES for length in (1, 2)}

    assert commands - shown == set()
