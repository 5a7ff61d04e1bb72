"""A mapping's FilterCriteria: which stream records reach its function.

Rules: AWS Lambda Developer Guide, "Event filtering": a record passes if any filter matches it; a pattern is a JSON
object like the record, with a list of what may stand in each place. Of the comparisons, equality (text, null) and
``prefix`` are known here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class UnsupportedPattern(ValueError):
    """The filter compares in a way that is not known here, or is no pattern."""


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """The patterns of a mapping; without any, every record passes."""

    patterns: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, criteria: Mapping[str, Any] | None) -> RecordFilter:
        """Read a FilterCriteria. Raises ``UnsupportedPattern``."""
        patterns = tuple(json.loads(one["Pattern"]) for one in (criteria or {}).get("Filters", []))
        for pattern in patterns:
            _check(pattern)
        return cls(patterns)

    def admits(self, record: Mapping[str, Any]) -> bool:
        """Whether the record, in the form of Lambda's event, reaches the function."""
        return not self.patterns or any(_matches(pattern, record) for pattern in self.patterns)


def _check(pattern: Any) -> None:
    if isinstance(pattern, dict) and pattern:
        for part in pattern.values():
            _check(part)
    elif isinstance(pattern, list) and pattern:
        for one in pattern:
            prefix = isinstance(one, dict) and list(one) == ["prefix"] and isinstance(one["prefix"], str)
            if not (prefix or one is None or isinstance(one, str)):
                raise UnsupportedPattern(f"the local stream pump does not filter by {json.dumps(one)}")
    else:
        raise UnsupportedPattern(f"no filter pattern: {json.dumps(pattern)}")


def _matches(pattern: Any, value: Any) -> bool:
    if isinstance(pattern, Mapping):
        return isinstance(value, Mapping) and all(
            name in value and _matches(part, value[name]) for name, part in pattern.items()
        )
    assert isinstance(pattern, Sequence)
    return any(_equals(one, value) for one in pattern)


def _equals(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, str) and value.startswith(str(wanted["prefix"]))
    return bool(wanted == value)
