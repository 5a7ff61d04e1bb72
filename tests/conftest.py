"""What every suite shares: the tables of template.yaml on an engine, a clock, Lambda's context and payloads."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.settings import EventWrites, Settings
from local.engine import embedded
from local.template import ROOT, Template, create_tables
from tests.documented import UNDOCUMENTED, watch
from tests.policies import DENIED, acting_as, enforce

WORKSPACE = "00000000-0000-4000-8000-000000000001"
OTHER_WORKSPACE = "00000000-0000-4000-8000-000000000002"
ALL_SCOPES = "*"
TEMPLATE = Template.load()
FUNCTION_NAMES = {one.folder.name: one.name for one in TEMPLATE.functions()}

ENGINES = pytest.StashKey[dict[str, str]]()
"""What the integration tests ran on: an engine's name to what came of it."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ENGINES] = {}
    _try_the_same_examples(config)
    enforce()
    watch()


def _try_the_same_examples(config: pytest.Config) -> None:
    """Property tests neither differ from run to run nor depend on the machine's speed; a seed tries other examples."""
    hypothesis_settings.register_profile(
        "suite",
        deadline=None,
        derandomize=config.getoption("--hypothesis-seed", None) is None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    hypothesis_settings.load_profile("suite")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of pytest-xdist tells the one that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["engines"] = session.config.stash[ENGINES].copy()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[ENGINES].update(getattr(node, "workeroutput", {}).get("engines", {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for name, outcome in sorted(config.stash[ENGINES].items()):
        terminalreporter.write_line(f"DynamoDB engine {name}: {outcome}")


@dataclass
class ManualClock:
    """A clock that stands still until told; sleeping moves it."""

    now: int = 1_768_384_800_000_000  # 2026-01-14T10:00:00Z

    def now_us(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1_000_000)

    def advance(self, seconds: float) -> None:
        self.sleep(seconds)


@dataclass
class LambdaContext:
    """Lambda's context object as far as handlers use it."""

    function_name: str = "test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:test"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    remaining_ms: int = 29_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


def http_event(
    route: str,
    *,
    path: dict[str, str] | None = None,
    query: list[tuple[str, str]] | None = None,
    headers: dict[str, str] | None = None,
    body: Any = None,
    workspace: str | None = WORKSPACE,
    scopes: str = ALL_SCOPES,
) -> dict[str, Any]:
    """An API Gateway 2.0 event after the authorizer. A ``body`` that is no str or bytes is encoded as JSON."""
    method, pattern = route.split(" ", 1)
    raw_path = pattern
    for name, value in (path or {}).items():
        raw_path = raw_path.replace("{" + name + "}", value)
    sent = {"content-type": "application/json", **(headers or {})}
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    textual = sent["content-type"].startswith(("text/", "application/json"))
    granted = {"workspace": workspace, "scopes": scopes, "key_id": "test"} if workspace else None
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": raw_path,
        "rawQueryString": urlencode(query or []),
        "headers": sent,
        "pathParameters": path or None,
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "http": {"method": method, "path": raw_path},
            **({"authorizer": {"lambda": granted}} if granted else {}),
        },
        **({} if body is None else {"body": raw.decode() if textual else base64.b64encode(raw).decode()}),
        "isBase64Encoded": body is not None and not textual,
    }


def load_function(name: str) -> ModuleType:
    """Import functions/<name>/app.py afresh; what its handler asks of AWS is judged by its policies."""
    spec = importlib.util.spec_from_file_location(f"functions_{name}_app", ROOT / "functions" / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.handler = acting_as(FUNCTION_NAMES[name], module.handler)  # type: ignore[attr-defined]
    return module


@contextmanager
def open_engine(patch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Moto with the template's empty tables, while the context lasts; the functions' environment points at it."""
    with embedded():
        for name, value in TEMPLATE.functions()[0].environment.items():
            patch.setenv(name, value)
        patch.setenv("EVENT_WRITES", EventWrites.PUT.value)
        patch.setenv("CLOCK_SKEW_MS", "0")
        found = Settings.from_env(os.environ)
        create_tables(create_client(found), TEMPLATE)
        yield found


@pytest.fixture(autouse=True)
def policies_allow() -> Iterator[None]:
    """No function under test did what the template does not allow it."""
    DENIED.clear()
    yield
    assert DENIED == []


@pytest.fixture(autouse=True)
def answers_are_documented() -> Iterator[None]:
    """No function under test was asked or answered what the OpenAPI documents do not say."""
    UNDOCUMENTED.clear()
    yield
    assert UNDOCUMENTED == []


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def context() -> LambdaContext:
    return LambdaContext()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Moto with the template's empty tables; the functions' environment points at it."""
    with open_engine(monkeypatch) as found:
        yield found


@pytest.fixture
def dynamodb(settings: Settings) -> Any:
    """A client of the engine behind ``settings``."""
    return create_client(settings)
