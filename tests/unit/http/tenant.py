"""A workspace with one of everything, the values that paths may take in it, and a good request for each route."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from dynameter import codec
from tests.unit.http.house import WORKSPACE_PARAMETERS, Ask, House, parameters_of

FIGURE = "4242.5"
"""What the tenant has used: a figure that is nowhere else."""
TIME = "2026-01-14T09:30:00Z"
FROM, TO = "2026-01-14T00:00:00Z", "2026-01-15T00:00:00Z"
_SUBSCRIPTIONS = {
    "subscription": ("customer", "plan", "immediate"),
    "ended_subscription": ("ended", "plan", "immediate"),
    "scheduled_subscription": ("later", "plan", "2026-01-20T00:00:00Z"),
    "outdated_subscription": ("behind", "renewed", "immediate"),
}
"""Names of subscriptions: whose, to which plan, from when."""
_ULID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b")


@dataclass
class Tenant:
    """Everything of a workspace is named after it: slugs ``alpha_...``, keys ``alpha-...``."""

    house: House
    workspace: str
    name: str = "alpha"
    figure: str = FIGURE
    ids: dict[str, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    """What must be shown to nobody again: keys, signing secrets, tokens."""
    marks: set[str] = field(default_factory=set)
    """What others must not be shown: every id, the secrets and the figure. Names tell themselves, see ``named``."""

    # ---- asking

    def path(self, route: str, **values: str) -> dict[str, str]:
        """The path's values: those given, else the usual ones of this workspace."""
        usual = {name: found[0] for name, found in self.parameters().items()}
        return {name: values.get(name, usual.get(name, "")) for name in parameters_of(route)}

    def ok(self, route: str, body: Any = None, *query: tuple[str, str], **values: str) -> Any:
        """What a route answers, which must be good."""
        answer = self.house.send(route, Ask(body, query), self.workspace, self.path(route, **values))
        assert answer.status < 300, (route, answer.text)
        return answer.json() if answer.text else None

    def parameters(self) -> dict[str, tuple[str, ...]]:
        """For each parameter of a path everything here that it may name, first what is asked for usually."""
        name, ids = self.name, self.ids
        get = ids.get
        customers = (get("customer", ""), f"{name}-customer", get("ended", ""), f"{name}-ended")
        features = (get("feature", ""), f"{name}_feature", get("flag", ""), f"{name}_flag")
        entitlements = (get("entitlement", ""), f"{name}_feature")
        meters = (f"{name}_tokens", get("meter", ""), f"{name}_spare", get("spare_meter", ""))
        plans = (get("plan", ""), f"{name}_plan", get("draft", ""), f"{name}_draft")
        invoices = (get("invoice", ""), get("gathering", ""))
        return {
            "workspace_id": (self.workspace,),
            "bucketId": (self.workspace,),
            "meterIdOrSlug": meters,
            "meterId": meters[1::2],
            "slug": meters,
            "groupByKey": ("model",),
            "subjectIdOrKey": (f"{name}-subject", get("subject", ""), *customers),
            "void_id": (get("void", ""),),
            "key_id": (get("key", ""),),
            "customerIdOrKey": customers,
            "customerId": customers[::2],
            "featureIdOrKey": features,
            "featureId": features[::2],
            "featureKey": features[1::2],
            "planId": plans,
            "subscriptionId": tuple(get(one, "") for one in _SUBSCRIPTIONS),
            "invoiceId": invoices,
            "invoice": tuple(f"{one}.{kind}" for one in invoices for kind in ("html", "csv")),
            "entitlementId": entitlements[:1],
            "entitlementIdOrFeatureKey": entitlements,
            "grantId": (get("grant", ""),),
            "channelId": (get("channel", ""),),
            "ruleId": (get("rule", ""),),
            "eventId": (get("crossing", ""),),
            "id": (get("route", ""), f"{name}-gateway-plan", f"{name}-user"),
        }

    # ---- bodies

    def event(self, number: int, subject: str, tokens: str) -> dict[str, Any]:
        """An event as CloudEvents has it."""
        return {
            "specversion": "1.0",
            "id": f"{self.name}-event-{number}",
            "source": f"{self.name}-source",
            "type": f"{self.name}_completion",
            "subject": subject,
            "data": {"tokens": tokens, "model": f"{self.name}-model"},
        }

    def plan(self, key: str) -> dict[str, Any]:
        """A plan of v1."""
        return {"key": key, "name": key, "currency": "USD", "billingCadence": "P1M", "phases": self.phases()}

    def phases(self) -> list[dict[str, Any]]:
        """One phase with a price by usage."""
        card = {
            "type": "usage_based",
            "key": f"{self.name}_feature",
            "name": "By tokens",
            "featureKey": f"{self.name}_feature",
            "billingCadence": "P1M",
            "price": {"type": "unit", "amount": "1"},
        }
        return [{"key": "default", "name": "Default", "duration": None, "rateCards": [card]}]

    def phases_v3(self) -> list[dict[str, Any]]:
        """The same in v3."""
        card = {
            "key": f"{self.name}_feature",
            "name": "By tokens",
            "feature": {"id": self.ids["feature"]},
            "billing_cadence": "P1M",
            "payment_term": "in_arrears",
            "price": {"type": "unit", "amount": "1"},
        }
        return [{"key": "default", "name": "Default", "rate_cards": [card]}]

    def rule(self) -> dict[str, Any]:
        """A rule that the usage crosses."""
        return {
            "type": "entitlements.balance.threshold",
            "name": f"{self.name}-rule",
            "thresholds": [{"type": "usage_value", "value": 7}],
            "channels": [self.ids["channel"]],
            "features": [f"{self.name}_feature"],
            "customers": [f"{self.name}-customer"],
        }

    def channel(self) -> dict[str, Any]:
        """A channel with a secret and a token."""
        return {
            "type": "WEBHOOK",
            "name": f"{self.name}-channel",
            "url": f"https://hooks.example.com/{self.name}",
            "signingSecret": "whsec_" + self.name.upper() + "A" * (32 - len(self.name)),
            "customHeaders": {"X-Token": f"{self.name}-token-in-a-header"},
        }

    # ---- one of everything

    def settle_in(self) -> None:
        """Make one of everything, through the doors."""
        self._meter()
        self._sell()
        self._subscribe()
        self._watch()
        self._use()
        self._bill()
        self._gateway()
        stored = {found for item in self.house.state().items() for found in _ULID.findall(str(item))}
        self.marks = stored | set(self.ids.values()) | self.secrets | {self.figure}

    def _meter(self) -> None:
        name = self.name
        for key, slug in (("meter", "tokens"), ("spare_meter", "spare")):
            meter = {
                "slug": f"{name}_{slug}",
                "description": f"{name}-description",
                "eventType": f"{name}_completion",
                "aggregation": "SUM",
                "valueProperty": "$.tokens",
                "groupBy": {"model": "$.model"},
            }
            self.ids[key] = self.ok("POST /api/v1/meters", meter)["id"]
        (subject,) = self.ok("POST /api/v1/subjects", [{"key": f"{name}-subject", "displayName": f"{name}-display"}])
        self.ids["subject"] = subject["id"]
        made = self.ok(
            "POST /v1/{workspace_id}/api-keys",
            {"duration_days": 30, "name": f"{name}-key", "permissions": ["keys:write"]},
        )
        self.secrets.add(next(one for one in made.values() if str(one).startswith("dm_")))
        self.ids["key"] = next(iter(self.secrets)).split("_")[1]

    def _sell(self) -> None:
        name = self.name
        feature = {"key": f"{name}_feature", "name": f"{name}-feature-name", "meterSlug": f"{name}_tokens"}
        self.ids["feature"] = self.ok("POST /api/v1/features", feature)["id"]
        self.ids["flag"] = self.ok("POST /api/v1/features", {"key": f"{name}_flag", "name": f"{name}-flag"})["id"]
        for key in ("customer", "ended", "single", "later", "behind"):
            subjects = [f"{name}-subject"] if key == "customer" else []
            attribution = {"subjectKeys": [f"{name}-{key}", *subjects]}
            customer = {"key": f"{name}-{key}", "name": f"{name}-{key}-name", "usageAttribution": attribution}
            self.ids[key] = self.ok("POST /api/v1/customers", customer)["id"]
        for key in ("plan", "other", "renewed", "draft"):
            self.ids[key] = self.ok("POST /api/v1/plans", self.plan(f"{name}_{key}"))["id"]
        for key in ("plan", "other", "renewed"):
            self.ok("POST /api/v1/plans/{planId}/publish", planId=self.ids[key])

    def _subscribe(self) -> None:
        for key, (customer, plan, timing) in _SUBSCRIPTIONS.items():
            wanted = {"customerKey": f"{self.name}-{customer}", "plan": {"key": f"{self.name}_{plan}"}}
            self.ids[key] = self.ok("POST /api/v1/subscriptions", wanted | {"timing": timing})["id"]
        renewed = self.ok("POST /api/v1/plans/{planId}/next", planId=self.ids["renewed"])
        self.ok("POST /api/v1/plans/{planId}/publish", planId=renewed["id"])
        entitlement = {
            "type": "metered",
            "featureKey": f"{self.name}_feature",
            "usagePeriod": {"interval": "MONTH"},
            "isSoftLimit": True,
        }
        base = "POST /api/v1/subjects/{subjectIdOrKey}/entitlements"
        self.ids["entitlement"] = self.ok(base, entitlement)["id"]
        self.house.world.clock.sleep(60)
        grant = self.ok(base + "/{entitlementIdOrFeatureKey}/grants", {"amount": 9000})
        self.ids["grant"] = grant["id"]

    def _watch(self) -> None:
        base = "POST /api/v1/notification"
        for key in ("channel", "spare_channel"):
            made = self.ok(f"{base}/channels", self.channel())
            self.ids[key] = made["id"]
        self.secrets |= {made["signingSecret"], self.channel()["customHeaders"]["X-Token"]}
        self.ids["rule"] = self.ok(f"{base}/rules", self.rule())["id"]

    def _use(self) -> None:
        events = [
            self.event(1, f"{self.name}-subject", self.figure),
            self.event(2, f"{self.name}-ended", "3"),
            self.event(3, f"{self.name}-subject", "1"),
        ]
        route = "POST /api/v1/events"
        ask = Ask(codec.encode(events), media_type="application/cloudevents-batch+json")
        assert self.house.send(route, ask, self.workspace, {}).status == 204
        void = {"events": [{"source": f"{self.name}-source", "id": f"{self.name}-event-3"}], "reason": f"{self.name}-x"}
        self.ids["void"] = self.ok("POST /v1/{workspace_id}/voids", void)["id"]
        self.house.world.clock.sleep(60)
        self.house.world.settle()
        crossing = self.ok("GET /api/v1/notification/events")["items"][0]
        self.ids["crossing"] = crossing["payload"]["id"]

    def _bill(self) -> None:
        ended = {"subscriptionId": self.ids["ended_subscription"]}
        self.ok("POST /api/v1/subscriptions/{subscriptionId}/cancel", {"timing": "immediate"}, **ended)
        self.house.world.clock.sleep(60)
        (issued,) = self.ok("POST /api/v1/billing/invoices/invoice", {"customerId": self.ids["ended"]})
        self.ids["invoice"] = issued["id"]
        (gathering,) = self.ok("GET /api/v1/billing/invoices", None, ("customers", self.ids["customer"]))["items"]
        self.ids["gathering"] = gathering["id"]

    def _gateway(self) -> None:
        name = self.name
        route = {"name": f"{name}-route", "path_pattern": f"/{name}/*"}
        self.ids["route"] = self.ok("POST /admin/routes", route)["data"]["id"]
        self.ok("POST /admin/plans", {"id": f"{name}-gateway-plan", "name": f"{name}-gateway-plan-name"})
        self.ok("PUT /admin/users/{id}/plan", {"plan_id": f"{name}-gateway-plan"}, id=f"{name}-user")
        exchange = {"id": f"{name}-exchange", "user_id": f"{name}-user", "path": f"/{name}/x", "status": 200}
        self.ok("POST /v1/{workspace_id}/exchanges", [exchange])
        event = {"id": f"{name}-external", "user_id": f"{name}-user", "event_type": "compute.minutes", "quantity": 5}
        self.ok("POST /api/v1/meter", {"data": [{"type": "usage_events", "attributes": event}]})
        self.house.world.settle()
        reserve = "POST /v1/{workspace_id}/quota/reserve"
        self.ids["reservation"] = self.ok(reserve, {"user_id": f"{name}-user", "ttl_s": 3600})["data"]["id"]

    # ---- what betrays it

    def named(self, text: str) -> set[str]:
        """The words in a text that are names of this workspace."""
        return set(re.findall(rf"[\w-]*{self.name}[\w-]*", text, re.IGNORECASE))


def values_of(tenant: Tenant, route: str) -> list[dict[str, str]]:
    """Every way to fill the route's path with what is the tenant's; its workspace aside."""
    ways: list[dict[str, str]] = [{}]
    for name in parameters_of(route):
        if name not in WORKSPACE_PARAMETERS:
            ways = [{**way, name: value} for way in ways for value in tenant.parameters()[name]]
    return ways
