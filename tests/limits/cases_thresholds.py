"""The edges of thresholds: rules, channels, notification events."""

from __future__ import annotations

import base64

from tests.limits.edges import Edge, Lowered, body, entries, letters
from tests.unit.http.house import Ask

RULES, CHANNELS = "POST /api/v1/notification/rules", "POST /api/v1/notification/channels"
NOTIFICATIONS = "GET /api/v1/notification/events"


def secret(size: int) -> str:
    """A signing secret of so many bytes."""
    return "whsec_" + base64.b64encode(bytes(size)).decode()


THRESHOLDS = [
    Edge(
        "billing.thresholds.limits:MAX_THRESHOLDS",
        RULES,
        body("thresholds", lambda n: [{"type": "usage_value", "value": one + 1} for one in range(n)], RULES),
        "thresholds",
    ),
    Edge(
        "billing.thresholds.limits:MAX_NAMED",
        RULES,
        body("features", lambda n: ["alpha_feature"] * n, RULES),
        "features",
    ),
    Edge(
        "billing.thresholds.limits:MAX_NAMED",
        RULES,
        body("customers", lambda n: ["alpha-customer"] * n, RULES),
        "customers",
    ),
    Edge(
        "billing.thresholds.address:MAX_URL_CHARACTERS",
        CHANNELS,
        body("url", lambda n: "https://hooks.example.com/".ljust(n, "a"), CHANNELS),
        "url",
    ),
    Edge(
        "billing.thresholds.limits:MAX_RULE_CHANNELS",
        RULES,
        lambda settled, n: Ask({**settled.asks[RULES].body, "channels": [settled.tenant.ids["channel"]] * n}),
        "channels",
    ),
    Edge("billing.thresholds.limits:MAX_HEADERS", CHANNELS, body("customHeaders", entries, CHANNELS), "customHeaders"),
    Edge(
        "billing.thresholds.limits:MAX_HEADER_CHARACTERS",
        CHANNELS,
        body("customHeaders", lambda n: {"X-A": letters(n)}, CHANNELS),
        "customHeaders.X-A",
    ),
    Edge(
        "billing.thresholds.signature:MAX_SECRET_BYTES",
        CHANNELS,
        body("signingSecret", secret, CHANNELS),
        "signingSecret",
    ),
]

THRESHOLDS_LOWERED = [
    Lowered("billing.thresholds.limits:MAX_RULES", 2, RULES, where=["billing.thresholds.store"]),
    Lowered("billing.thresholds.limits:MAX_CHANNELS", 3, CHANNELS, where=["billing.thresholds.store"]),
    Lowered("billing.thresholds.store:MAX_LISTED", 1, NOTIFICATIONS, status=413),
]
