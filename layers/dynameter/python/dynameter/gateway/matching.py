"""Which route a request is on. Pure.

Of the routes that match, the one with the higher priority wins; of equal ones exact before prefix before regex, then
the longer pattern, then the smaller id. A prefix may end in ``*``, which says the same as without it; a regex must
match the whole path, and ``{name}`` in it stands for one segment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dynameter.gateway.pattern import InvalidPattern, Pattern, compile_pattern
from dynameter.gateway.route import MatchType, Route

_PARAMETER = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")
_KINDS = {MatchType.EXACT: 0, MatchType.PREFIX: 1, MatchType.REGEX: 2}

_Ranked = tuple[int, Route, frozenset[str]]


class RouteTable:
    """The enabled routes of a workspace, made for many look-ups.

    A look-up costs one dictionary access for the exact routes, one for each length among the prefixes, and only
    such regular expressions as could still win.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[str, list[_Ranked]] = {}
        self._prefixes: dict[str, list[_Ranked]] = {}
        self._regexes: list[tuple[Pattern, _Ranked]] = []
        for rank, route in enumerate(sorted((one for one in routes if one.enabled), key=_order)):
            self._add(route, (rank, route, frozenset(route.methods)))
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})

    def match(self, method: str, path: str) -> Route | None:
        """The route of a request; ``path`` is decoded and without its query. None where no route matches."""
        method = method.upper()
        best = _first(self._exact.get(path, ()), method)
        for length in self._lengths:
            if length > len(path):
                break
            found = self._prefixes.get(path[:length])
            if found and (one := _first(found, method)) and (best is None or one[0] < best[0]):
                best = one
        for pattern, one in self._regexes:
            if best is not None and best[0] < one[0]:
                break
            if _takes(one, method) and pattern.search(path):
                best = one
                break
        return None if best is None else best[1]

    def _add(self, route: Route, ranked: _Ranked) -> None:
        if route.match_type is MatchType.EXACT:
            self._exact.setdefault(route.path_pattern, []).append(ranked)
        elif route.match_type is MatchType.PREFIX:
            self._prefixes.setdefault(_plain(route), []).append(ranked)
        else:
            try:
                self._regexes.append((compile_pattern(path_regex(route.path_pattern)), ranked))
            except InvalidPattern:
                # Stored patterns were right when they were written; one that no longer is must not stop the others.
                return


def check_regex(pattern: str) -> None:
    """Raise InvalidPattern unless a ``regex`` route may have the pattern."""
    # Alone first: of two that do not balance, such as ``/a)|(?:/b``, the anchors around them would hold but one end.
    compile_pattern(_inner_regex(pattern))
    compile_pattern(path_regex(pattern))


def path_regex(pattern: str) -> str:
    """The regular expression behind a ``regex`` route's pattern."""
    return f"^(?:{_inner_regex(pattern)})$"


def _inner_regex(pattern: str) -> str:
    return _PARAMETER.sub("[^/]+", pattern)


def _order(route: Route) -> tuple[int, int, int, str]:
    return -route.priority, _KINDS[route.match_type], -len(_plain(route)), route.id


def _plain(route: Route) -> str:
    """The pattern, of a prefix without the ``*`` that says the same as none: it makes none longer than another."""
    return route.path_pattern.removesuffix("*") if route.match_type is MatchType.PREFIX else route.path_pattern


def _first(candidates: Iterable[_Ranked], method: str) -> _Ranked | None:
    return next((one for one in candidates if _takes(one, method)), None)


def _takes(ranked: _Ranked, method: str) -> bool:
    return not ranked[2] or method in ranked[2]
