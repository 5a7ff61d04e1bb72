"""The parts of the local server that decide: engines, environment, functions, options, routes of the template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local.__main__ import Options
from local.engine import EMBEDDED, choose
from local.functions import FunctionFailed, Functions, LambdaContext, merged_environment
from local.gateway import HttpRequest, Router
from local.service import functions_environment
from local.template import Function, Template


def function(folder: Path, code: str, **environment: str) -> Function:
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(code)
    return Function(folder.name, folder, "app.handler", environment, timeout_s=3)


def test_no_endpoint_is_the_embedded_engine_with_single_puts() -> None:
    engine = choose("")

    assert engine is EMBEDDED
    assert engine.variables["EVENT_WRITES"] == "put"
    assert engine.variables["CLOCK_SKEW_MS"] == "0"


def test_aws_takes_the_templates_settings_and_no_endpoint() -> None:
    engine = choose("aws")

    assert engine.endpoint is None
    assert engine.variables == {"DYNAMETER_ENDPOINT": ""}


def test_an_address_reaches_the_functions() -> None:
    assert choose("http://127.0.0.1:8001").variables["DYNAMETER_ENDPOINT"] == "http://127.0.0.1:8001"


@pytest.mark.parametrize(
    "env", [{"DYNAMETER_ENDPOINT": "localhost:8000"}, {"PORT": "eighty"}, {"PORT": "65536"}, {"PORT": "-1"}]
)
def test_a_wrong_variable_is_named(env: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(env))):
        Options.from_env(env)


def test_the_server_listens_on_loopback_unless_told() -> None:
    assert (Options.from_env({}).host, Options.from_env({}).port) == ("127.0.0.1", 8000)


def test_functions_see_prefixed_tables_and_the_callers_overrides() -> None:
    caller = {"EVENT_WRITES": "partiql", "EVENTS_TABLE": "elsewhere", "HOME": "/"}

    found = functions_environment(Template.load(), EMBEDDED, caller, "p-")

    assert found["EVENTS_TABLE"] == "p-EventsTable"
    assert found["CATALOG_TABLE"] == "p-CatalogTable"
    assert found["EVENT_WRITES"] == "partiql"
    assert found["CLOCK_SKEW_MS"] == "0"
    assert "HOME" not in found


def test_functions_that_disagree_on_a_variable_are_refused(tmp_path: Path) -> None:
    one, other = (function(tmp_path / name, "", MODE=name) for name in ("one", "other"))

    with pytest.raises(ValueError, match="MODE"):
        merged_environment([one, other])


def test_a_function_without_code_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Ghost"):
        Functions([Function("Ghost", tmp_path, "app.handler", {})])


def test_event_and_result_are_copies_made_by_json(tmp_path: Path) -> None:
    code = "def handler(event, context):\n    event['seen'] = True\n    return (1, {2: None})\n"
    event: dict[str, Any] = {"a": [1]}

    result = Functions([function(tmp_path / "copies", code)]).invoke("copies", event)

    assert result == [1, {"2": None}]
    assert event == {"a": [1]}


@pytest.mark.parametrize("body", ["return {1, 2}", "raise KeyError('x')", "return b'x'"])
def test_a_result_that_is_no_json_and_a_fault_fail_alike(tmp_path: Path, body: str) -> None:
    functions = Functions([function(tmp_path / "broken", f"def handler(event, context):\n    {body}\n")])

    with pytest.raises(FunctionFailed):
        functions.invoke("broken", {})


def test_time_left_never_falls_below_zero(tmp_path: Path) -> None:
    moments = iter([0.0, 1.25, 9.0])
    context = LambdaContext(function(tmp_path / "timed", ""), now=lambda: next(moments))

    assert [context.get_remaining_time_in_millis() for _ in range(2)] == [1750, 0]


@pytest.mark.parametrize("route", Template.load().routes(), ids=lambda route: route.key)
def test_every_route_of_the_template_is_reached(route: Any) -> None:
    path = route.path.replace("{", "a-").replace("}", "")

    match = Router(Template.load().routes()).match(HttpRequest(route.method, path, "", {}, b"", "127.0.0.1"))

    assert match is not None
    assert match.route == route
