"""The edges of events, meters, subjects, queries, lists and corrections."""

from __future__ import annotations

import json
from typing import Any

from dynameter.clock import render
from dynameter.dialects.openmeter_v1.usage_lists import MAX_AGE_DAYS, MAX_DAYS
from tests.limits.edges import Asking, Edge, Lowered, body, body_edges, entries, items, letters, padded, query, repeated
from tests.limits.limit import DAY_US
from tests.unit.http.conftest import Settled
from tests.unit.http.house import Ask
from tests.unit.http.tenant import FROM, TO

EVENTS = ("POST /api/v1/events", "POST /api/v3/openmeter/events", "POST /v3/metering/{bucketId}/events")
EMIT = "POST /v1/{workspace_id}/metering/emit"
V1, V3, ZUPLO = "POST /api/v1/meters", "POST /api/v3/openmeter/meters", "POST /v3/metering/{bucketId}/meters"
QUERY, QUERY_BODY = "GET /api/v1/meters/{meterIdOrSlug}/query", "POST /api/v1/meters/{meterIdOrSlug}/query"
QUERY_V3 = "POST /api/v3/openmeter/meters/{meterId}/query"
VALUES = "GET /api/v1/meters/{meterIdOrSlug}/group-by/{groupByKey}/values"
VOIDS = "POST /v1/{workspace_id}/voids"
SUBJECTS = "POST /api/v1/subjects"
RECOUNT = "POST /v1/{workspace_id}/meters/{slug}/recount"


def nested(levels: int) -> dict[str, Any]:
    """Data of so many levels."""
    made: dict[str, Any] = {}
    for _ in range(levels - 1):
        made = {"deeper": made}
    return made


def data_of(size: int) -> dict[str, str]:
    """Data of so many bytes as compact JSON."""
    return {"text": letters(size - len('{"text":""}'))}


def extended(make: Any) -> Any:
    """A usual event with extension attributes."""

    def ask(settled: Settled, size: int) -> Ask:
        return Ask({**settled.asks[EVENTS[0]].body, **make(size)})

    return ask


def batch(settled: Settled, size: int) -> Ask:
    """So many events."""
    tenant = settled.tenant
    sent = [tenant.event(100 + number, f"{tenant.name}-subject", "1") for number in range(size)]
    return Ask(sent, media_type="application/cloudevents-batch+json")


def written(text: str) -> Any:
    """A usual event whose data is this text with ``size`` in it, for what no Python value has."""

    def ask(settled: Settled, size: int) -> Ask:
        event = json.dumps({**settled.asks[EVENTS[0]].body, "data": "DATA"})
        return Ask(event.replace('"DATA"', text.replace("SIZE", str(size))))

    return ask


def named_events(size: int) -> list[dict[str, str]]:
    """So many names of events."""
    return [{"source": "s", "id": one} for one in items(size)]


def listed_bytes(size: int) -> list[dict[str, str]]:
    """Names of events with so many bytes in all."""
    whole, rest = divmod(size, 1_000)
    long = [{"source": letters(500), "id": f"{number:0500}"} for number in range(whole)]
    return [*long[1:], {"source": letters(500 + rest), "id": letters(500)}]


def filtered(name: str) -> Asking:
    """A void of the events with a long text there."""
    return lambda _, size: Ask({"filter": {name: letters(size)}})


def condition(depth: int) -> dict[str, Any]:
    """A filter with so many levels of $and."""
    made: dict[str, Any] = {"$eq": "m"}
    for _ in range(depth):
        made = {"$and": [made]}
    return {"model": made}


def conditions(count: int) -> dict[str, Any]:
    """A filter with so many conditions."""
    half = count // 2
    parts = [{"$and": [{"$eq": "m"}] * half}, {"$and": [{"$eq": "m"}] * (count - half)}]
    return {"model": {"$or": parts}}


def filled(size: int) -> str:
    """A filter of so many characters in a query string."""
    return '{"model":{"$eq":"m"}}'.ljust(size)


