"""Exit codes, messages, and what holds for every command."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fake_service import FakeService, Told
from tests.unit.cli.conftest import Run


def test_a_refusal_is_exit_code_1_and_names_the_field_and_why(run: Run, service: FakeService) -> None:
    pointer = {"pointer": "/data/attributes/metering_expr"}
    service.script = [Told(422, {"errors": [{"detail": "unknown name", "source": pointer}]})]

    done = run("routes", "update", "r1", "--metering-expr", "nope")

    assert (done.code, done.out) == (1, "")
    assert done.err == "Error: /data/attributes/metering_expr: unknown name\n"


def test_wrong_usage_is_exit_code_2(run: Run) -> None:
    assert run("routes", "frobnicate").code == 2


@pytest.mark.parametrize("command", [("events", "list", "--subject"), ("meters", "get"), ("quota", "check")])
def test_bytes_that_are_no_text_are_wrong_usage(run: Run, service: FakeService, command: tuple[str, ...]) -> None:
    done = run(*command, "a\udcff")

    assert (done.code, service.sent) == (2, [])
    assert "no UTF-8" in done.err


def test_a_cost_past_any_is_told_with_every_digit(run: Run) -> None:
    done = run("cost", "--events-per-second", "1e12", "--kept-months", "1" + "0" * 30, "--json")

    assert done.code == 0
    assert done.json()["usd"] > 10**30


def test_a_service_that_does_not_answer_is_exit_code_3(run: Run) -> None:
    done = run("meters", "list", "--url", "http://127.0.0.1:9")

    assert done.code == 3
    assert "127.0.0.1:9 does not answer" in done.err


def test_a_service_that_stays_unavailable_is_exit_code_3(run: Run, service: FakeService) -> None:
    service.answer = lambda _: Told(503, {"detail": "storage did not answer"})

    done = run("meters", "list")

    assert (done.code, done.err) == (3, "Error: storage did not answer\n")


def test_a_key_that_is_not_accepted_is_said_to_be_the_reason(run: Run, service: FakeService) -> None:
    service.script = [Told(403, {"message": "Forbidden"})]

    assert "API key is not accepted" in run("meters", "list").err


def test_without_an_address_the_error_says_how_to_give_one(run: Run, env: dict[str, str]) -> None:
    del env["DYNAMETER_URL"]

    done = run("meters", "list")

    assert done.code == 2
    assert "DYNAMETER_URL" in done.err


def test_without_a_workspace_a_command_that_needs_it_says_so(run: Run, env: dict[str, str]) -> None:
    del env["DYNAMETER_WORKSPACE"]
    env["DYNAMETER_API_KEY"] = "dm_abcdefghijkl_" + "a" * 40

    done = run("keys", "list")

    assert done.code == 2
    assert "DYNAMETER_WORKSPACE" in done.err


def test_json_may_be_asked_for_before_the_command_too(run: Run, service: FakeService) -> None:
    service.answer = lambda _: Told(200, [])

    assert run("--json", "meters", "list").json() == run("meters", "list", "--json").json() == []


def test_what_the_service_sends_cannot_steer_the_terminal(run: Run, service: FakeService) -> None:
    service.script = [Told(200, [{"slug": "a\x1b[31m", "name": "[bold]b"}])]

    out = run("meters", "list").out

    assert "a\\x1b[31m" in out
    assert "[bold]b" in out


def test_numbers_are_printed_with_every_digit(run: Run, service: FakeService) -> None:
    service.answer = lambda _: Told(200, '{"value":12345678901234567890.123456789}')

    assert "12345678901234567890.123456789" in run("meters", "get", "m").out
    assert "12345678901234567890.123456789" in run("meters", "get", "m", "--json").out


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["events", "import", "--help"]])
def test_help_is_there_without_settings(run: Run, env: dict[str, str], command: list[str]) -> None:
    env.clear()

    assert run(*command).code == 0


def test_starting_imports_nothing_of_aws() -> None:
    code = (
        "import sys; from dynameter.cli.main import main; main(['events', 'import', '--help']); "
        "print(sorted({'boto3', 'botocore', 'pydantic', 'rich', 'plotext'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
