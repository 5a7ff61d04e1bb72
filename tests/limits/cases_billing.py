"""The edges of customers, features, plans, subscriptions, invoices, entitlements and thresholds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dynameter import codec
from dynameter.billing.customers import store as customer_store
from dynameter.billing.period import Cadence
from dynameter.billing.plans import store as plan_store
from dynameter.billing.plans.records import encode_phases
from dynameter.billing.subscriptions import store as subscription_store
from dynameter.billing.subscriptions.rules import MAX_ANCHOR_YEARS, MAX_YEARS_AHEAD
from dynameter.clock import render
from dynameter.dialects.openmeter_v1.plans import PlanCreate
from tests.limits.edges import Asking, Edge, Lowered, body, body_edges, entries, items, letters, put, repeated
from tests.unit.http.conftest import Settled
from tests.unit.http.house import Ask

CUSTOMERS, CUSTOMERS_V3 = "POST /api/v1/customers", "POST /api/v3/openmeter/customers"
REPLACE = "PUT /api/v1/customers/{customerIdOrKey}"
FEATURES, FEATURES_V3 = "POST /api/v1/features", "POST /api/v3/openmeter/features"
PLANS, PLANS_V3 = "POST /api/v1/plans", "POST /api/v3/openmeter/plans"
SUBSCRIPTIONS = "POST /api/v1/subscriptions"
INVOICES = "GET /api/v1/billing/invoices"
BY_SUBJECT = "POST /api/v1/subjects/{subjectIdOrKey}/entitlements"
BY_CUSTOMER = "POST /api/v2/customers/{customerIdOrKey}/entitlements"
GRANTS = BY_SUBJECT + "/{entitlementIdOrFeatureKey}/grants"
RESET = BY_SUBJECT + "/{entitlementIdOrFeatureKey}/reset"
HISTORY = "GET /api/v1/subjects/{subjectIdOrKey}/entitlements/{entitlementIdOrFeatureKey}/history"
VALUE = "GET /api/v1/subjects/{subjectIdOrKey}/entitlements/{entitlementIdOrFeatureKey}/value"
ACCESS = "POST /api/v3/openmeter/entitlement-access/query"
RULES, CHANNELS = "POST /api/v1/notification/rules", "POST /api/v1/notification/channels"
LIST = "GET /api/v1/subjects/{subjectIdOrKey}/entitlements"
CHARGES = "GET /api/v3/openmeter/customers/{customerId}/charges"
NEXT, ARCHIVE = "POST /api/v1/plans/{planId}/next", "DELETE /api/v1/features/{featureIdOrKey}"
RESTORE = "POST /api/v1/subscriptions/{subscriptionId}/restore"
YEAR_US = Cadence(years=1).about_us


def metadata_of(size: int) -> dict[str, str]:
    """Metadata of so many bytes as compact JSON, each value within its own limit."""
    made: dict[str, str] = {}
    while (room := size - len(codec.encode({**made, "key": ""}))) > 1_000:
        made[f"i{len(made)}"] = letters(min(1_000, room - 100))
    return {**made, "key": letters(room)}


def json_text(size: int) -> str:
    """JSON of so many bytes."""
    return f'"{letters(size - 2)}"'


def filters_of(size: int) -> dict[str, Any]:
    """A feature's filters of so many bytes as compact JSON, each operand within its own limit."""
    parts: list[dict[str, str]] = []

    def made(last: str) -> dict[str, Any]:
        return {"model": {"$and": [*parts, {"$ne": last}]}}

    while (room := size - len(codec.encode(made("")))) > 1_000:
        parts.append({"$ne": letters(min(1_000, room - 100))})
    return made(letters(room))


def phases(settled: Settled, count: int, cards: Callable[[int], list[Any]] | None = None) -> list[dict[str, Any]]:
    """So many phases; ``cards`` are those of the phase of that number."""
    usual = settled.tenant.phases()[0]["rateCards"]
    return [
        {
            "key": f"phase_{number}",
            "name": "P",
            "duration": None if number == count - 1 else "P1M",
            "rateCards": usual if cards is None else cards(number),
        }
        for number in range(count)
    ]


