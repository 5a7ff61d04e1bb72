"""Limits whose edges no table of requests has, and the tests that stand at them and one past them.

Mostly those past which nothing is refused: something is cut, told or goes on.
"""

from __future__ import annotations

_ANSWERS, _EXPRESSIONS, _HISTORIES = ("test_answers.py", "test_expressions.py", "test_histories.py")
_VALUES, _PERIODS = "test_values.py", "test_periods_and_lines.py"

_RUNS = (_EXPRESSIONS, "test_up_to_a_bound_an_expression_runs", "test_past_a_bound_an_expression_fails_and_says_which")
_SKIPPED = (_VALUES, "test_the_longest_value_counts", "test_a_longer_value_is_skipped_with_a_reason")
_PATTERNS = (
    _EXPRESSIONS,
    "test_a_route_may_look_for_the_largest_pattern",
    "test_a_route_with_a_larger_pattern_is_refused",
)

TESTS: dict[str, tuple[str, ...]] = {
    "access.key:KEY_CHARS_MAX": (
        _ANSWERS,
        "test_a_key_may_be_so_long",
        "test_a_text_that_is_longer_than_any_key_is_none",
    ),
    "billing.entitlements.standing:MAX_PERIODS": (
        _PERIODS,
        "test_a_balance_looks_back_over_so_many_usage_periods",
    ),
    "billing.invoicing.invoice:MAX_LINES_BYTES": (
        _PERIODS,
        "test_an_invoice_holds_so_many_bytes_of_lines_and_another_the_rest",
    ),
    "corrections.preview:MAX_READ": (_HISTORIES, "test_a_dry_run_reads_so_many_events"),
    "dialects.amigo.events:MAX_ECHO_BYTES": (_ANSWERS, "test_amigo_shows_so_much_of_wrong_input"),
    "dialects.apigate.problems:MAX_REPORTED_ERRORS": (_ANSWERS, "test_so_many_wrong_fields_are_named_by_apigate"),
    "dialects.bodies:MAX_REPORTED_FIELDS": (_ANSWERS, "test_so_many_wrong_fields_are_named"),
    "dialects.cloudevents:MAX_ERRORS_AN_EVENT": (_ANSWERS, "test_so_many_wrong_fields_of_one_event_are_named"),
    "dialects.cloudevents:MAX_ERRORS_IN_WORDS": (_ANSWERS, "test_so_many_wrong_events_are_told_in_the_sentence"),
    "dialects.openmeter_v1.meters:MAX_LISTED": (
        _ANSWERS,
        "test_v1_lists_so_many_meters",
        "test_v1_lists_every_meter_that_there_can_be",
    ),
    "dialects.openmeter_v3.query:MAX_FILTERS": (_ANSWERS, "test_v3_filters_by_so_many_dimensions"),
    "dialects.answer_size:MAX_ANSWER_BYTES": (_ANSWERS, "test_an_answer_has_at_most_its_limit"),
    "errors:MAX_FIELD_CHARACTERS": (
        _ANSWERS,
        "test_the_name_of_a_wrong_field_is_cut_at_its_length",
        "test_the_reason_of_a_wrong_field_is_cut_at_its_length",
    ),
    "errors:MAX_MESSAGE_CHARACTERS": (_ANSWERS, "test_the_message_of_an_error_is_cut_at_its_length"),
    "events.listing:MAX_CURSOR_CHARACTERS": (
        _ANSWERS,
        "test_a_cursor_may_be_so_long",
        "test_a_cursor_that_is_longer_than_any_is_refused",
    ),
    "events.listing:MAX_ITEMS_READ": (_HISTORIES, "test_a_page_reads_so_many_events"),
    "events.listing:MAX_PAGE_BYTES": (_HISTORIES, "test_a_page_ends_with_the_event_that_fills_it"),
    "events.listing:MAX_SORTED_EVENTS": (_HISTORIES, "test_so_many_events_are_sorted_by_ingestion"),
    "events.marked:MAX_TOGGLES": (_HISTORIES, "test_an_event_is_voided_and_brought_back_so_often"),
    "gateway.expression.dates:MAX_DATE_CHARACTERS": _RUNS,
    "gateway.expression.functions.arrays:MAX_PATH_CHARACTERS": _RUNS,
    "gateway.expression.limits:MAX_DIGITS": (_EXPRESSIONS, "test_numbers_keep_so_many_digits"),
    "gateway.expression.limits:MAX_EXPONENT": _RUNS,
    "gateway.expression.limits:MAX_INTEGER": _RUNS,
    "gateway.expression.limits:MAX_POWER": _RUNS,
    "gateway.expression.limits:MAX_STEPS": _RUNS,
    "gateway.expression.limits:MAX_TEXT": _RUNS,
    "gateway.expression.limits:MAX_VALUE_DEPTH": (
        _EXPRESSIONS,
        "test_values_of_the_greatest_depth_are_gone_through",
        "test_values_one_deeper_are_not",
    ),
    "gateway.measurement:MAX_ERROR_CHARACTERS": (_EXPRESSIONS, "test_an_error_is_cut_at_its_length"),
    "gateway.pattern:MAX_PATTERN_CHARACTERS": _PATTERNS,
    "gateway.pattern:MAX_PATTERN_MEMORY_BYTES": (
        _EXPRESSIONS,
        "test_a_pattern_may_take_its_memory_and_no_more",  # bracketed: what a program takes is the engine's business
        "test_a_route_with_a_pattern_past_the_memory_is_refused",
    ),
    "gateway.pattern:MAX_PATTERN_SIZE": _PATTERNS,
    "meters.reader:MAX_GROUP_VALUE_BYTES": _SKIPPED,
    "meters.reader:MAX_UNIQUE_BYTES": _SKIPPED,
    "usage.recounts.recount:MAX_EVENTS": (_HISTORIES, "test_a_recount_reads_so_many_events"),
    "usage.recounts.repair:MAX_GROUPS": (_HISTORIES, "test_a_recount_names_so_many_groups_that_differ"),
    "usage.recounts.repair:MAX_REPAIRED": (
        _HISTORIES,
        "test_a_repair_restores_so_many_rows_and_the_rest_when_asked_again",
    ),
    "usage.rows.budget:MAX_PAGES": (_HISTORIES, "test_a_query_may_read_so_many_pages_and_no_more"),
    "usage.windows:MAX_ZONE_CHARACTERS": (
        _ANSWERS,
        "test_the_name_of_a_time_zone_may_be_so_long",
        "test_a_time_zone_that_is_longer_than_any_is_refused",
    ),
}
"""A limit to the file beside this one, and its tests there."""
