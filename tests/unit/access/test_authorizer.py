"""The Lambda authorizer, through its handler: its rules on a store in memory, the whole of it on Moto."""

from __future__ import annotations

import json
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dynameter.access.key import LOCAL_KEY
from dynameter.access.known_key import ensure_key
from dynameter.access.service import AccessService
from dynameter.access.store import KeyStore
from dynameter.clock import MINUTE_US, SystemClock
from dynameter.errors import Unavailable
from dynameter.runtime.settings import Settings
from local.template import ROOT
from tests.conftest import WORKSPACE, LambdaContext, load_function
from tests.unit.access.memory import SECRET, CountedRandom, MemoryKeys, api_key

DENIED = {"isAuthorized": False, "context": {}}
SAMPLE = json.loads((ROOT / "events" / "authorize-request.json").read_text())
SAMPLE_KEY = SAMPLE["identitySource"][0].removeprefix("Bearer ")
KEY = f"dm_k7q2m5x3h4bn_{SECRET}"


@pytest.fixture
def memory() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
def authorizer(memory: MemoryKeys, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The function on a store in memory."""
    app = load_function("authorize")
    monkeypatch.setattr(app, "access", lambda: AccessService(memory, SystemClock(), CountedRandom()))
    return app


@pytest.fixture
def store(dynamodb: Any, settings: Settings) -> KeyStore:
    return KeyStore(dynamodb, settings.catalog_table, SystemClock())


@pytest.fixture
def deployed(store: KeyStore, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The function as it is, on Moto."""
    for mark in ("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_RUNTIME_API"):
        monkeypatch.delenv(mark, raising=False)
    return load_function("authorize")


def ask(app: ModuleType, value: Any) -> Any:
    headers = {} if value is None else {"authorization": value}
    event = {**SAMPLE, "identitySource": [value], "headers": headers}
    return app.handler(event, LambdaContext())


def test_the_sample_request_is_authorized(deployed: ModuleType, store: KeyStore, context: LambdaContext) -> None:
    ensure_key(store, SystemClock(), WORKSPACE, SAMPLE_KEY, ("usage:read", "events:write"))

    granted = {"workspace": WORKSPACE, "scopes": "events:write usage:read", "key_id": "k7q2m5x3h4bn"}
    assert deployed.handler(SAMPLE, context) == {"isAuthorized": True, "context": granted}


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer   ", " Bearer "])
def test_the_scheme_is_read_in_any_case(authorizer: ModuleType, memory: MemoryKeys, scheme: str) -> None:
    memory.insert(api_key())

    assert ask(authorizer, scheme + KEY)["isAuthorized"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        KEY,
        "Bearer",
        "Bearer ",
        f"Basic {KEY}",
        f"Bearer{KEY}",
        f"Bearer {KEY} {KEY}",
        f"Bearer {KEY}, Bearer {KEY}",
        f"Bearer {KEY}x",
        f"Bearer dm_k7q2m5x3h4bn_{'b' * 40}",
        f"Bearer dm_aaaaaaaaaaaa_{SECRET}",
        f"Bearer {'d' * 100_000}",
        "Bearer " + " " * 100_000,
    ],
)
def test_anything_else_is_denied(authorizer: ModuleType, memory: MemoryKeys, value: str | None) -> None:
    memory.insert(api_key())

    assert ask(authorizer, value) == DENIED


@pytest.mark.parametrize("left_out", ["identitySource", "headers"])
def test_either_place_of_the_header_is_enough(authorizer: ModuleType, memory: MemoryKeys, left_out: str) -> None:
    memory.insert(api_key())
    event = {**SAMPLE, "identitySource": [f"Bearer {KEY}"], "headers": {"authorization": f"Bearer {KEY}"}}
    del event[left_out]

    assert authorizer.handler(event, LambdaContext())["isAuthorized"]


@pytest.mark.parametrize("event", [{}, {"identitySource": []}, {"identitySource": 7, "headers": [1]}, {"headers": {}}])
def test_a_request_without_a_header_is_denied(authorizer: ModuleType, event: dict[str, Any]) -> None:
    assert authorizer.handler(event, LambdaContext()) == DENIED


