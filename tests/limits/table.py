"""Every limit that a caller can meet, by subject, as docs/limits.md lists them.

``INTERNAL`` has the bounds of the library that no caller meets, each with what it bounds.
"""

from __future__ import annotations

from tests.limits.limit import Limit, as_days, as_instant, as_seconds

BAD = "400; 422 of Amigo and APIGate"
SKIPPED = "stored; the meter skips it"
BYTES, CHARACTERS, DIGITS = "bytes", "characters", "digits"

REQUESTS = (
    Limit("body", "events.rules:MAX_BODY_BYTES", 413, BYTES),
    Limit(
        "body about routes, plans, users and quotas of APIGate",
        "dialects.apigate.jsonapi:MAX_DOCUMENT_BYTES",
        413,
        BYTES,
    ),
    Limit("body that tries an expression", "dialects.apigate.expressions:MAX_SAMPLE_BYTES", 413, BYTES),
    Limit("body about keys", "dialects.amigo.keys:BODY_BYTES_MAX", 413, BYTES),
    Limit("exponent of a number in JSON, of either sign", "codec:MAX_EXPONENT", BAD),
    Limit("an instant, not before", "rfc3339:EARLIEST_US", BAD, show=as_instant),
    Limit("an instant, before", "rfc3339:LATEST_US", BAD, show=as_instant),
    Limit("digits of a second's fraction", "rfc3339:MAX_FRACTION_DIGITS", BAD),
    Limit("`Idempotency-Key`", "dialects.intake_answers:MAX_IDEMPOTENCY_KEY_CHARACTERS", BAD, CHARACTERS),
    Limit("key of the API", "access.key:KEY_CHARS_MAX", 403, CHARACTERS),
    Limit("answer, as Lambda carries it", "dialects.answer_size:MAX_ANSWER_BYTES", 413, BYTES),
    Limit("message of an error", "errors:MAX_MESSAGE_CHARACTERS", "cut", CHARACTERS),
    Limit("name and reason of a wrong field", "errors:MAX_FIELD_CHARACTERS", "cut", CHARACTERS),
    Limit("wrong fields that are named", "dialects.bodies:MAX_REPORTED_FIELDS", "the first ones"),
    Limit("wrong fields that APIGate's routes name", "dialects.apigate.problems:MAX_REPORTED_ERRORS", "the first ones"),
    Limit("wrong fields named of one event", "dialects.cloudevents:MAX_ERRORS_AN_EVENT", "the first ones"),
    Limit("wrong events in the sentence of an error", "dialects.cloudevents:MAX_ERRORS_IN_WORDS", "the first ones"),
    Limit("input that Amigo's errors show", "dialects.amigo.events:MAX_ECHO_BYTES", "cut", BYTES),
)

EVENTS = (
    Limit("events of a request", "events.rules:MAX_BATCH_EVENTS", 413),
    Limit("`id`", "events.rules:MAX_ID_BYTES", BAD, BYTES),
    Limit("`source`", "events.rules:MAX_SOURCE_BYTES", BAD, BYTES),
    Limit("`type`", "events.rules:MAX_TYPE_BYTES", BAD, BYTES),
    Limit("`event_type` of Amigo", "dialects.amigo.events:MAX_EVENT_TYPE_CHARACTERS", 422, CHARACTERS),
    Limit("`metering_unit` of Amigo", "dialects.amigo.events:MAX_UNIT_CHARACTERS", 422, CHARACTERS),
    Limit("`subject`", "events.rules:MAX_SUBJECT_BYTES", BAD, BYTES),
    Limit("`data` as compact JSON", "events.rules:MAX_DATA_BYTES", BAD, BYTES),
    Limit("levels of objects and arrays in `data`", "events.rules:MAX_NESTING", BAD),
    Limit("extension attributes", "events.rules:MAX_EXTENSIONS", BAD),
    Limit("all of them as compact JSON", "events.rules:MAX_EXTENSIONS_BYTES", BAD, BYTES),
    Limit("digits of a value before the point", "meters.quantity:MAX_INTEGER_DIGITS", SKIPPED),
    Limit("digits of a value after the point", "meters.quantity:MAX_FRACTION_DIGITS", SKIPPED),
    Limit("a value to group by", "meters.reader:MAX_GROUP_VALUE_BYTES", SKIPPED, BYTES),
    Limit("a value of UNIQUE_COUNT", "meters.reader:MAX_UNIQUE_BYTES", SKIPPED, BYTES),
)