def flat_cards(count: int, **also: Any) -> list[dict[str, Any]]:
    """So many rate cards that are free."""
    return [
        {"type": "flat_fee", "key": f"c{number}", "name": "C", "billingCadence": None, **also}
        for number in range(count)
    ]


def plan(make: Callable[[Settled, int], list[dict[str, Any]]]) -> Asking:
    """A plan with the phases that are made."""
    return lambda settled, size: Ask({**settled.asks[PLANS].body, "phases": make(settled, size)})


def card(place: str, make: Callable[[int], Any]) -> Asking:
    """A plan with something made at the dotted place of its rate card."""

    def ask(settled: Settled, size: int) -> Ask:
        return Ask(put(settled.asks[PLANS].body, f"phases.0.rateCards.0.{place}", make(size)))

    return ask


def tiers(count: int) -> dict[str, Any]:
    """A tiered price with so many tiers."""
    made: list[dict[str, Any]] = [
        {"upToAmount": str(number + 1), "unitPrice": {"type": "unit", "amount": "1"}} for number in range(count - 1)
    ]
    return {
        "type": "tiered",
        "mode": "graduated",
        "tiers": [*made, {"upToAmount": None, "unitPrice": {"type": "unit", "amount": "1"}}],
    }


def spread(settled: Settled, size: int) -> list[dict[str, Any]]:
    """So many rate cards in phases of at most a hundred."""
    whole, rest = divmod(size, 100)
    counts = [100] * whole + ([rest] if rest else [])
    return phases(settled, len(counts), lambda number: flat_cards(counts[number]))


