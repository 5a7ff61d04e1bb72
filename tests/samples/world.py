"""What sample payloads name, made through the functions themselves and under the very ids that the payloads use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

import ulid

from dynameter.access.known_key import ensure_key
from dynameter.access.principal import SCOPES
from dynameter.access.store import KeyStore
from dynameter.clock import SystemClock
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.settings import Settings
from tests.conftest import WORKSPACE, LambdaContext, http_event, load_function

Need = Callable[["World"], object]

V3_ID = "01KEX4MP1E0000000000000000"
METER_ID = "01KFHZ0J4VPJ4P5D0M3Q1N8R7S"
SUBSCRIBER_ID = "01KEXFZT5N8Q2W4R6T8Y0V3B7D"
GRANT_ID = "01KEXG2M4P6R8T0V2X4Z6B8D0F"
NOTIFICATION_ID = "01KEXZZZZZZZZZZZZZZZZZZZZZ"
VOID_ID = "01KEYZ8Q4V3N5T7W9Y1B3D5F7H"
ROUTE_ID = "01KEXJ3E80QJ8Z2W6V4T5N7P9A"
KEY = "dm_t3x6y2v5a7hq_" + "a" * 40
SHOWN_KEY = "dm_k7q2m5x3h4bn_4kz7w2mq5yd3cthn6vxr2bsp5glej7oa3fuiqn4w"
_OLD = "2026-01-14T10:00:00Z"
_OLD_US = 1_768_384_800_000_000
_UNITS = {"metadata": {}, "price": {"type": "unit", "amount": "1"}, "billingCadence": "P1M"}


class World:
    """The functions of this process over the tables that its environment names, each imported when it is needed."""

    def __init__(self) -> None:
        self._modules: dict[str, ModuleType] = {}

    def handle(self, folder: str, event: Mapping[str, Any]) -> Any:
        """What the function answers to an event."""
        if folder not in self._modules:
            self._modules[folder] = load_function(folder)
        return self._modules[folder].handler(event, LambdaContext())

    def send(
        self, folder: str, route: str, body: Any = None, *, path: dict[str, str] | None = None, id: str | None = None
    ) -> None:
        """Ask a function; it must do it. What is made so has this ``id``."""
        with _next_id(id):
            answer = self.handle(folder, http_event(route, path=path, body=body))
        assert answer["statusCode"] < 300, f"{route}: {answer}"


@contextmanager
def _next_id(text: str | None) -> Iterator[None]:
    """Let the next ULID be this one."""
    if text is None:
        yield
        return
    wanted = ulid.ULID.from_str(text)
    generator = ulid.ULIDGenerator(clock=lambda: wanted.milliseconds, randomness=lambda _: wanted.bytes[6:])
    with patch.object(ulid, "default_generator", generator):
        yield


@contextmanager
def _long_ago() -> Iterator[None]:
    """Let the service's clock stand still in January 2026."""
    with patch.object(SystemClock, "now_us", lambda _: _OLD_US):
        yield


# ---- meters, events, subjects, voids


def tokens_meter(world: World) -> None:
    """The meter ``tokens_total``."""
    meter = {"slug": "tokens_total", "eventType": "completion", "aggregation": "SUM", "valueProperty": "$.tokens"}
    world.send("meters", "POST /api/v1/meters", {**meter, "groupBy": {"model": "$.model"}})


def requests_meter(world: World) -> None:
    """The meter ``api_requests``."""
    world.send(
        "meters",
        "POST /api/v1/meters",
        {"slug": "api_requests", "eventType": "api_request", "aggregation": "SUM", "valueProperty": "$.count"},
    )


def runs_meter(world: World) -> None:
    """The meter ``agent_runs``."""
    meter = {"slug": "agent_runs", "eventType": "agent_run", "aggregation": "COUNT"}
    world.send("meters", "POST /api/v1/meters", {**meter, "groupBy": {"agent_name": "$.agent_name"}}, id=METER_ID)


def run_event(world: World) -> None:
    """The event of emit-v3, whose id other payloads name."""
    event = {"specversion": "1.0", "type": "agent_run", "source": "acme-platform", "subject": "acme-inc", "time": _OLD}
    body = [{**event, "id": "8655CDD7-0775-4AEA-AF8C-89C47EBC8828", "data": {"agent_name": "summarizer"}}]
    world.send("emit", "POST /api/v1/events", body)


def subject(world: World) -> None:
    """The subject ``customer-123``."""
    world.send("meters", "POST /api/v1/subjects", [{"key": "customer-123", "displayName": "Acme Inc"}])


def void(world: World) -> None:
    """A void of one event."""
    body = {"events": [{"source": "billing-api", "id": "1"}], "reason": "sent twice"}
    world.send("meters", "POST /v1/{workspace_id}/voids", body, path={"workspace_id": WORKSPACE}, id=VOID_ID)


# ---- customers, features, plans, entitlements, notifications


