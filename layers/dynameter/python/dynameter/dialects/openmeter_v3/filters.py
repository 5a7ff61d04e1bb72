"""OpenMeter v3's string filters in the query: ``filter[field]=x`` and ``filter[field][op]=x``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dynameter.dialects.parameters import refuse_parameter
from dynameter.http.message import Request

MAX_FILTER_ITEMS = 50
MAX_FILTER_CHARACTERS = 1_024
MAX_FILTERS = 50

_PARAMETER = re.compile(r"filter\[([^\[\]]*)\](?:\[([^\[\]]*)\])?")
_LISTS = ("oeq", "ocontains")

_TESTS: dict[str, Callable[[str, tuple[str, ...]], bool]] = {
    "eq": lambda text, given: text == given[0],
    "neq": lambda text, given: text != given[0],
    "contains": lambda text, given: given[0].casefold() in text.casefold(),
    "oeq": lambda text, given: text in given,
    "ocontains": lambda text, given: any(one.casefold() in text.casefold() for one in given),
    "gt": lambda text, given: text > given[0],
    "gte": lambda text, given: text >= given[0],
    "lt": lambda text, given: text < given[0],
    "lte": lambda text, given: text <= given[0],
    # Every field that can be filtered by is always set.
    "exists": lambda _, given: given[0] != "false",
}
OPERATORS = tuple(_TESTS)


@dataclass(frozen=True, slots=True)
class StringFilter:
    """One condition on a field."""

    field: str
    operator: str
    given: tuple[str, ...]

    def admits(self, values: Mapping[str, str]) -> bool:
        """Whether the values, one for each field, meet the condition."""
        return _TESTS[self.operator](values[self.field], self.given)


def read_filters(request: Request, fields: tuple[str, ...]) -> tuple[StringFilter, ...]:
    """Every filter of the request, all to be met. Raises InvalidInput for an unknown field or operator."""
    found = tuple(_read(name, value, fields) for name, value in request.query if name.startswith("filter"))
    if len(found) > MAX_FILTERS:
        raise refuse_parameter("filter", "max_items", f"must have at most {MAX_FILTERS} conditions")
    return found


def _read(name: str, value: str, fields: tuple[str, ...]) -> StringFilter:
    match = _PARAMETER.fullmatch(name)
    if match is None or match[1] not in fields:
        raise refuse_parameter(name, "unknown", f"only {', '.join(fields)} can be filtered by", choices=fields)
    operator = match[2] or "eq"
    if operator not in _TESTS:
        raise refuse_parameter(name, "unknown", f"the operator must be one of {', '.join(OPERATORS)}", None, OPERATORS)
    if len(value) > MAX_FILTER_CHARACTERS:
        raise refuse_parameter(name, "max_length", f"must have at most {MAX_FILTER_CHARACTERS} characters")
    given = tuple(value.split(",")) if operator in _LISTS else (value,)
    if len(given) > MAX_FILTER_ITEMS:
        raise refuse_parameter(name, "max_items", f"must have at most {MAX_FILTER_ITEMS} items")
    if operator == "exists" and value not in ("", "true", "false"):
        raise refuse_parameter(name, "type", "must be true or false", value)
    return StringFilter(match[1], operator, given)