_anything = st.one_of(
    st.none(),
    st.integers(),
    st.text(max_size=300),
    st.text(max_size=120).map("Bearer ".__add__),
    st.text("dm_0aZ.-é", max_size=80).map("Bearer dm_".__add__),
    st.from_regex(r"[Bb]earer dm_[0-9a-z]{12}_[0-9a-z]{32,64}", fullmatch=True),
    st.lists(st.text(max_size=5), max_size=2),
)


@given(value=_anything)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
def test_no_header_makes_the_authorizer_raise(authorizer: ModuleType, value: Any) -> None:
    assert ask(authorizer, value) == DENIED


def test_an_expired_key_is_denied(authorizer: ModuleType, memory: MemoryKeys) -> None:
    memory.insert(api_key(expires_at_us=SystemClock().now_us() - 1))

    assert ask(authorizer, f"Bearer {KEY}") == DENIED


def test_a_deleted_key_is_denied_at_once(deployed: ModuleType, store: KeyStore) -> None:
    store.insert(api_key())
    ask(deployed, f"Bearer {KEY}")

    store.delete(api_key())

    assert ask(deployed, f"Bearer {KEY}") == DENIED


def test_a_use_is_noted(deployed: ModuleType, store: KeyStore) -> None:
    store.insert(api_key())

    ask(deployed, f"Bearer {KEY}")

    found = store.get("k7q2m5x3h4bn")
    assert found is not None
    assert found.last_used_at_us is not None
    assert abs(found.last_used_at_us - SystemClock().now_us()) < MINUTE_US


def test_a_fault_of_storage_is_no_denial(deployed: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttled(*_: Any) -> Any:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "GetItem")

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", throttled)

    with pytest.raises(Unavailable):
        ask(deployed, f"Bearer {KEY}")


def test_a_refusal_is_logged_without_the_secret(
    authorizer: ModuleType, memory: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(authorizer.logger, "info", lambda *args, **more: told.append(repr((args, more))))
    memory.insert(api_key())
    wrong = "b" * 40

    ask(authorizer, f"Bearer dm_k7q2m5x3h4bn_{wrong}")

    assert len(told) == 1
    assert "wrong_secret" in told[0]
    assert "k7q2m5x3h4bn" in told[0]
    assert wrong not in told[0]


@pytest.mark.parametrize("value", [KEY, f"Bearer {KEY}_x", f"Basic {KEY}"])
def test_a_malformed_header_is_logged_without_its_text(
    authorizer: ModuleType, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    told: list[str] = []
    monkeypatch.setattr(authorizer.logger, "info", lambda *args, **more: told.append(repr((args, more))))

    ask(authorizer, value)

    assert len(told) == 1
    assert "malformed" in told[0]
    assert SECRET not in told[0]


def test_the_local_servers_key_works_where_it_was_installed(deployed: ModuleType, store: KeyStore) -> None:
    ensure_key(store, SystemClock(), WORKSPACE, LOCAL_KEY, ("*",))

    assert ask(deployed, f"Bearer {LOCAL_KEY}")["context"] == {
        "workspace": WORKSPACE,
        "scopes": "*",
        "key_id": "local",
    }


def test_the_local_servers_key_is_not_there_by_itself(deployed: ModuleType) -> None:
    assert ask(deployed, f"Bearer {LOCAL_KEY}") == DENIED


@pytest.mark.parametrize("mark", ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_RUNTIME_API"])
def test_the_local_servers_key_is_refused_inside_lambda(
    deployed: ModuleType, store: KeyStore, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    ensure_key(store, SystemClock(), WORKSPACE, LOCAL_KEY, ("*",))
    monkeypatch.setenv(mark, "authorize")

    assert ask(deployed, f"Bearer {LOCAL_KEY}") == DENIED


def test_nothing_under_functions_can_install_a_known_key() -> None:
    for path in (ROOT / "functions").rglob("*.py"):
        assert "ensure_key" not in path.read_text(), path
        assert "bootstrap" not in path.read_text(), path


def test_the_authorizer_loads_neither_pydantic_nor_jsonpath() -> None:
    code = "import sys, runpy; runpy.run_path(sys.argv[1]); print(*sys.modules)"
    app = str(ROOT / "functions" / "authorize" / "app.py")
    run = subprocess.run([sys.executable, "-c", code, app], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())

    assert "botocore" in loaded
    assert not {"pydantic", "jsonpath_ng", "dynameter.http.lambda_proxy"} & loaded