METERS = (
    Limit("meters of a workspace", "meters.rules:MAX_METERS", 409),
    Limit("`slug`", "meters.rules:MAX_SLUG_CHARACTERS", 400, CHARACTERS),
    Limit("`name`, of everything", "meters.rules:MAX_NAME_CHARACTERS", 400, CHARACTERS),
    Limit("`description`, of everything", "meters.rules:MAX_DESCRIPTION_CHARACTERS", 400, CHARACTERS),
    Limit("`eventType`", "meters.rules:MAX_EVENT_TYPE_CHARACTERS", 400, CHARACTERS),
    Limit("a JSONPath", "meters.path:MAX_PATH_CHARACTERS", 400, CHARACTERS),
    Limit("steps of a JSONPath", "meters.path:MAX_PATH_STEPS", 400),
    Limit("group keys", "meters.rules:MAX_GROUP_KEYS", 400),
    Limit("name of a group key", "meters.rules:MAX_GROUP_KEY_CHARACTERS", 400, CHARACTERS),
    Limit("entries of `metadata`, of everything", "meters.rules:MAX_METADATA_ENTRIES", 400),
    Limit("key of an entry", "meters.rules:MAX_METADATA_KEY_CHARACTERS", 400, CHARACTERS),
    Limit("value of an entry", "meters.rules:MAX_METADATA_VALUE_CHARACTERS", 400, CHARACTERS),
    Limit("`metadata` of what is billed, as JSON", "billing.texts:MAX_METADATA_BYTES", 400, BYTES),
    Limit("`labels` of v3", "dialects.openmeter_v3.labels:MAX_LABELS", 400),
    Limit("key and value of a label", "dialects.openmeter_v3.labels:MAX_LABEL_CHARACTERS", 400, CHARACTERS),
    Limit("subjects of an upsert", "subjects.service:MAX_UPSERTED", 413),
    Limit("key of a subject", "subjects.subject:MAX_KEY_BYTES", 400, BYTES),
    Limit("`displayName` of a subject", "subjects.subject:MAX_DISPLAY_NAME_CHARACTERS", 400, CHARACTERS),
    Limit("entries of a subject's `metadata`", "subjects.subject:MAX_METADATA_ENTRIES", 400),
    Limit("a subject's `metadata` as JSON", "subjects.subject:MAX_METADATA_BYTES", 400, BYTES),
)

QUERIES = (
    Limit("subjects named; customers; group keys; values of a filter", "usage.queries.query:MAX_ENTRIES", 400),
    Limit(
        "subjects of all customers named", "usage.queries.query:MAX_SUBJECTS", "400; 413 where a grouping finds more"
    ),
    Limit("dimensions that v3 filters by", "dialects.openmeter_v3.query:MAX_FILTERS", 400),
    Limit("levels of `$and`, `$or` in a filter", "filters:MAX_DEPTH", 400),
    Limit("an operand of a filter", "filters:MAX_CHARACTERS", 400, CHARACTERS),
    Limit("operands of a list in a filter", "filters:MAX_ITEMS", 400),
    Limit("conditions of a filter", "filters:MAX_CONDITIONS", 400),
    Limit("a filter in v1's query string", "dialects.openmeter_v1.query:MAX_FILTER_CHARACTERS", 400, CHARACTERS),
    Limit("a filter in v2's query string", "dialects.openmeter_v2.listing:MAX_FILTER_CHARACTERS", 400, CHARACTERS),
    Limit("conditions in v3's query string", "dialects.openmeter_v3.filters:MAX_FILTERS", 400),
    Limit("operands of one of them", "dialects.openmeter_v3.filters:MAX_FILTER_ITEMS", 400),
    Limit("name of a time zone", "usage.windows:MAX_ZONE_CHARACTERS", 400, CHARACTERS),
    Limit("rows of an answer: windows times groups", "usage.queries.summation:MAX_ROWS", 413),
    Limit("pages of 1 MB read, beyond each partition's first", "usage.rows.budget:MAX_PAGES", 413),
    Limit("attributes of rows read", "usage.rows.budget:MAX_ATTRIBUTES", 413),
    Limit("stored events in the minutes that `from` and `to` cut", "usage.queries.edges:MAX_EDGE_EVENTS", 413),
    Limit("subjects of a meter that are listed", "usage.subjects.service:MAX_LISTED", 413),
    Limit("age of `from`, for group values", "dialects.openmeter_v1.usage_lists:MAX_AGE_DAYS", 400, "days"),
    Limit("range of group values", "dialects.openmeter_v1.usage_lists:MAX_DAYS", 400, "days"),
    Limit("age of `from`, for v1's list of events", "dialects.openmeter_v1.listing:MAX_AGE_US", 400, show=as_days),
    Limit("events read for a page", "events.listing:MAX_ITEMS_READ", "a cursor goes on"),
    Limit("events of a page as JSON", "events.listing:MAX_PAGE_BYTES", "a cursor goes on", BYTES),
    Limit("events of a range in order of `ingested_at`", "events.listing:MAX_SORTED_EVENTS", 400),
    Limit("a cursor", "events.listing:MAX_CURSOR_CHARACTERS", 400, CHARACTERS),
)

