"""Logs and metrics tell of requests without what they carried: no key, no secret, no body, whatever goes wrong."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dynameter.billing.thresholds.delivery import NotDelivered, Refused
from dynameter.billing.thresholds.webhooks import WebhookCaller
from dynameter.runtime.observability import logger
from tests.conftest import WORKSPACE, http_event
from tests.simulation.dynamodb import Call
from tests.simulation.world import TEMPLATE
from tests.unit.http.conftest import Settled
from tests.unit.http.house import KEYS, Ask, House
from tests.unit.http.tenant import Tenant

ID, SECRET = "0123456789ab", "s3cretofthekey" * 3
KEY = f"dm_{ID}_{SECRET}"
HEADERS = {"authorization": f"Bearer {KEY}", "x-alpha": "alpha-header", "cookie": "alpha-cookie"}
WRITING = [key for key in KEYS if key.split()[0] in ("POST", "PUT", "PATCH")]
WITHOUT_STORAGE = {"GET /v1/{workspace_id}/api-keys/permission-catalog", "POST /admin/expressions/test"}
_OWN = logging.Formatter("%(message)s")


class Kept(logging.Handler):
    """Everything that is logged, with every extra field and every traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{_OWN.format(record)} {record.__dict__}")


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """All that was logged or printed so far."""
    kept, own, root = Kept(), logging.getLogger(logger.name), logging.getLogger()
    levels = own.level, root.level
    for one in (own, root):
        one.addHandler(kept)
        one.setLevel(logging.DEBUG)
    yield lambda: "\n".join([*kept.lines, *capfd.readouterr()])
    for one, level in zip((own, root), levels, strict=True):
        one.removeHandler(kept)
        one.setLevel(level)


def told(tenant: Tenant, text: str) -> set[str]:
    """What a log tells that it must not: secrets, names, figures. Ids it may."""
    hidden = {KEY, SECRET, tenant.figure, "alpha-header", "alpha-cookie", *tenant.secrets}
    fresh = re.findall(r"dm_[a-z0-9]{12}_\w+|whsec_[\w+/=]+", text)
    return {one for one in hidden if one in text} | tenant.named(text) | set(fresh)


def ask(settled: Settled, route: str, wanted: Ask) -> int:
    path = settled.tenant.path(route, **wanted.path)
    return settled.house.send(route, wanted, WORKSPACE, path, headers=HEADERS).status


@pytest.mark.parametrize("route", KEYS)
def test_a_request_leaves_nothing_in_the_logs(route: str, untouched: Settled, logged: Callable[[], str]) -> None:
    for step, wanted in (*untouched.asks[route].before, (route, untouched.asks[route])):
        assert ask(untouched, step, wanted) < 300

    assert told(untouched.tenant, logged()) == set()


@pytest.mark.parametrize("route", WRITING)
def test_a_body_that_cannot_be_read_leaves_nothing_in_the_logs(
    route: str, untouched: Settled, logged: Callable[[], str]
) -> None:
    usual = untouched.asks[route].path
    for body in ('{"alpha":"alpha-secret', '["alpha-secret"]', '{"alpha-secret":{"alpha":["alpha-secret"]}}'):
        assert ask(untouched, route, Ask(body, path=usual)) < 500
    assert ask(untouched, route, Ask(b"\xffalpha", path=usual, media_type="application/cloudevents+json")) < 500

    assert told(untouched.tenant, logged()) == set()


def denied() -> Exception:
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "PutItem")


def bug() -> Exception:
    return RuntimeError("a bug")


@pytest.mark.parametrize("fault", [denied, bug])
@pytest.mark.parametrize("route", KEYS)
def test_a_fault_is_logged_without_the_request(
    route: str,
    fault: Callable[[], Exception],
    untouched: Settled,
    logged: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(call: Call, apply: Any) -> Any:
        raise fault()

    monkeypatch.setattr(untouched.house.world.memory, "intercept", fail)

    status = ask(untouched, route, untouched.asks[route])

    text = logged()
    assert told(untouched.tenant, text) == set()
    assert (status == 500) is (route not in WITHOUT_STORAGE)
    assert status != 500 or ("unhandled fault" in text and route in text), "whoever looks for it finds the route"


@pytest.mark.parametrize(
    "credential", [f"Bearer {KEY}", f"bearer  {KEY}", KEY, f"Basic {KEY}", f"Bearer {KEY}{'x' * 200}", f"Bearer {KEY}%"]
)
def test_a_refused_key_is_known_by_its_id_alone(credential: str, settled: Settled, logged: Callable[[], str]) -> None:
    event = {"identitySource": [credential], "headers": {"authorization": credential}}

    answer = settled.house.world.fleet.run("authorize", event, may_stall=False).answer

    assert answer["isAuthorized"] is False
    assert SECRET not in logged()


def test_a_key_that_is_let_in_is_not_logged(untouched: Settled, logged: Callable[[], str]) -> None:
    key = next(one for one in untouched.tenant.secrets if one.startswith("dm_"))
    event = {"identitySource": [f"Bearer {key}"], "headers": {"authorization": f"Bearer {key}"}}

    answer = untouched.house.world.fleet.run("authorize", event, may_stall=False).answer

    assert answer["isAuthorized"] is True
    assert told(untouched.tenant, logged()) == set()


def test_a_storage_fault_behind_the_authorizer_tells_no_secret(
    settled: Settled, logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(call: Call, apply: Any) -> Any:
        raise denied()

    monkeypatch.setattr(settled.house.world.memory, "intercept", fail)
    event = {"identitySource": [f"Bearer {KEY}"], "headers": {}}

    error = settled.house.world.fleet.run("authorize", event, may_stall=False).error

    assert error is not None, "API Gateway answers 500 and keeps nothing"
    assert SECRET not in f"{logged()} {error!r}"


def test_a_webhook_that_is_not_taken_tells_neither_its_secret_nor_its_headers(
    untouched: Settled, logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, str]] = []

    def refuse(_: Any, url: str, headers: dict[str, str], body: bytes) -> None:
        sent.append(headers)
        raise Refused("answered 500")

    def take_note(call: Call, apply: Any) -> Any:
        return {} if call.operation == "update_item" else apply()

    monkeypatch.setattr(WebhookCaller, "post", refuse)
    monkeypatch.setattr(untouched.house.world.memory, "intercept", take_note)
    event = {"detail": {"workspace": WORKSPACE, "id": untouched.tenant.ids["crossing"]}}

    with pytest.raises(NotDelivered) as raised:
        untouched.house.handle("webhooks", event)

    assert sent[0]["X-Token"] in untouched.tenant.secrets
    assert told(untouched.tenant, f"{logged()} {raised.value!r}") == set()


def test_counting_events_leaves_nothing_in_the_logs(settled: Settled, logged: Callable[[], str]) -> None:
    house: House = settled.house
    event = settled.tenant.event(50, "alpha-subject", "not a number, alpha-secret")
    house.handle("emit", http_event("POST /api/v1/events", body=event, headers=HEADERS))

    house.world.settle()

    assert told(settled.tenant, logged()) == set()
    house.put_back(settled.kept)


def test_the_access_log_has_no_headers_and_no_credential() -> None:
    resources: Any = TEMPLATE.document["Resources"]
    settings = resources["ApiStage"]["Properties"]["AccessLogSettings"]
    shown = set(re.findall(r"\$context\.([\w.]+)", settings["Format"]))
    assert {one for one in shown if one.startswith(("identity", "authorizer", "request.header"))} == {
        "authorizer.key_id"
    }