def weighty(settled: Settled, size: int) -> list[dict[str, Any]]:
    """Phases of so many bytes as they are stored, in JSON."""
    made = phases(settled, 2, lambda _: flat_cards(size // 1_700, description=letters(500)))
    draft = PlanCreate.model_validate({**settled.asks[PLANS].body, "phases": made}).draft("key", "USD")
    rest = size - len(encode_phases(draft.phases))
    for card in (card for phase in made for card in phase["rateCards"]):
        more = min(500, rest)
        card["description"] = letters(500 + more)
        rest -= more
    assert rest == 0
    return made


def metered(**also: Any) -> dict[str, Any]:
    """A metered entitlement of the customer who has none."""
    return {"type": "metered", "featureKey": "alpha_feature", "usagePeriod": {"interval": "MONTH"}, **also}


def entitlement(make: Callable[[int], dict[str, Any]], route: str = BY_CUSTOMER) -> Asking:
    """A metered entitlement of the customer who has none."""
    owner = {"customerIdOrKey": "alpha-single", "subjectIdOrKey": "alpha-single"}
    return lambda _, size: Ask(metered(**make(size)), path=owner)


def now_us(settled: Settled) -> int:
    """The house's time."""
    return settled.house.world.clock.now_us()


def at_time(settled: Settled, size: int) -> Ask:
    """The value so many microseconds from now."""
    return Ask(query=(("time", render(now_us(settled) + size)),))


def stored(prefix: str, weight: Callable[[Any], int]) -> Callable[[Settled], int]:
    """What the catalog's items of that prefix weigh together."""

    def weigh(settled: Settled) -> int:
        items = settled.house.state().values()
        return sum(weight(item) for item in items if item.get("sk", {}).get("S", "").startswith(prefix))

    return weigh


def restoring(settled: Settled) -> Ask:
    """A subscription to be restored, with another scheduled after it."""
    later = {"customerKey": "alpha-customer", "plan": {"key": "alpha_other"}, "timing": "2026-03-20T00:00:00Z"}
    cancelled = settled.asks[RESTORE].before
    return Ask(before=(*cancelled, (SUBSCRIPTIONS, Ask(later))))


BILLING = [
    # ---- names and metadata of what is billed
    *body_edges(
        "meters.rules:MAX_NAME_CHARACTERS", dict.fromkeys((CUSTOMERS, CUSTOMERS_V3, FEATURES, FEATURES_V3), "name")
    ),
    *body_edges("meters.rules:MAX_NAME_CHARACTERS", dict.fromkeys((PLANS, PLANS_V3, RULES, CHANNELS), "name")),
    *body_edges(
        "meters.rules:MAX_DESCRIPTION_CHARACTERS", dict.fromkeys((CUSTOMERS, CUSTOMERS_V3, PLANS), "description")
    ),
    *body_edges(
        "meters.rules:MAX_METADATA_ENTRIES", dict.fromkeys((CUSTOMERS, FEATURES, PLANS, RULES), "metadata"), entries
    ),
    *body_edges(
        "billing.texts:MAX_METADATA_BYTES", dict.fromkeys((CUSTOMERS, FEATURES, PLANS, RULES), "metadata"), metadata_of
    ),
    *body_edges("dialects.openmeter_v3.labels:MAX_LABELS", {CUSTOMERS_V3: "labels", PLANS_V3: "labels"}, entries),
    # ---- customers and features
    *body_edges("billing.customers.rules:MAX_KEY_CHARACTERS", dict.fromkeys((CUSTOMERS, CUSTOMERS_V3), "key")),
    *body_edges("billing.customers.rules:MAX_SUBJECT_KEYS", {CUSTOMERS: "usageAttribution.subjectKeys"}, items),
    *body_edges("billing.customers.rules:MAX_SUBJECT_KEYS", {CUSTOMERS_V3: "usage_attribution.subject_keys"}, items),
    Edge(
        "events.rules:MAX_SUBJECT_BYTES",
        CUSTOMERS,
        body("usageAttribution.subjectKeys", lambda n: [letters(n)], CUSTOMERS),
        "usageAttribution.subjectKeys[0]",
    ),
    *body_edges(
        "billing.customers.rules:MAX_EMAIL_CHARACTERS", {CUSTOMERS: "primaryEmail", CUSTOMERS_V3: "primary_email"}
    ),
    *body_edges(
        "billing.customers.rules:MAX_ADDRESS_CHARACTERS",
        {CUSTOMERS: "billingAddress.city", CUSTOMERS_V3: "billing_address.city"},
    ),
    Edge(
        "billing.features.feature:MAX_FILTERS_BYTES",
        FEATURES,
        body("advancedMeterGroupByFilters", filters_of, FEATURES),
        "advancedMeterGroupByFilters",
    ),
    # ---- plans and subscriptions
    Edge("billing.plans.rules:MAX_PHASES", PLANS, plan(phases), "phases"),
    Edge(
        "billing.plans.rules:MAX_RATE_CARDS",
        PLANS,
        plan(lambda settled, size: phases(settled, 1, lambda _: flat_cards(size))),
        "phases[0].rateCards",
    ),
    Edge("billing.plans.rules:MAX_PLAN_RATE_CARDS", PLANS, plan(spread), "phases"),
    Edge("billing.plans.rules:MAX_PLAN_BYTES", PLANS, plan(weighty), "phases"),
    Edge("billing.pricing.rules:MAX_TIERS", PLANS, card("price", tiers), "phases[0].rateCards[0].price.tiers"),
    Edge(
        "billing.pricing.rules:MAX_CONFIG_BYTES",
        PLANS,
        card("entitlementTemplate", lambda n: {"type": "static", "config": json_text(n)}),
        "phases[0].rateCards[0].entitlementTemplate.config",
    ),
    Edge(
        "billing.pricing.rules:MAX_GRANT_PRIORITY",
        PLANS,
        card("entitlementTemplate", lambda n: {"type": "metered", "issueAfterReset": 1, "issueAfterResetPriority": n}),
        "phases[0].rateCards[0].entitlementTemplate.issueAfterResetPriority",
    ),
    Edge(
        "billing.pricing.rules:MAX_CADENCE_YEARS", PLANS, body("billingCadence", "P{}Y".format, PLANS), "billingCadence"
    ),
    Edge(
        "meters.quantity:MAX_INTEGER_DIGITS",
        PLANS,
        card("price", lambda n: {"type": "unit", "amount": "1" * n}),
        "phases[0].rateCards[0].price.amount",
    ),
    Edge(
        "meters.quantity:MAX_FRACTION_DIGITS",
        PLANS,
        card("price", lambda n: {"type": "unit", "amount": "0." + "1" * n}),
        "phases[0].rateCards[0].price.amount",
    ),
    Edge(
        "billing.subscriptions.rules:MAX_YEARS_AHEAD",
        SUBSCRIPTIONS,
        lambda settled, us: Ask({**settled.asks[SUBSCRIPTIONS].body, "timing": render(now_us(settled) + us)}),
        "timing",
        at=MAX_YEARS_AHEAD * YEAR_US,
    ),
    Edge(
        "billing.subscriptions.rules:MAX_ANCHOR_YEARS",
        SUBSCRIPTIONS,
        lambda settled, us: Ask({**settled.asks[SUBSCRIPTIONS].body, "billingAnchor": render(now_us(settled) + us)}),
        "billingAnchor",
        at=MAX_ANCHOR_YEARS * YEAR_US,
    ),
    Edge(
        "billing.period:MAX_COUNT",
        PLANS,
        body("billingCadence", "P{}D".format, PLANS),
        "billingCadence",
        why="ISO 8601",
    ),
    # ---- invoices
    Edge(
        "dialects.openmeter_v1.invoices:MAX_CUSTOMERS",
        INVOICES,
        repeated("customers", lambda n: [f"01KEXZE2K906FTRTHH4PGH{one:04}" for one in range(n)], INVOICES),
        "customers",
    ),
    # ---- entitlements
    Edge(
        "billing.entitlements.rules:MAX_FIRST_GRANTS",
        BY_CUSTOMER,
        entitlement(lambda n: {"grants": [{"amount": 1}] * n}),
        "grants",
    ),
    *(
        Edge(
            "billing.entitlements.rules:MAX_CONFIG_BYTES",
            route,
            body("config", json_text, route, type="static"),
            "config",
        )
        for route in (BY_SUBJECT, BY_CUSTOMER)
    ),
    Edge(
        "billing.entitlements.rules:MAX_PRIORITY",
        BY_CUSTOMER,
        entitlement(lambda n: {"grants": [{"amount": 1, "priority": n}]}),
        "grants[0].priority",
    ),
    Edge("billing.entitlements.rules:MAX_PRIORITY", GRANTS, body("priority", int, GRANTS), "priority"),
    Edge(
        "billing.entitlements.rules:LATEST_US",
        BY_CUSTOMER,
        entitlement(lambda us: {"grants": [{"amount": 1, "effectiveAt": render(us)}]}),
        "grants[0].effectiveAt",
        at=7_258_118_399_999_999,
        why="2200-01-01",
    ),
    Edge("billing.entitlements.rules:MAX_AHEAD_US", VALUE, at_time, "time", why="future"),
    Edge("meters.quantity:MAX_INTEGER_DIGITS", GRANTS, body("amount", lambda n: int("1" * n), GRANTS), "amount"),
    *(
        Edge(constant, ACCESS, body(place, items, ACCESS), place, why="100")
        for constant, place in (
            ("dialects.openmeter_v3.entitlement_access:MAX_CUSTOMERS", "customer.keys"),
            ("dialects.openmeter_v3.entitlement_access:MAX_FEATURES", "feature.keys"),
        )
    ),
    *(
        Edge(
            "dialects.openmeter_v3.entitlement_access:MAX_KEY_CHARACTERS",
            ACCESS,
            body(place, lambda n: [letters(n)], ACCESS),
            f"{place}[0]",
        )
        for place in ("customer.keys", "feature.keys")
    ),
]

BILLING_LOWERED = [
    Lowered(
        "billing.customers.rules:MAX_SUBJECTS_CHANGED",
        1,
        REPLACE,
        "usageAttribution.subjectKeys",
        400,
        where=["billing.customers.service"],
        ask=lambda settled: Ask(
            {"key": "alpha-customer", "name": "n", "usageAttribution": {"subjectKeys": ["alpha-customer"]}}
        ),
    ),
    Lowered("billing.customers.store:MAX_LISTED", 5, "GET /api/v1/customers", status=413),
    Lowered("billing.features.feature:MAX_FEATURES", 3, FEATURES, where=["billing.features.store"]),
    Lowered("billing.features.feature:MAX_FEATURES", 3, FEATURES_V3, where=["billing.features.store"]),
    Lowered("billing.plans.rules:MAX_PLANS", 6, PLANS, where=["billing.plans.store"]),
    Lowered("billing.plans.rules:MAX_PLANS", 6, PLANS_V3, where=["billing.plans.store"]),
    Lowered("billing.subscriptions.rules:MAX_SUBSCRIPTIONS", 1, SUBSCRIPTIONS),
    Lowered("billing.invoicing.service:MAX_PREVIEWED_CUSTOMERS", 1, INVOICES, "customers", 400),
    Lowered("billing.invoicing.store:MAX_LISTED", 1, INVOICES, status=413, ask=lambda _: Ask()),
    Lowered("billing.entitlements.rules:MAX_ENTITLEMENTS", 2, BY_SUBJECT, where=["billing.entitlements.service"]),
    Lowered("billing.entitlements.rules:MAX_GRANTS", 2, GRANTS, where=["billing.entitlements.store"]),
    Lowered(
        "billing.entitlements.rules:MAX_RESETS",
        2,
        RESET,
        where=["billing.entitlements.store"],
        ask=lambda _: Ask({}, before=((RESET, Ask({})),)),
    ),
    Lowered("billing.entitlements.service:MAX_LISTED", 1, "GET /api/v1/entitlements", status=413),
    Lowered("billing.entitlements.access_query:MAX_BALANCES", 1, ACCESS, status=413),
    Lowered("billing.entitlements.grants:MAX_WINDOWS", 1, HISTORY, "windowSize", 400),
    Lowered("billing.entitlements.rules:MAX_KEPT", 2, BY_SUBJECT, where=["billing.entitlements.service"]),
    Lowered("billing.entitlements.rules:MAX_OWNED", 1, LIST, status=413, where=["billing.entitlements.store"]),
    Lowered("billing.entitlements.grants:MAX_CELLS", 1, HISTORY, "windowSize", 400),
    Lowered("billing.invoicing.charges:MAX_CHARGES", 2, CHARGES, status=413),
    Lowered("billing.plans.rules:MAX_VERSIONS", 2, NEXT, where=["billing.plans.service"]),
    Lowered(
        "billing.customers.store:MAX_LISTED_BYTES",
        stored(customer_store._LIVE, lambda item: len(codec.encode(item))),
        "GET /api/v1/customers",
        status=413,
        why="large",
    ),
    Lowered(
        "billing.plans.store:MAX_LISTED_BYTES",
        stored(plan_store._LIVE, lambda item: len(item["phases"]["S"])),
        "GET /api/v1/plans",
        status=413,
        why="plans",
    ),
    Lowered(
        "billing.subscriptions.store:MAX_LISTED_BYTES",
        stored(subscription_store._LIVE, lambda item: len(item["planned"]["S"])),
        "GET /api/v3/openmeter/subscriptions",
        status=413,
        why="subscriptions",
    ),
    Lowered(
        "billing.features.store:MAX_LISTED",
        1,
        "GET /api/v1/features",
        status=413,
        ask=lambda _: Ask(
            query=(("includeArchived", "true"),), before=((ARCHIVE, Ask(path={"featureIdOrKey": "alpha_flag"})),)
        ),
    ),
    Lowered(
        "billing.subscriptions.rules:MAX_DELETED", 1, RESTORE, where=["billing.subscriptions.service"], ask=restoring
    ),
]