PAGES = (
    Limit("events", "events.listing:MAX_LIMIT", 400),
    Limit("subjects", "subjects.service:MAX_LISTED", 400),
    Limit("v1: what has pages", "dialects.openmeter_v1.lists:MAX_PAGE_SIZE", 400),
    Limit("v1: number of a page", "dialects.openmeter_v1.lists:MAX_PAGE", 400),
    Limit("v1: meters", "dialects.openmeter_v1.meters:MAX_LISTED", "no more exist"),
    Limit("v1: features", "dialects.openmeter_v1.features:MAX_LIMIT", 400),
    Limit("v1: features passed over", "dialects.openmeter_v1.features:MAX_OFFSET", 400),
    Limit("v3", "dialects.openmeter_v3.lists:MAX_PAGE_SIZE", 400),
    Limit("v3: number of a page", "dialects.openmeter_v3.lists:MAX_PAGE", 400),
    Limit("v3: events", "dialects.openmeter_v3.listing:MAX_PAGE_SIZE", 400),
    Limit("Zuplo: meters", "dialects.zuplo.meters:MAX_PAGE_SIZE", 400),
    Limit("Zuplo: number of a page", "dialects.zuplo.meters:MAX_PAGE", 400),
    Limit("Amigo: keys", "dialects.amigo.keys:PAGE_MAX", 422),
    Limit("APIGate: routes, plans", "dialects.apigate.jsonapi:MAX_PAGE_SIZE", 400),
    Limit("APIGate: number of a page", "dialects.apigate.jsonapi:MAX_PAGE_NUMBER", 400),
    Limit("APIGate: external events", "dialects.apigate.meter_events:MAX_PAGE_SIZE", 400),
    Limit("APIGate: number of a page of them", "dialects.apigate.meter_events:MAX_PAGE_NUMBER", 400),
    Limit("APIGate: external events that are counted", "gateway.external_history:MAX_COUNTED", 422),
    Limit("voids", "corrections.service:MAX_LISTED", 400),
)

CORRECTIONS = (
    Limit("events that a void names", "corrections.void:MAX_EVENTS", 400),
    Limit("their sources and ids together", "corrections.void:MAX_LIST_BYTES", 400, BYTES),
    Limit("`reason`", "corrections.void:MAX_REASON_CHARACTERS", 400, CHARACTERS),
    Limit("voids under way, for another filter", "corrections.service:MAX_UNDER_WAY", 409),
    Limit("times that one event is voided or brought back", "events.marked:MAX_TOGGLES", "told as `over_limit`"),
    Limit("events that a dry run reads", "corrections.preview:MAX_READ", "told as `truncated`"),
    Limit("events that a recount reads", "usage.recounts.recount:MAX_EVENTS", 413),
    Limit("rows that a repair compares", "usage.recounts.repair:MAX_ROWS", 413),
    Limit("rows that a repair restores", "usage.recounts.repair:MAX_REPAIRED", "ask again"),
    Limit("groups that differ and are named", "usage.recounts.repair:MAX_GROUPS", "told as `truncated`"),
)

