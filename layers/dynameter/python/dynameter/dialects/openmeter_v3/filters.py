"""OpenMeter v3's filters in the query: ``filter[field]=x`` and ``filter[field][op]=x``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from dynameter.dialects.parameters import refuse_parameter
from dynameter.filters import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_ITEMS,
    V3_TEXT,
    Filter,
    InvalidFilter,
    Operator,
    Vocabulary,
    read_filter,
)
from dynameter.http.message import Request

MAX_FILTER_ITEMS = 50
MAX_FILTERS = 50

T = TypeVar("T")

_PARAMETER = re.compile(r"filter\[([^\[\]]*)\](?:\[([^\[\]]*)\])?")
_LISTS = ("oeq", "ocontains")
_FLAGS = {"": True, "true": True, "false": False}
OPERATORS = ("eq", "neq", "contains", "oeq", "ocontains", "gt", "gte", "lt", "lte", "exists")
"""What can stand in the second brackets; other operators are for bodies."""
URL_TEXT = replace(V3_TEXT, words={word: V3_TEXT.words[word] for word in OPERATORS}, max_items=MAX_FILTER_ITEMS)
"""The operators on texts that a URL can hold."""

_TEXT: dict[str, Any] = {"type": "string", "maxLength": MAX_CHARACTERS}
_TEXTS = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": MAX_ITEMS}
_PARTS = {"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": MAX_ITEMS}
_OPERANDS: dict[Operator, Any] = {
    Operator.IN: _TEXTS,
    Operator.NIN: _TEXTS,
    Operator.CONTAINS: {"anyOf": [_TEXT, _TEXTS]},
    Operator.EXISTS: {"type": "boolean"},
    Operator.AND: _PARTS,
    Operator.OR: _PARTS,
}
FILTER_SCHEMA = {
    "type": "object",
    "description": f"All operators must hold; `and` and `or` hold filters like this one, {MAX_DEPTH} levels deep.",
    "properties": {word: _OPERANDS.get(operator, _TEXT) for word, operator in V3_TEXT.words.items()},
    "additionalProperties": False,
}
"""A filter in a body as JSON schema."""


@dataclass(frozen=True, slots=True)
class StringFilter:
    """One condition on a field."""

    field: str
    condition: Filter[str]

    def admits(self, values: Mapping[str, str]) -> bool:
        """Whether the values, one for each field, meet the condition."""
        return self.condition.matches(values[self.field])


@dataclass(frozen=True, slots=True)
class SentFilter:
    """One filter parameter as it was sent: ``name`` is the parameter's, ``operator`` eq where none was named."""

    name: str
    field: str
    operator: str
    value: str

    def read(self, vocabulary: Vocabulary[T]) -> Filter[T]:
        """The condition. Raises InvalidInput naming the parameter."""
        if self.operator not in vocabulary.words:
            known = tuple(vocabulary.words)
            raise refuse_parameter(self.name, "unknown", f"the operator must be one of {', '.join(known)}", None, known)
        try:
            return read_filter({self.operator: self._operand()}, vocabulary)
        except InvalidFilter as error:
            raise refuse_parameter(self.name, error.rule, error.reason, self.value) from None

    def _operand(self) -> Any:
        if len(self.value) > MAX_CHARACTERS:
            raise refuse_parameter(self.name, "max_length", f"must have at most {MAX_CHARACTERS} characters")
        if self.operator in _LISTS:
            return self.value.split(",")
        return _FLAGS.get(self.value) if self.operator == "exists" else self.value


def read_filters(request: Request, fields: tuple[str, ...]) -> tuple[StringFilter, ...]:
    """Every filter of the request, all to be met. Raises InvalidInput for an unknown field or operator."""
    return tuple(StringFilter(one.field, one.read(URL_TEXT)) for one in sent_filters(request, fields))


def sent_filters(request: Request, fields: tuple[str, ...]) -> tuple[SentFilter, ...]:
    """The request's filter parameters, all on one of ``fields``. Raises InvalidInput."""
    found = tuple(_sent(request, fields))
    if len(found) > MAX_FILTERS:
        raise refuse_parameter("filter", "max_items", f"must have at most {MAX_FILTERS} conditions")
    return found


def _sent(request: Request, fields: tuple[str, ...]) -> Iterator[SentFilter]:
    for name, value in request.query:
        if not name.startswith("filter"):
            continue
        match = _PARAMETER.fullmatch(name)
        if match is None or match[1] not in fields:
            raise refuse_parameter(name, "unknown", f"only {', '.join(fields)} can be filtered by", choices=fields)
        yield SentFilter(name, match[1], match[2] or "eq", value)
