"""A workspace with a metered feature and usage, behind the billing function; and segments over usage in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from dynameter.clock import render
from dynameter.events.store import encode_item
from dynameter.meters.store import MeterStore
from dynameter.runtime.catalog import key
from dynameter.runtime.settings import Settings
from dynameter.usage.folding.fold import fold
from dynameter.usage.rows.store import UsageStore
from tests.conftest import ManualClock
from tests.unit.usage.builders import SHARD, define, make_event, make_record

Call = Callable[..., tuple[int, Any]]

SUBJECTS = "/api/v1/subjects/{subjectIdOrKey}/entitlements"
SUBJECT = SUBJECTS + "/{entitlementIdOrFeatureKey}"
CUSTOMERS = "/api/v2/customers/{customerIdOrKey}/entitlements"
CUSTOMER = CUSTOMERS + "/{entitlementIdOrFeatureKey}"
ACCESS = "/api/v1/customers/{customerIdOrKey}"
PREFIXES = ("/api/v3/openmeter", "/v3/openmeter")


@dataclass
class Rights:
    """Feature ``tokens``, the sum of ``$.value`` of ``request`` events, customer ``acme`` with the subject ``bot``."""

    call: Call
    clock: ManualClock
    client: Any
    settings: Settings
    workspace: str
    function: ModuleType
    counted: int = 0

    def open(self, **meter: Any) -> Rights:
        """Make the meter, the feature and the customer."""
        sent = {"slug": "tokens_total", "aggregation": "SUM", "eventType": "request", "valueProperty": "$.value"}
        self.ok("POST /api/v1/meters", body=sent | meter)
        self.ok("POST /api/v1/features", body={"key": "tokens", "name": "Tokens", "meterSlug": "tokens_total"})
        self.ok("POST /api/v1/features", body={"key": "sso", "name": "Single sign-on"})
        attribution = {"subjectKeys": ["bot"]}
        self.ok("POST /api/v1/customers", body={"key": "acme", "name": "Acme", "usageAttribution": attribution})
        return self

    def ok(self, route: str, *query: tuple[str, str], **sent: Any) -> Any:
        status, body = self.call(route, *query, **sent)
        assert status < 300, body
        return body

    def path(self, feature: str = "tokens", subject: str = "acme") -> dict[str, str]:
        """The path's parameters of v1."""
        return {"subjectIdOrKey": subject, "entitlementIdOrFeatureKey": feature}

    def create(self, subject: str = "acme", **changed: Any) -> Any:
        """A monthly entitlement of 100 tokens in v1."""
        sent = {
            "type": "metered",
            "featureKey": "tokens",
            "usagePeriod": {"interval": "MONTH"},
            "issueAfterReset": 100,
        } | changed
        return self.ok(f"POST {SUBJECTS}", path={"subjectIdOrKey": subject}, body=sent)

    def grant(self, amount: int, **changed: Any) -> Any:
        """A grant in v1."""
        return self.ok(f"POST {SUBJECT}/grants", path=self.path(), body={"amount": amount} | changed)

    def reset(self, **sent: Any) -> None:
        """A reset in v1."""
        self.ok(f"POST {SUBJECT}/reset", path=self.path(), body=sent)

    def value(self, *query: tuple[str, str], subject: str = "acme") -> Any:
        """The value in v1."""
        return self.ok(f"GET {SUBJECT}/value", *query, path=self.path(subject=subject))

    def left(self) -> tuple[Decimal, Decimal, Decimal]:
        """Balance, usage, overage now."""
        found = self.value()
        return found["balance"], found["usage"], found["overage"]

    def use(self, value: int, subject: str = "acme", at_us: int | None = None, **data: Any) -> None:
        """An event, stored and folded as the stream does."""
        self.counted += 1
        time_us = self.clock.now_us() if at_us is None else at_us
        name = f"event-{self.counted}"
        event = make_event(
            self.counted,
            {"value": value, **data},
            workspace=self.workspace,
            subject=subject,
            time_us=time_us,
            id=name,
            ingested_at_us=self.clock.now_us(),
        )
        self.client.put_item(TableName=self.settings.events_table, Item=encode_item(event))
        meters = MeterStore(self.client, self.settings.catalog_table).load_live(self.workspace)
        rows = fold([make_record(self.counted, event)], define(*meters)).rows
        UsageStore(self.client, self.settings.usage_table, workers=1).apply(SHARD, rows, time_us)

    def write(self, items: Iterable[dict[str, Any]]) -> None:
        """Items of the workspace's catalog, without their partition."""
        partition = key(self.workspace, "")["pk"]
        waiting = [{"PutRequest": {"Item": {"pk": partition, **one}}} for one in items]
        for first in range(0, len(waiting), 25):
            requests = {self.settings.catalog_table: waiting[first : first + 25]}
            self.client.batch_write_item(RequestItems=requests)

    def watch(self, see: Callable[[Any], None]) -> None:
        """Have every call to storage from now on seen."""
        client = self.function.services().client
        client.meta.events.register("before-call.dynamodb", lambda model, **_: see(model))

    def now(self) -> str:
        """The present as text."""
        return render(self.clock.now_us())


@pytest.fixture
def rights(
    call: Call,
    moving: ManualClock,
    client: Any,
    engine: Settings,
    workspace: str,
    functions: tuple[ModuleType, ...],
) -> Rights:
    """A workspace with the feature and the customer."""
    return Rights(call, moving, client, engine, workspace, functions[0]).open()