CUSTOMERS = (
    Limit("key of a customer", "billing.customers.rules:MAX_KEY_CHARACTERS", 400, CHARACTERS),
    Limit("subject keys of a customer", "billing.customers.rules:MAX_SUBJECT_KEYS", 400),
    Limit("subjects that an update adds and removes", "billing.customers.rules:MAX_SUBJECTS_CHANGED", 400),
    Limit("`primaryEmail`", "billing.customers.rules:MAX_EMAIL_CHARACTERS", 400, CHARACTERS),
    Limit("a part of the address", "billing.customers.rules:MAX_ADDRESS_CHARACTERS", 400, CHARACTERS),
    Limit("customers that a list looks through", "billing.customers.store:MAX_LISTED", 413),
    Limit("and their bytes", "billing.customers.store:MAX_LISTED_BYTES", 413),
    Limit("live features of a workspace", "billing.features.feature:MAX_FEATURES", 409),
    Limit("filters of a feature as JSON", "billing.features.feature:MAX_FILTERS_BYTES", 400, BYTES),
    Limit("archived features that a list looks through", "billing.features.store:MAX_LISTED", 413),
)

PLANS = (
    Limit("plans of a workspace, versions counted", "billing.plans.rules:MAX_PLANS", 409),
    Limit("versions of a plan", "billing.plans.rules:MAX_VERSIONS", 409),
    Limit("phases of a plan", "billing.plans.rules:MAX_PHASES", 400),
    Limit("rate cards of a phase", "billing.plans.rules:MAX_RATE_CARDS", 400),
    Limit("rate cards of a plan", "billing.plans.rules:MAX_PLAN_RATE_CARDS", 400),
    Limit("phases as JSON", "billing.plans.rules:MAX_PLAN_BYTES", 400, BYTES),
    Limit("tiers of a price", "billing.pricing.rules:MAX_TIERS", 400),
    Limit("`config` of a static entitlement", "billing.pricing.rules:MAX_CONFIG_BYTES", 400, BYTES),
    Limit("`issueAfterResetPriority`", "billing.pricing.rules:MAX_GRANT_PRIORITY", 400),
    Limit("a cadence, a phase, a usage period", "billing.pricing.rules:MAX_CADENCE_YEARS", 400, "years"),
    Limit("a number in an ISO 8601 duration", "billing.period:MAX_COUNT", 400),
    Limit("bytes of plans that a list looks through", "billing.plans.store:MAX_LISTED_BYTES", 413),
    Limit("subscriptions of a customer, ended ones counted", "billing.subscriptions.rules:MAX_SUBSCRIPTIONS", 409),
    Limit("scheduled subscriptions that a restoring deletes", "billing.subscriptions.rules:MAX_DELETED", 409),
    Limit("scheduling ahead", "billing.subscriptions.rules:MAX_YEARS_AHEAD", 400, "years"),
    Limit("from the start to the billing anchor", "billing.subscriptions.rules:MAX_ANCHOR_YEARS", 400, "years"),
    Limit("bytes of subscriptions that a list looks through", "billing.subscriptions.store:MAX_LISTED_BYTES", 413),
)

INVOICES = (
    Limit("customers that a list names", "dialects.openmeter_v1.invoices:MAX_CUSTOMERS", 400),
    Limit("customers whose invoices to come a list computes", "billing.invoicing.service:MAX_PREVIEWED_CUSTOMERS", 400),
    Limit("invoices that a list looks through", "billing.invoicing.store:MAX_LISTED", 413),
    Limit("charges of a subscription", "billing.invoicing.charges:MAX_CHARGES", 413),
    Limit("lines of an invoice as JSON", "billing.invoicing.invoice:MAX_LINES_BYTES", "another invoice goes on", BYTES),
)

