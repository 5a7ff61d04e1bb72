"""The commands of docs/cli.md do what the page says, in its order, against a local server."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dynameter.cli.main import main
from local.service import WORKSPACE
from tests.conformance.api import Api
from tests.conformance.polling import eventually
from tests.documents.covers import covered_by
from tests.documents.pages import Command
from tests.running_server import Server, running_server

PAGE = "docs/cli.md"
ULID = "01M80XMXFVM2QT7YTS14JEJDSG"
"""What stands on the page where an id of an earlier answer goes."""
EVENT = "8655cdd7-0775-4aea-af8c-89c47ebc8828"
KEY_ID = "abcdefghijkl"
COVERED = covered_by("tests/documents/test_cli.py")
PAGES_OWN = [one.text for one in COVERED if one.page == PAGE and not one.inline]
EVENT_BODY = {"specversion": "1.0", "type": "completion", "subject": "customer-1", "data": {"tokens": 7, "model": "m"}}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as found:
        yield found


@dataclass
class Terminal:
    """Runs commands of the page in this process; ids that the page invents become those of this server."""

    env: dict[str, str]
    capsys: pytest.CaptureFixture[str]
    ids: dict[str, str] = field(default_factory=dict)

    def run(self, command: str) -> tuple[int, str, str]:
        for written, real in self.ids.items():
            command = command.replace(written, real)
        self.capsys.readouterr()
        code = main(shlex.split(command)[1:], self.env)
        return (code, *self.capsys.readouterr())

    def follow(self, command: str) -> str:
        if " rebuild " in command and "--restart" not in command:
            self.wait_until_built()
        code, out, err = self.run(command)
        assert code == 0, f"{command}\n{out}{err}"
        return out

    def json(self, command: str) -> Any:
        return json.loads(self.follow(f"{command} --json"))

    def wait_until_built(self) -> None:
        """A meter is built from the events when it is made; until then it is not rebuilt."""
        api = Api(self.env["DYNAMETER_URL"], self.env["DYNAMETER_API_KEY"], WORKSPACE)
        slugs = [one["slug"] for one in api.call("GET", "/api/v1/meters").json()]
        paths = [f"/v1/{WORKSPACE}/meters/{slug}/state" for slug in slugs]
        eventually(lambda: {api.call("GET", path).json()["state"] for path in paths}, {"live"})


@pytest.fixture
def terminal(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    monkeypatch.chdir(tmp_path)
    env = {
        "DYNAMETER_URL": server.url,
        "DYNAMETER_API_KEY": server.key,
        "DYNAMETER_WORKSPACE": server.workspace,
        "DYNAMETER_CONFIG": str(tmp_path / "config.toml"),
    }
    return Terminal(env, capsys)


def of(*groups: str) -> list[str]:
    """The page's commands of these groups, in its order."""
    return [one for one in PAGES_OWN if one.split()[1] in groups]


def test_every_group_of_the_page_has_a_test() -> None:
    tested = {"configure", "routes", "plans", "meters", "usage", "events", "keys", "quota", "cost"}

    assert {one.split()[1] for one in PAGES_OWN} == tested


@pytest.mark.parametrize("command", [one for one in COVERED if one.inline], ids=str)
def test_a_command_that_a_sentence_names_is_taken(terminal: Terminal, command: Command) -> None:
    shown = terminal.follow(f"{command.text} --help")

    assert shown.startswith("Usage: dynameter ")


@pytest.mark.parametrize("page", sorted({one.page for one in COVERED if not one.inline} - {PAGE}))
def test_the_commands_of_another_page_are_done(terminal: Terminal, page: str) -> None:
    terminal.run("dynameter meters create tokens --event-type completion --value '$.tokens'")

    for command in COVERED:
        if command.page == page and not command.inline:
            terminal.follow(command.text)

    terminal.follow("dynameter meters delete tokens")


def test_settings_are_written_and_shown(terminal: Terminal) -> None:
    terminal.env |= {"KEY": "dm_one", "STAGING_KEY": "dm_two", "WS": "00000000-0000-4000-8000-000000000001"}
    for command in of("configure"):
        terminal.follow(re.sub(r'"\$(\w+)"', lambda name: terminal.env[name[1]], command))

    written = (Path(terminal.env["DYNAMETER_CONFIG"])).read_text()
    assert "https://staging.example.com" in written
    assert "https://abc.execute-api.us-east-1.amazonaws.com" in written


