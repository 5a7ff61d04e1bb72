"""Limits whose edges other tests stand at, and which: mostly those past which nothing is refused."""

from __future__ import annotations

_HERE = "tests/limits/test_answers.py"
_BOUNDS = "tests/unit/gateway/expression/test_bounds.py"
_PATTERNS = "tests/unit/gateway/test_pattern.py"
_LISTER = "tests/unit/listing/test_lister.py"

TESTED_ELSEWHERE = {
    "access.key:KEY_CHARS_MAX": _HERE,
    "corrections.preview:MAX_READ": "tests/unit/corrections/test_long_voids.py",
    "dialects.amigo.events:MAX_ECHO_BYTES": "tests/unit/emit/test_amigo_door.py",
    "dialects.apigate.problems:MAX_REPORTED_ERRORS": _HERE,
    "dialects.bodies:MAX_REPORTED_FIELDS": _HERE,
    "dialects.cloudevents:MAX_ERRORS_AN_EVENT": "tests/unit/emit/test_openmeter_doors.py",
    "dialects.cloudevents:MAX_ERRORS_IN_WORDS": "tests/unit/emit/test_openmeter_doors.py",
    "dialects.openmeter_v1.meters:MAX_LISTED": _HERE,
    "dialects.openmeter_v3.query:MAX_FILTERS": _HERE,
    "dialects.usage_answers:MAX_ANSWER_BYTES": _HERE,
    "errors:MAX_FIELD_CHARACTERS": _HERE,
    "errors:MAX_MESSAGE_CHARACTERS": _HERE,
    "events.listing:MAX_CURSOR_CHARACTERS": _HERE,
    "events.listing:MAX_ITEMS_READ": _LISTER,
    "events.listing:MAX_PAGE_BYTES": _LISTER,
    "events.listing:MAX_SORTED_EVENTS": _LISTER,
    "events.marked:MAX_TOGGLES": "tests/unit/corrections/test_marks.py",
    "gateway.expression.functions.arrays:MAX_PATH_CHARACTERS": _BOUNDS,
    "gateway.expression.limits:MAX_EXPONENT": _BOUNDS,
    "gateway.expression.limits:MAX_INTEGER": "tests/unit/gateway/expression/test_language.py",
    "gateway.expression.limits:MAX_POWER": _BOUNDS,
    "gateway.expression.limits:MAX_STEPS": _BOUNDS,
    "gateway.expression.limits:MAX_TEXT": _BOUNDS,
    "gateway.expression.limits:MAX_VALUE_DEPTH": _BOUNDS,
    "gateway.measurement:MAX_ERROR_CHARACTERS": "tests/unit/gateway/test_measurement.py",
    "gateway.pattern:MAX_PATTERN_CHARACTERS": _PATTERNS,
    "gateway.pattern:MAX_PATTERN_SIZE": _PATTERNS,
    "gateway.sse:MAX_EVENT_BYTES": "tests/unit/gateway/test_sse.py",
    "meters.reader:MAX_GROUP_VALUE_BYTES": "tests/unit/meters/test_reader.py",
    "meters.reader:MAX_UNIQUE_BYTES": "tests/unit/usage/test_aggregations.py",
    "usage.rows.budget:MAX_ATTRIBUTES": "tests/unit/usage/test_query_limits.py",
    "usage.rows.budget:MAX_PAGES": "tests/unit/usage/test_query_limits.py",
    "usage.recounts.recount:MAX_EVENTS": "tests/unit/usage/test_recount.py",
    "usage.windows:MAX_ZONE_CHARACTERS": _HERE,
}

NOT_TESTED = {
    "billing.entitlements.standing:MAX_PERIODS": "two years of hours in which nobody asks",
    "billing.invoicing.invoice:MAX_LINES_BYTES": "an invoice of thousands of lines",
    "gateway.expression.dates:MAX_DATE_CHARACTERS": "what is no date by then has no other form either",
    "gateway.expression.limits:MAX_DIGITS": "rounds, refuses nothing",
    "gateway.pattern:MAX_PATTERN_MEMORY_BYTES": "the instructions' limit comes first",
    "usage.recounts.repair:MAX_GROUPS": "cuts a list of what differs",
    "usage.recounts.repair:MAX_REPAIRED": "asking again repairs the rest",
}
"""Limits that no test stands at, each with what makes that bearable."""