ENTITLEMENTS = (
    Limit("entitlements of an owner in force", "billing.entitlements.rules:MAX_ENTITLEMENTS", 409),
    Limit("entitlements of an owner ever, for another", "billing.entitlements.rules:MAX_KEPT", 409),
    Limit("and those that a subscription brought, too", "billing.entitlements.rules:MAX_OWNED", 413),
    Limit("grants of an entitlement", "billing.entitlements.rules:MAX_GRANTS", 409),
    Limit("resets of an entitlement that were asked for", "billing.entitlements.rules:MAX_RESETS", 409),
    Limit("grants that come with an entitlement", "billing.entitlements.rules:MAX_FIRST_GRANTS", 400),
    Limit("`config`", "billing.entitlements.rules:MAX_CONFIG_BYTES", 400, BYTES),
    Limit("`priority`", "billing.entitlements.rules:MAX_PRIORITY", 400),
    Limit("anchors and grants, before", "billing.entitlements.rules:LATEST_US", 400, show=as_instant),
    Limit("the instant asked for, ahead of now", "billing.entitlements.rules:MAX_AHEAD_US", 400, show=as_seconds),
    Limit("windows of a history", "billing.entitlements.grants:MAX_WINDOWS", 400),
    Limit("windows of a history times grants", "billing.entitlements.grants:MAX_CELLS", 400),
    Limit("usage periods that a balance looks back over", "billing.entitlements.standing:MAX_PERIODS", 413),
    Limit("entitlements that a list looks through", "billing.entitlements.service:MAX_LISTED", 413),
    Limit("customers of an access query", "dialects.openmeter_v3.entitlement_access:MAX_CUSTOMERS", 400),
    Limit("features of an access query", "dialects.openmeter_v3.entitlement_access:MAX_FEATURES", 400),
    Limit("a key in it", "dialects.openmeter_v3.entitlement_access:MAX_KEY_CHARACTERS", 400, CHARACTERS),
    Limit("metered balances of an access query", "billing.entitlements.access_query:MAX_BALANCES", 413),
)

THRESHOLDS = (
    Limit("rules of a workspace", "billing.thresholds.limits:MAX_RULES", 409),
    Limit("channels of a workspace", "billing.thresholds.limits:MAX_CHANNELS", 409),
    Limit("thresholds of a rule", "billing.thresholds.limits:MAX_THRESHOLDS", 400),
    Limit("channels of a rule", "billing.thresholds.limits:MAX_RULE_CHANNELS", 400),
    Limit("features, and customers, that a rule names", "billing.thresholds.limits:MAX_NAMED", 400),
    Limit("`url`", "billing.thresholds.address:MAX_URL_CHARACTERS", 400, CHARACTERS),
    Limit("`customHeaders`", "billing.thresholds.limits:MAX_HEADERS", 400),
    Limit("value of a header", "billing.thresholds.limits:MAX_HEADER_CHARACTERS", 400, CHARACTERS),
    Limit("`signingSecret`", "billing.thresholds.signature:MAX_SECRET_BYTES", 400, BYTES),
    Limit("notification events that a list looks through", "billing.thresholds.store:MAX_LISTED", 413),
)

GATEWAY = (
    Limit("routes of a workspace", "gateway.rules:MAX_ROUTES", 409),
    Limit("plans of a workspace, beside `free`", "gateway.rules:MAX_PLANS", 409),
    Limit("`name`", "gateway.rules:MAX_NAME_CHARACTERS", 422, CHARACTERS),
    Limit("`description`", "gateway.rules:MAX_DESCRIPTION_CHARACTERS", 422, CHARACTERS),
    Limit("`path_pattern`", "gateway.rules:MAX_PATTERN_CHARACTERS", 422, CHARACTERS),
    Limit("`priority`, of either sign", "gateway.rules:MAX_PRIORITY", 422),
    Limit("`requests_per_month`", "gateway.rules:MAX_REQUESTS_PER_MONTH", 422),
    Limit("`estimated_cost_per_req`", "gateway.rules:MAX_COST", 422),
    Limit("`price_monthly`, `overage_price`", "gateway.rules:MAX_PRICE", 422, "cents"),
    Limit("id of a route or plan", "gateway.rules:MAX_ID_CHARACTERS", 422, CHARACTERS),
    Limit("id of a user", "gateway.rules:MAX_USER_ID_BYTES", 422, BYTES),
    Limit("`path` of an exchange", "dialects.apigate.exchanges:MAX_PATH_CHARACTERS", 422, CHARACTERS),
    Limit("`method`", "dialects.apigate.exchanges:MAX_METHOD_CHARACTERS", 422, CHARACTERS),
    Limit(
        "ids of keys, plans and routes in an exchange",
        "dialects.apigate.exchanges:MAX_NAME_CHARACTERS",
        422,
        CHARACTERS,
    ),
    Limit("`latency_ms`", "dialects.apigate.exchanges:MAX_LATENCY_MS", 422),
    Limit("`status`", "dialects.apigate.expressions:MAX_STATUS", 422),
    Limit("`requestBytes`, `responseBytes`", "dialects.apigate.expressions:MAX_BYTES", 422),
    Limit("external event: age", "gateway.external:MAX_AGE_US", 422, show=as_days),
    Limit("external event: ahead of now", "gateway.external:MAX_AHEAD_US", 422, show=as_seconds),
    Limit("external event: `metadata` as JSON", "gateway.external:MAX_METADATA_BYTES", 422, BYTES),
    Limit(
        "external event: `resource_id`, `resource_type`", "gateway.external:MAX_RESOURCE_CHARACTERS", 422, CHARACTERS
    ),
    Limit("open reservations of a user", "gateway.quotas.reservation:MAX_OPEN", 429),
    Limit("`ttl_s` of a reservation", "gateway.quotas.reservation:MAX_TTL_S", 422, "s"),
    Limit("`units` of a reservation", "gateway.quotas.reservation:MAX_RESERVED", 422),
)

