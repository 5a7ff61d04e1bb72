"""A reader with only the README gets from the checkout to a first usage figure with the commands as written."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.template import ROOT
from tests.conformance.polling import eventually
from tests.documents.pages import blocks, cut
from tests.documents.shell import Done, Shell, make_run

PAGE = "README.md"
DEFAULT = "http://127.0.0.1:8000"
"""The address that the page writes; the tests' server listens on a free port instead, and in nothing else differs."""
SECTIONS = dict(re.findall(r"(?ms)^## (.+?)\n(.*?)(?=^## |\Z)", (ROOT / PAGE).read_text()))

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands need curl")


def of(section: str) -> list[str]:
    """The commands of a section, one by one."""
    found = blocks(PAGE, "sh")
    return [one for block in found if block in SECTIONS[section] for one in cut(block)]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``make run``, the first command of the page."""
    assert of("Run it here")[0].split()[:2] == ["make", "run"]
    with make_run(tmp_path_factory.mktemp("run") / "log") as found:
        yield found


@pytest.fixture
def reader(url: str, tmp_path: Path) -> Shell:
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return Shell(tmp_path)


def follow(reader: Shell, url: str, command: str) -> Done:
    assert DEFAULT in command or "127.0.0.1" not in command
    done = reader.run(command.replace(DEFAULT, url))
    assert done.code == 0, done.err
    return done


def test_from_the_checkout_to_a_first_usage_figure(reader: Shell, url: str) -> None:
    _, _, variables, define, send, ask = of("Run it here")
    reader.assign(variables.replace(DEFAULT, url))

    assert follow(reader, url, define).json()["slug"] == "tokens"
    first = follow(reader, url, send)
    assert (first.status, "dynameter-accepted: 1" in first.text.lower()) == (204, True)
    eventually(lambda: figures(follow(reader, url, ask)), [("gpt-4", 1250.0)])

    again = follow(reader, url, send)

    claim = re.search(
        r"Send the event again: the\s+answer says `(.+?)`, and the usage stays (\d+)\.", SECTIONS["Run it here"]
    )
    assert claim is not None
    assert claim[1] in again.text.lower()
    assert figures(follow(reader, url, ask)) == [("gpt-4", int(claim[2]))]


def figures(answer: Done) -> list[tuple[str, float]]:
    return [(row["groupBy"]["model"], row["value"]) for row in answer.json()["data"]]


def test_the_terminals_commands_work_on_the_server_that_make_run_started(reader: Shell, url: str) -> None:
    _, _, variables, define, *_ = of("Run it here")
    reader.assign(variables.replace(DEFAULT, url))
    follow(reader, url, define)  # where the test before has not run
    settings, *commands = of("Use it from a terminal")
    reader.assign(settings.replace(DEFAULT, url))

    told = [follow(reader, url, command) for command in commands]

    (imported,) = (one for one in told if " import " in one.command)
    assert counts(imported) == ("1", "0")
    assert "a file imported twice counts once" in SECTIONS["Use it from a terminal"]
    assert counts(follow(reader, url, imported.command)) == ("0", "1")


def counts(imported: Done) -> tuple[str, ...]:
    """How many records were accepted, and how many were there already."""
    return tuple(re.findall(r"(?:accepted|duplicate) +(\d+)", imported.out + imported.err))


def test_the_commands_of_every_other_section_are_those_of_make_and_sam() -> None:
    others = [one for title in SECTIONS if title not in ("Run it here", "Use it from a terminal") for one in of(title)]

    assert {one.split()[0] for one in others} == {"make", "sam"}


def test_the_servers_help_names_its_settings(reader: Shell) -> None:
    (command,) = re.findall(r"`(\S+ -m local --help)`", SECTIONS["Run it here"])

    shown = reader.run(f"cd '{ROOT}' && {command}").out

    assert {"PORT", "DYNAMETER_ENDPOINT"} <= set(shown.split())
