"""Which route a request is on."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter.gateway.matching import RouteTable, path_regex
from dynameter.gateway.route import MatchType, Metering, Route
from tests.conftest import WORKSPACE

EXACT, PREFIX, REGEX = MatchType.EXACT, MatchType.PREFIX, MatchType.REGEX


def route(
    id_: str,
    pattern: str,
    kind: MatchType = PREFIX,
    *,
    methods: tuple[str, ...] = (),
    priority: int = 0,
    enabled: bool = True,
) -> Route:
    return Route(WORKSPACE, id_, id_, pattern, kind, methods, priority, enabled, Metering(), 0, 0)


def matched(routes: list[Route], path: str, method: str = "GET") -> str | None:
    found = RouteTable(routes).match(method, path)
    return found.id if found else None


@pytest.mark.parametrize(
    ("kind", "pattern", "path", "matches"),
    [
        (EXACT, "/users", "/users", True),
        (EXACT, "/users", "/users/", False),
        (EXACT, "/users", "/users/123", False),
        (EXACT, "/*", "/x", False),
        (PREFIX, "/api/v1", "/api/v1", True),
        (PREFIX, "/api/v1", "/api/v1/users/123", True),
        (PREFIX, "/api/v1", "/api/v10", True),
        (PREFIX, "/api/v1", "/api/v2/users", False),
        (PREFIX, "/api/v1/*", "/api/v1/users", True),
        (PREFIX, "/api/v1/*", "/api/v1", False),
        (PREFIX, "/*", "/", True),
        (PREFIX, "/", "/anything", True),
        (REGEX, "^/users/[0-9]+$", "/users/123", True),
        (REGEX, "^/users/[0-9]+$", "/users/abc", False),
        (REGEX, "/users/[0-9]+", "/users/123/orders", False),
        (REGEX, "/users/[0-9]+", "/v1/users/123", False),
        (REGEX, "/users/{id}", "/users/abc", True),
        (REGEX, "/users/{id}", "/users/abc/orders", False),
        (REGEX, "/users/{id}/orders", "/users/abc/orders", True),
        (REGEX, "/codes/[A-Z]{3}", "/codes/ABC", True),
        (REGEX, "/a|/b", "/b", True),
        (REGEX, "/a|/b", "/bc", False),
    ],
)
def test_a_pattern_matches_as_the_peer_documents_it(kind: MatchType, pattern: str, path: str, matches: bool) -> None:
    assert (matched([route("r", pattern, kind)], path) == "r") is matches


def test_nothing_matches_nothing() -> None:
    assert matched([], "/") is None


@pytest.mark.parametrize("wider", ["/a/*", "/a/"])
def test_a_star_at_its_end_makes_no_prefix_longer_than_another(wider: str) -> None:
    assert matched([route("a", wider), route("b", "/a/b")], "/a/b/c") == "b"


def test_priority_comes_before_everything() -> None:
    routes = [route("exact", "/a", EXACT), route("prefix", "/a"), route("regex", "/a|/b", REGEX, priority=1)]

    assert matched(routes, "/a") == "regex"


def test_of_equal_priority_exact_comes_before_prefix_before_regex() -> None:
    routes = [route("regex", "/.*", REGEX), route("prefix", "/a"), route("exact", "/a/b", EXACT)]

    assert matched(routes, "/a/b") == "exact"
    assert matched(routes, "/a/c") == "prefix"
    assert matched(routes, "/b") == "regex"


def test_of_one_kind_the_longer_pattern_comes_first_and_then_the_smaller_id() -> None:
    routes = [route("b", "/a/"), route("a", "/a/"), route("long", "/a/b"), route("root", "/")]

    assert matched(routes, "/a/bc") == "long"
    assert matched(routes, "/a/c") == "a"
    assert matched(routes, "/c") == "root"


def test_a_route_that_does_not_take_the_method_lets_the_next_one_have_it() -> None:
    routes = [route("read", "/a", EXACT, methods=("GET",)), route("any", "/")]

    assert matched(routes, "/a", "get") == "read"
    assert matched(routes, "/a", "POST") == "any"


def test_a_disabled_route_matches_nothing() -> None:
    assert matched([route("off", "/", enabled=False)], "/a") is None


def test_a_stored_pattern_that_no_longer_compiles_stops_no_other() -> None:
    assert matched([route("broken", "(", REGEX, priority=1), route("good", "/")], "/a") == "good"


def test_a_name_in_braces_stands_for_a_segment_and_a_repetition_stays_one() -> None:
    assert path_regex("/{a}/[0-9]{2,3}") == "^(?:/[^/]+/[0-9]{2,3})$"


PATTERNS = {
    EXACT: ("/", "/a", "/a/", "/a/b", "/b"),
    PREFIX: ("/", "/*", "/a", "/a/", "/a/*", "/a/b", "/b"),
    REGEX: ("/a", "/{x}", "/a/{x}", "/a.*", "/[ab]", "/a|/b"),
}
ROUTES = st.builds(
    lambda kind_and_pattern, methods, priority, enabled: (*kind_and_pattern, methods, priority, enabled),
    st.sampled_from([(kind, one) for kind, patterns in PATTERNS.items() for one in patterns]),
    st.sampled_from([(), ("GET",), ("POST",), ("GET", "POST")]),
    st.integers(-1, 1),
    st.booleans(),
)


def naive(routes: list[Route], method: str, path: str) -> str | None:
    """The rules read out, one route after the other."""
    kinds = [EXACT, PREFIX, REGEX]

    def holds(one: Route) -> bool:
        if not one.enabled or (one.methods and method not in one.methods):
            return False
        if one.match_type is EXACT:
            return path == one.path_pattern
        if one.match_type is PREFIX:
            return path.startswith(one.path_pattern.removesuffix("*"))
        return re.fullmatch(one.path_pattern.replace("{x}", "[^/]+"), path) is not None

    def length(one: Route) -> int:
        return len(one.path_pattern.removesuffix("*") if one.match_type is PREFIX else one.path_pattern)

    found = [one for one in routes if holds(one)]
    found.sort(key=lambda one: (-one.priority, kinds.index(one.match_type), -length(one), one.id))
    return found[0].id if found else None


@settings(max_examples=150, deadline=None)
@given(
    st.lists(ROUTES, max_size=8),
    st.sampled_from(["/", "/a", "/a/", "/a/b", "/a/b/c", "/b", "/c", "", "a"]),
    st.sampled_from(["GET", "POST", "PUT"]),
)
def test_the_table_finds_what_reading_the_rules_out_finds(
    made: list[tuple[MatchType, str, tuple[str, ...], int, bool]], path: str, method: str
) -> None:
    routes = [
        route(f"r{index}", pattern, kind, methods=methods, priority=priority, enabled=enabled)
        for index, (kind, pattern, methods, priority, enabled) in enumerate(made)
    ]

    assert matched(routes, path, method) == naive(routes, method, path)