EXPRESSIONS = (
    Limit("an expression", "gateway.expression.limits:MAX_CHARACTERS", 422, CHARACTERS),
    Limit("its literals, names, operators and calls", "gateway.expression.limits:MAX_NODES", 422),
    Limit("brackets, calls, closures inside one another", "gateway.expression.limits:MAX_NESTING", 422),
    Limit("operators and accesses in a row", "gateway.expression.limits:MAX_DEPTH", 422),
    Limit("a number in it", "gateway.expression.limits:MAX_LITERAL_DIGITS", 422, CHARACTERS),
    Limit("a literal pattern", "gateway.pattern:MAX_PATTERN_CHARACTERS", 422, CHARACTERS),
    Limit("instructions of a compiled pattern", "gateway.pattern:MAX_PATTERN_SIZE", 422),
    Limit("memory of a compiled pattern", "gateway.pattern:MAX_PATTERN_MEMORY_BYTES", 422, BYTES),
    Limit("steps of an evaluation", "gateway.expression.limits:MAX_STEPS", "`metering_error`"),
    Limit("text that it reads and makes", "gateway.expression.limits:MAX_TEXT", "`metering_error`", CHARACTERS),
    Limit("integers", "gateway.expression.limits:MAX_INTEGER", "`metering_error`"),
    Limit("digits of other numbers", "gateway.expression.limits:MAX_DIGITS", "rounded"),
    Limit("their exponent", "gateway.expression.limits:MAX_EXPONENT", "`metering_error`"),
    Limit("an exponent of `**`", "gateway.expression.limits:MAX_POWER", "`metering_error`"),
    Limit("arrays and maps inside one another", "gateway.expression.limits:MAX_VALUE_DEPTH", "`metering_error`"),
    Limit(
        "text that is read as a date", "gateway.expression.dates:MAX_DATE_CHARACTERS", "`metering_error`", CHARACTERS
    ),
    Limit("path of `get`", "gateway.expression.functions.arrays:MAX_PATH_CHARACTERS", "`metering_error`", CHARACTERS),
    Limit("`metering_error`", "gateway.measurement:MAX_ERROR_CHARACTERS", "cut", CHARACTERS),
)

KEYS = (
    Limit("keys of a workspace, expired ones counted", "access.service:KEYS_PER_WORKSPACE_MAX", 409),
    Limit("`duration_days`", "access.service:DURATION_DAYS_MAX", 422),
    Limit("`name`", "dialects.amigo.keys:NAME_CHARS_MAX", 422, CHARACTERS),
    Limit("`permissions`", "dialects.amigo.keys:PERMISSIONS_MAX", 422),
)