def since(*also: tuple[str, str]) -> Any:
    """A list from so many microseconds ago."""

    def ask(settled: Settled, size: int) -> Ask:
        return Ask(query=(("from", render(settled.house.world.clock.now_us() - size)), *also))

    return ask


def metadata_of(size: int) -> dict[str, str]:
    """Metadata of so many bytes as compact JSON."""
    return {"text": letters(size - len('{"text":""}'))}


def subjects(count: int) -> list[dict[str, str]]:
    """So many subjects to upsert."""
    return [{"key": one} for one in items(count)]


def only(make: Any) -> Any:
    """One subject to upsert."""
    return lambda settled, size: Ask([{"key": "new", **make(size)}])


METERING = [
    # ---- every request
    *(Edge("events.rules:MAX_BODY_BYTES", route, padded(route), "", 413) for route in (*EVENTS, EMIT, V1, V3, ZUPLO)),
    *(Edge("events.rules:MAX_BODY_BYTES", route, padded(route), "", 413) for route in (QUERY_BODY, VOIDS, SUBJECTS)),
    Edge("codec:MAX_EXPONENT", EVENTS[0], written('{"tokens":1eSIZE}'), ""),
    Edge("codec:MAX_EXPONENT", EVENTS[0], written('{"tokens":1e-SIZE}'), ""),
    *(
        Edge(constant, route, body("time", make, route), "time", why="1970-01-01T00:00:00Z", step=step)
        for route in EVENTS
        for constant, make, step in (
            ("rfc3339:EARLIEST_US", lambda us: render(us) if us >= 0 else "1969-12-31T23:59:59.999999Z", -1),
        )
    ),
    *(
        Edge(
            "rfc3339:LATEST_US",
            route,
            body("time", render, route),
            "time",
            why="9999-01-01",
            at=253_370_764_799_999_999,
        )
        for route in EVENTS
    ),
    *(
        Edge(
            "rfc3339:MAX_FRACTION_DIGITS",
            route,
            body("time", lambda n: f"2026-01-14T09:30:00.{'0' * n}Z", route),
            "time",
        )
        for route in EVENTS
    ),
    Edge(
        "dialects.intake_answers:MAX_IDEMPOTENCY_KEY_CHARACTERS",
        EMIT,
        body("metering_quantity", lambda _: 1, EMIT),
        "idempotency-key",
        422,
        headers=lambda size: {"idempotency-key": letters(size)},
    ),
    # ---- events
    *(Edge("events.rules:MAX_BATCH_EVENTS", route, batch, "", 413) for route in EVENTS),
    *body_edges("events.rules:MAX_ID_BYTES", dict.fromkeys(EVENTS, "id")),
    *body_edges("events.rules:MAX_SOURCE_BYTES", dict.fromkeys(EVENTS, "source")),
    *body_edges("events.rules:MAX_TYPE_BYTES", dict.fromkeys(EVENTS, "type")),
    *body_edges("events.rules:MAX_SUBJECT_BYTES", dict.fromkeys(EVENTS, "subject")),
    *body_edges("events.rules:MAX_SUBJECT_BYTES", {EVENTS[0]: "subject"}, lambda n: "é" * (n // 2) + "a" * (n % 2)),
    *body_edges("events.rules:MAX_DATA_BYTES", dict.fromkeys(EVENTS, "data"), data_of),
    *body_edges("events.rules:MAX_NESTING", dict.fromkeys(EVENTS, "data"), nested),
    Edge("events.rules:MAX_EXTENSIONS", EVENTS[0], extended(entries), "extensions"),
    Edge("events.rules:MAX_EXTENSIONS_BYTES", EVENTS[0], extended(data_of), "extensions"),
    Edge("dialects.amigo.events:MAX_EVENT_TYPE_CHARACTERS", EMIT, body("event_type", letters, EMIT), "event_type", 422),
    Edge("dialects.amigo.events:MAX_UNIT_CHARACTERS", EMIT, body("metering_unit", letters, EMIT), "metering_unit", 422),
    # ---- meters and subjects
    *body_edges("meters.rules:MAX_SLUG_CHARACTERS", {V1: "slug", ZUPLO: "slug", V3: "key"}),
    *body_edges("meters.rules:MAX_NAME_CHARACTERS", dict.fromkeys((V1, ZUPLO, V3), "name")),
    *body_edges("meters.rules:MAX_DESCRIPTION_CHARACTERS", dict.fromkeys((V1, ZUPLO, V3), "description")),
    *body_edges("meters.rules:MAX_EVENT_TYPE_CHARACTERS", {V1: "eventType", ZUPLO: "eventType", V3: "event_type"}),
    *(
        edge
        for limit, path in (
            ("meters.path:MAX_PATH_CHARACTERS", lambda n: "$." + letters(n - 2)),
            ("meters.path:MAX_PATH_STEPS", lambda n: "$" + ".a" * n),
        )
        for edge in (
            *body_edges(limit, dict.fromkeys((V1, ZUPLO), "valueProperty"), path, also={"aggregation": "SUM"}),
            *body_edges(limit, {V3: "value_property"}, path, also={"aggregation": "sum"}),
        )
    ),
    *body_edges(
        "meters.rules:MAX_GROUP_KEYS",
        {V1: "groupBy", ZUPLO: "groupBy", V3: "dimensions"},
        lambda n: {one: f"$.{one}" for one in items(n)},
    ),
    Edge(
        "meters.rules:MAX_GROUP_KEY_CHARACTERS",
        V1,
        body("groupBy", lambda n: {letters(n): "$.a"}, V1),
        "groupBy." + letters(64),
    ),
    *body_edges("meters.rules:MAX_METADATA_ENTRIES", dict.fromkeys((V1, ZUPLO), "metadata"), entries),
    Edge(
        "meters.rules:MAX_METADATA_KEY_CHARACTERS",
        V1,
        body("metadata", lambda n: {letters(n): "v"}, V1),
        "metadata." + letters(128),
    ),
    Edge(
        "meters.rules:MAX_METADATA_VALUE_CHARACTERS",
        V1,
        body("metadata", lambda n: {"k": letters(n)}, V1),
        "metadata.k",
    ),
    *body_edges("dialects.openmeter_v3.labels:MAX_LABELS", {V3: "labels"}, entries),
    Edge(
        "dialects.openmeter_v3.labels:MAX_LABEL_CHARACTERS",
        V3,
        body("labels", lambda n: {"k": letters(n)}, V3),
        "labels.k",
    ),
    Edge("subjects.service:MAX_UPSERTED", SUBJECTS, lambda _, size: Ask(subjects(size)), "", 413),
    Edge("subjects.subject:MAX_KEY_BYTES", SUBJECTS, lambda _, size: Ask([{"key": letters(size)}]), "[0].key"),
    Edge(
        "subjects.subject:MAX_DISPLAY_NAME_CHARACTERS",
        SUBJECTS,
        only(lambda n: {"displayName": letters(n)}),
        "[0].displayName",
    ),
    Edge("subjects.subject:MAX_METADATA_ENTRIES", SUBJECTS, only(lambda n: {"metadata": entries(n)}), "[0].metadata"),
    Edge("subjects.subject:MAX_METADATA_BYTES", SUBJECTS, only(lambda n: {"metadata": metadata_of(n)}), "[0].metadata"),
    # ---- queries and lists
    Edge("usage.queries.query:MAX_ENTRIES", QUERY, repeated("subject", items, QUERY), "subject"),
    Edge("usage.queries.query:MAX_ENTRIES", QUERY_BODY, body("subject", items, QUERY_BODY), "subject"),
    Edge(
        "usage.queries.query:MAX_ENTRIES", QUERY_BODY, body("groupBy", lambda n: ["subject"] * n, QUERY_BODY), "groupBy"
    ),
    Edge(
        "usage.queries.query:MAX_ENTRIES",
        QUERY_BODY,
        body("filterGroupBy", lambda n: {"model": items(n)}, QUERY_BODY),
        "filterGroupBy.model",
    ),
    Edge(
        "usage.queries.query:MAX_ENTRIES",
        QUERY_V3,
        body("filters", lambda n: {"dimensions": {"subject": {"in": items(n)}}}, QUERY_V3),
        "filters.dimensions.subject",
    ),
    *(
        Edge(constant, QUERY_BODY, body("advancedMeterGroupByFilters", make, QUERY_BODY), names)
        for constant, make, names in (
            ("filters:MAX_DEPTH", condition, "advancedMeterGroupByFilters.model.$and[0].$and[0].$and[0].$and"),
            (
                "filters:MAX_CHARACTERS",
                lambda n: {"model": {"$eq": letters(n)}},
                "advancedMeterGroupByFilters.model.$eq",
            ),
            ("filters:MAX_ITEMS", lambda n: {"model": {"$in": items(n)}}, "advancedMeterGroupByFilters.model.$in"),
            ("filters:MAX_CONDITIONS", conditions, "advancedMeterGroupByFilters.model"),
        )
    ),
    Edge(
        "dialects.openmeter_v1.query:MAX_FILTER_CHARACTERS",
        QUERY,
        query("advancedMeterGroupByFilters", filled, QUERY),
        "advancedMeterGroupByFilters",
    ),
    Edge(
        "dialects.openmeter_v2.listing:MAX_FILTER_CHARACTERS",
        "GET /api/v2/events",
        query("filter", lambda n: "{}".ljust(n), "GET /api/v2/events"),
        "filter",
    ),
    Edge(
        "dialects.openmeter_v3.filters:MAX_FILTERS",
        "GET /api/v3/openmeter/events",
        repeated("filter[type]", lambda n: ["t"] * n, "GET /api/v3/openmeter/events"),
        "filter",
    ),
    Edge(
        "dialects.openmeter_v3.filters:MAX_FILTER_ITEMS",
        "GET /api/v3/openmeter/events",
        query("filter[type][oeq]", lambda n: ",".join(items(n)), "GET /api/v3/openmeter/events"),
        "filter[type][oeq]",
    ),
    Edge(
        "dialects.openmeter_v1.usage_lists:MAX_DAYS",
        VALUES,
        query("to", lambda us: render(1_768_003_200_000_000 + us), VALUES, ("from", "2026-01-10T00:00:00Z")),
        "to",
        at=MAX_DAYS * DAY_US,
    ),
    Edge(
        "dialects.openmeter_v1.usage_lists:MAX_AGE_DAYS",
        VALUES,
        since(("to", "2025-10-20T00:00:00Z")),
        "from",
        at=MAX_AGE_DAYS * DAY_US,
    ),
    Edge(
        "dialects.openmeter_v1.listing:MAX_AGE_US",
        "GET /api/v1/events",
        since(),
        "from",
        why="too old",
    ),
    # ---- pages
    *(
        Edge(constant, route, query(name, str, route), name, status)
        for constant, route, name, status in (
            ("events.listing:MAX_LIMIT", "GET /api/v1/events", "limit", 400),
            ("events.listing:MAX_LIMIT", "GET /api/v2/events", "limit", 400),
            ("subjects.service:MAX_LISTED", "GET /api/v1/subjects", "limit", 400),
            ("dialects.openmeter_v1.lists:MAX_PAGE_SIZE", "GET /api/v1/customers", "pageSize", 400),
            ("dialects.openmeter_v1.lists:MAX_PAGE", "GET /api/v1/customers", "page", 400),
            ("dialects.openmeter_v1.features:MAX_LIMIT", "GET /api/v1/features", "limit", 400),
            ("dialects.openmeter_v1.features:MAX_OFFSET", "GET /api/v1/features", "offset", 400),
            ("dialects.openmeter_v3.lists:MAX_PAGE_SIZE", "GET /api/v3/openmeter/customers", "page[size]", 400),
            ("dialects.openmeter_v3.lists:MAX_PAGE", "GET /api/v3/openmeter/customers", "page[number]", 400),
            ("dialects.openmeter_v3.listing:MAX_PAGE_SIZE", "GET /api/v3/openmeter/events", "page[size]", 400),
            ("dialects.zuplo.meters:MAX_PAGE_SIZE", "GET /v3/metering/{bucketId}/meters", "pageSize", 400),
            ("dialects.zuplo.meters:MAX_PAGE", "GET /v3/metering/{bucketId}/meters", "page", 400),
            ("dialects.amigo.keys:PAGE_MAX", "GET /v1/{workspace_id}/api-keys", "limit", 422),
            ("dialects.apigate.jsonapi:MAX_PAGE_SIZE", "GET /admin/routes", "page[size]", 400),
            ("dialects.apigate.jsonapi:MAX_PAGE_NUMBER", "GET /admin/routes", "page[number]", 400),
            ("dialects.apigate.meter_events:MAX_PAGE_SIZE", "GET /api/v1/meter", "page[size]", 400),
            ("dialects.apigate.meter_events:MAX_PAGE_NUMBER", "GET /api/v1/meter", "page[number]", 400),
            ("corrections.service:MAX_LISTED", "GET /v1/{workspace_id}/voids", "limit", 400),
        )
    ),
    # ---- corrections
    Edge("corrections.void:MAX_EVENTS", VOIDS, lambda _, size: Ask({"events": named_events(size)}), "events"),
    Edge("corrections.void:MAX_LIST_BYTES", VOIDS, lambda _, size: Ask({"events": listed_bytes(size)}), "events"),
    Edge("corrections.void:MAX_REASON_CHARACTERS", VOIDS, body("reason", letters, VOIDS), "reason"),
    *(
        Edge(constant, VOIDS, filtered(name), f"filter.{name}")
        for constant, name in (
            ("events.rules:MAX_TYPE_BYTES", "type"),
            ("events.rules:MAX_SOURCE_BYTES", "source"),
            ("events.rules:MAX_SUBJECT_BYTES", "subject"),
        )
    ),
]


def _by_subject(settled: Settled) -> Ask:
    return Ask(query=(("from", FROM), ("to", TO), ("groupBy", "subject")))


def _cut(settled: Settled) -> Ask:
    """A query whose start cuts a minute with three events."""
    sent = [{**event, "time": "2026-01-13T09:30:01Z"} for event in batch(settled, 3).body]
    before = (EVENTS[0], Ask(sent, media_type="application/cloudevents-batch+json"))
    return Ask(query=(("from", "2026-01-13T09:30:00.5Z"), ("to", TO)), before=(before,))


REPAIR = Ask({"from": FROM, "to": TO, "repair": True})

METERING_LOWERED = [
    Lowered("usage.recounts.repair:MAX_ROWS", 3, RECOUNT, status=413, ask=lambda _: REPAIR),
    Lowered("meters.rules:MAX_METERS", 5, V1, where=["meters.store"]),
    Lowered("meters.rules:MAX_METERS", 5, V3, where=["meters.store"]),
    Lowered("meters.rules:MAX_METERS", 5, ZUPLO, where=["meters.store"]),
    Lowered("usage.queries.query:MAX_SUBJECTS", 2, QUERY, status=413, where=["usage.queries.service"], ask=_by_subject),
    Lowered(
        "usage.queries.query:MAX_SUBJECTS",
        2,
        QUERY_BODY,
        "filterCustomerId",
        400,
        ask=lambda settled: Ask({"filterCustomerId": [settled.tenant.ids["customer"]]}),
    ),
    Lowered("usage.rows.budget:MAX_ATTRIBUTES", 13, QUERY, status=413, why="larger window", ask=_by_subject),
    Lowered("usage.queries.summation:MAX_ROWS", 2, QUERY, status=413, ask=_by_subject),
    Lowered("usage.queries.edges:MAX_EDGE_EVENTS", 3, QUERY, status=413, ask=_cut),
    Lowered("usage.subjects.service:MAX_LISTED", 2, "GET /api/v1/meters/{meterIdOrSlug}/subjects", status=413),
    Lowered(
        "corrections.service:MAX_UNDER_WAY",
        2,
        VOIDS,
        names="filter",
        ask=lambda _: Ask({"filter": {"type": "t"}}, before=((VOIDS, Ask({"filter": {"type": "other"}})),)),
    ),
]