def customer(world: World, id: str = V3_ID) -> None:
    """The customer ``acme-inc``."""
    body = {"name": "Acme Inc", "key": "acme-inc", "currency": "USD", "usageAttribution": {"subjectKeys": ["acme-bot"]}}
    world.send("billing", "POST /api/v1/customers", body, id=id)


def feature(world: World) -> None:
    """The feature ``agent_runs`` of the meter of that name."""
    runs_meter(world)
    body = {"key": "agent_runs", "name": "Agent runs", "meterSlug": "agent_runs"}
    world.send("billing", "POST /api/v1/features", body, id=V3_ID)


def featured_customer(world: World, id: str = V3_ID) -> None:
    """A customer, and the feature."""
    feature(world)
    customer(world, id)


def entitled_customer(world: World, id: str = V3_ID) -> None:
    """A customer with an entitlement to the feature."""
    featured_customer(world, id)
    body = {"type": "metered", "featureKey": "agent_runs", "usagePeriod": {"interval": "MONTH"}, "issueAfterReset": 100}
    route = "POST /api/v1/subjects/{subjectIdOrKey}/entitlements"
    world.send("billing", route, body, path={"subjectIdOrKey": "acme-inc"})


def customer_with_access(world: World) -> None:
    """The same under the id that the v3 payload names."""
    entitled_customer(world, GRANT_ID)


def grant(world: World) -> None:
    """A grant of the entitlement."""
    entitled_customer(world)
    place = {"subjectIdOrKey": "acme-inc", "entitlementIdOrFeatureKey": "agent_runs"}
    route = "POST /api/v1/subjects/{subjectIdOrKey}/entitlements/{entitlementIdOrFeatureKey}/grants"
    world.send("billing", route, {"amount": 100}, path=place, id=GRANT_ID)


def subscriber(world: World) -> None:
    """A customer who pays for the feature since January 2026."""
    with _long_ago():
        _subscribe(world)


def _subscribe(world: World) -> None:
    featured_customer(world, SUBSCRIBER_ID)
    card = {"type": "usage_based", "key": "agent_runs", "name": "Runs", "featureKey": "agent_runs", **_UNITS}
    phases = [{"key": "default", "name": "Default", "duration": None, "rateCards": [card]}]
    plan = {"key": "pro", "name": "Pro", "currency": "USD", "billingCadence": "P1M", "phases": phases}
    world.send("billing", "POST /api/v1/plans", plan, id=V3_ID)
    world.send("billing", "POST /api/v1/plans/{planId}/publish", path={"planId": V3_ID})
    body = {"customerId": SUBSCRIBER_ID, "plan": {"key": "pro"}}
    world.send("billing", "POST /api/v1/subscriptions", body, id=V3_ID)


def invoice(world: World) -> None:
    """The subscriber's invoice of the first month."""
    subscriber(world)
    body = {"customerId": SUBSCRIBER_ID, "asOf": "2026-02-15T00:00:00Z"}
    world.send("billing", "POST /api/v1/billing/invoices/invoice", body)


def channel(world: World) -> None:
    """A channel of notifications."""
    body = {"type": "WEBHOOK", "name": "Billing hooks", "url": "https://hooks.example.com/dynameter"}
    world.send("billing", "POST /api/v1/notification/channels", body, id=NOTIFICATION_ID)


def rule(world: World) -> None:
    """A rule of notifications."""
    thresholds = [{"type": "usage_value", "value": 75}]
    body = {
        "type": "entitlements.balance.threshold",
        "name": "Three quarters",
        "channels": [],
        "thresholds": thresholds,
    }
    world.send("billing", "POST /api/v1/notification/rules", body, id=NOTIFICATION_ID)


# ---- routes, plans of the gateway, keys


def route(world: World) -> None:
    """A route of the gateway."""
    measured = {"metering_mode": "response_field", "metering_expr": "respBody.usage.total_tokens"}
    attributes = {"name": "chat", "path_pattern": "/v1/chat/*", "methods": ["POST"], **measured}
    world.send("routes", "POST /admin/routes", {"data": {"type": "routes", "attributes": attributes}}, id=ROUTE_ID)


def pro_plan(world: World) -> None:
    """A plan of the gateway."""
    attributes = {"name": "Pro", "requests_per_month": 100_000, "price_monthly": 4_900}
    world.send("routes", "POST /admin/plans", {"data": {"type": "plans", "id": "pro", "attributes": attributes}})


def users_plan(world: World) -> None:
    """A user with a plan."""
    world.send("routes", "PUT /admin/users/{id}/plan", {"plan_id": "free"}, path={"id": "customer-1"})


def key(world: World, text: str = KEY) -> None:
    """An API key."""
    settings = Settings.from_env(os.environ)
    clock = SystemClock()
    ensure_key(KeyStore(create_client(settings), settings.catalog_table, clock), clock, WORKSPACE, text, SCOPES)


def shown_key(world: World) -> None:
    """The API key that the authorizer's payload shows."""
    key(world, SHOWN_KEY)