SECTIONS: dict[str, tuple[Limit, ...]] = {
    "Every request": REQUESTS,
    "Events": EVENTS,
    "Meters and subjects": METERS,
    "Queries and lists": QUERIES,
    "Pages": PAGES,
    "Corrections": CORRECTIONS,
    "Customers and features": CUSTOMERS,
    "Plans and subscriptions": PLANS,
    "Invoices": INVOICES,
    "Entitlements": ENTITLEMENTS,
    "Thresholds": THRESHOLDS,
    "Routes, exchanges and quotas": GATEWAY,
    "Expressions": EXPRESSIONS,
    "Keys": KEYS,
}
"""A heading of docs/limits.md to its limits."""

LIMITS = {one.constant: one for section in SECTIONS.values() for one in section}

ELSEWHERE = ("cli", "client", "cost", "middleware", "gateway.accesslogs")
"""What runs in the user's own process and bounds itself: docs/cli.md and docs/middleware.md."""

INTERNAL = {
    "access.store:_BATCH_MAX": "keys of one BatchGetItem, DynamoDB's own",
    "billing.entitlements.segment_usage:MAX_STRETCHES": "reads of a balance; more minutes go into the same ones",
    "billing.entitlements.standing:MAX_UNSEALED": "resets after which a balance is kept",
    "billing.plans.service:MAX_FEATURES_ASKED": "single reads before a list is cheaper",
    "billing.pricing.rules:_MAX_CADENCE_US": "MAX_CADENCE_YEARS in microseconds",
    "billing.subscriptions.rules:_MAX_AHEAD_US": "MAX_YEARS_AHEAD in microseconds",
    "billing.subscriptions.rules:_MAX_ANCHOR_US": "MAX_ANCHOR_YEARS in microseconds",
    "billing.thresholds.evaluator:MAX_KNOWN": "crossings that a process remembers",
    "corrections.service:LONGEST_WAIT_US": "a request waits no longer for the history to settle",
    "dialects.amigo.keys:_EXPONENT_MAX": "far past duration_days, before digits are made of an exponent",
    "dialects.apigate.jsonapi:_MAX_NAMED": "unknown attributes that an error names",
    "dialects.apigate.meter_events:_MAX_LEVELS": "MAX_NESTING less the level of the data",
    "dialects.cloudevents:_MAX_NAME_SHOWN": "characters of an attribute's name that an error shows",
    "dialects.parameters:_MAX_DIGITS": "far past every whole number that a parameter may be",
    "dialects.answer_size:_MOST_ESCAPED_BYTES": "of a character in JSON, to guess an answer's size",
    "events.store:_MAX_INFLATED_BYTES": "data that is read back; nothing larger is stored",
    "gateway.external_history:MAX_ROUNDS": "reads of a list, answered as MAX_COUNTED is",
    "gateway.quotas.meters:MAX_REMEMBERED": "users that a process remembers",
    "gateway.recording:MAX_WORKSPACES": "workspaces whose routes a process remembers",
    "meters.reader:_MAX_INTEGER_BITS": "far past MAX_GROUP_VALUE_BYTES, before digits are made of an integer",
    "operations.purge:MAX_SEGMENTS": "of an operator's command",
    "rebuild.recompute:LONGEST_PAUSE_US": "of a background job",
    "operations.restore:MAX_NOTES": "of an operator's command",
    "operations.restore:MAX_SEGMENTS": "of an operator's command",
    "rebuild.store:MAX_REASON_CHARACTERS": "of a job's last fault",
    "rebuild.worker:MAX_FAULTS": "of a background job",
    "runtime.retries:BACKOFF_MAX_S": "a pause between calls of DynamoDB",
    "subjects.store:MAX_PAGES": "reads for one page of subjects; a cursor goes on",
    "usage.folding.definitions:MAX_WORKSPACES": "workspaces whose meters a process remembers",
    "usage.quarantine.store:MAX_PAGE": "of an operator's command",
    "usage.quarantine.store:MAX_REASON_CHARACTERS": "of a quarantined record",
    "usage.quarantine.store:MAX_RECORD_CHARACTERS": "of a quarantined record",
    "usage.rows.row:MAX_SUBJECT_BYTES": "a row's key, far past an event's subject",
    "usage.queries.service:MAX_RUNS": "runs of hours that a query reads apart; more are read as one",
}
"""Bounds that no caller meets, each with what it bounds."""