def test_routes_are_made_changed_tried_and_deleted(terminal: Terminal) -> None:
    Path("exchange.json").write_text(
        json.dumps({"method": "POST", "path": "/v1/chat", "respBody": {"usage": {"total_tokens": 12}}})
    )
    create, *others = of("routes")
    terminal.ids[ULID] = terminal.json(create)["id"]

    told = [terminal.follow(command) for command in others]

    units = [re.search(r"units\s+(\S+)", out) for command, out in zip(others, told, strict=True) if " test " in command]
    assert [found[1] for found in units if found] == ["150", "12", "0"]


def test_plans_are_made_given_and_deleted(terminal: Terminal) -> None:
    for command in of("plans"):
        terminal.follow(command)


def test_meters_are_made_queried_rebuilt_and_deleted(terminal: Terminal) -> None:
    for command in of("meters", "usage"):
        terminal.follow(command)


def test_events_are_sent_listed_explained_and_voided(terminal: Terminal) -> None:
    stored = {**EVENT_BODY, "id": EVENT, "source": "api.example.com"}
    Path("stored.jsonl").write_text(json.dumps(stored) + "\n")
    terminal.follow("dynameter events import stored.jsonl")

    for command in (one for one in of("events") if " import " not in one):
        if "--reason" in command:
            terminal.ids[ULID] = terminal.json(command)["id"]
        else:
            terminal.follow(command)


def log_line(path: str) -> str:
    return f'192.0.2.1 - customer-1 [14/Jan/2026:10:00:00 +0000] "GET {path} HTTP/1.1" 200 512\n'


CLOUDFRONT = (
    "#Version: 1.0\n"
    "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status x-edge-request-id"
    " cs-bytes\n"
    "2026-01-14\t10:00:00\tFRA2\t1536\t192.0.2.1\tGET\td1.cloudfront.net\t/v1/chat\t200\trequest-1\t420\n"
)
FILES: dict[str, Callable[[], bytes]] = {
    "usage.csv": lambda: b"customer,time,tokens\ncustomer-1,2026-01-14T10:00:00Z,40\n",
    "usage.csv.gz": lambda: gzip.compress(
        b"kind,customer,request_id,tokens,model\ncompletion,customer-1,request-1,40,gpt-4\n"
    ),
    "calls.jsonl": lambda: json.dumps({"user": {"id": "customer-1"}, "at": 1768384800000, "n": 1}).encode() + b"\n",
    "events.jsonl": lambda: json.dumps(EVENT_BODY).encode() + b"\n",
    "access.log": lambda: log_line("/v1/chat").encode(),
    "cloudfront.gz": lambda: gzip.compress(CLOUDFRONT.encode()),
}


@pytest.mark.parametrize("command", [one for one in of("events") if " import " in one])
def test_a_file_is_imported(terminal: Terminal, command: str) -> None:
    for name, content in FILES.items():
        Path(name).write_bytes(content())

    code, out, err = terminal.run(command)

    assert (code, "1 rejected" in out + err) == (0, False), out + err


def test_keys_are_made_rotated_and_deleted(terminal: Terminal) -> None:
    terminal.ids[KEY_ID] = terminal.json("dynameter keys create --name page --role member")["key_id"]
    *others, rotate, delete = of("keys")

    for command in others:
        terminal.follow(command)
    terminal.ids[KEY_ID] = terminal.json(rotate)["key_id"]
    terminal.follow(delete)


def test_quotas_are_checked_reserved_committed_and_given_back(terminal: Terminal) -> None:
    route = terminal.json("dynameter routes create --name quotas --path-pattern /quotas")["id"]
    check, reserve, commit, release = of("quota")

    terminal.follow(check.replace(ULID, route))
    terminal.ids[ULID] = terminal.json(reserve)["id"]
    terminal.follow(commit)
    terminal.ids[ULID] = terminal.json(reserve)["id"]
    terminal.follow(release)


def test_costs_are_told(terminal: Terminal) -> None:
    Path("eu-west-1.toml").write_text("storage_gb_month = 0.283\n")

    for command in of("cost"):
        terminal.follow(command)
