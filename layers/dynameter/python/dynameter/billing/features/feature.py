"""Features: what is sold, mostly the usage of a meter. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dynameter import codec
from dynameter.billing.texts import check_texts
from dynameter.errors import FieldError
from dynameter.filters import V1_TEXT, Filter, InvalidFilter, Operator, Vocabulary, read_filter
from dynameter.meters.meter import Aggregation, Meter
from dynameter.meters.rules import SLUG_PATTERN, is_id, is_slug

MAX_FEATURES = 1_000
"""Live features of a workspace."""
MAX_FILTERS_BYTES = 32_768
"""All filters of a feature as compact JSON."""

AGGREGATIONS = (Aggregation.SUM, Aggregation.COUNT, Aggregation.UNIQUE_COUNT, Aggregation.LATEST)
"""What can be sold, as OpenMeter has it: a mean, a least or a greatest value is no quantity."""

FILTER_WORDS = Vocabulary(
    {f"${one.value}": one for one in Operator if one is not Operator.NEXISTS}, V1_TEXT.read, V1_TEXT.max_items
)
"""v1's words, and in the same spelling those that only v3 has: the words in which filters are kept."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of a workspace; without a meter it is only on or off.

    ``filters`` keeps the usage whose group value matches, by the meter's group-by key. ``filters_sent`` is what the
    caller sent, in v1's words (``{"model": {"$eq": "gpt-4"}}``); the stores keep that and compile it.
    """

    workspace: str
    id: str
    key: str
    name: str
    created_at_us: int
    updated_at_us: int
    meter_id: str | None = None
    meter_slug: str | None = None
    filters_sent: Mapping[str, Any] = field(default_factory=dict)
    filters: Mapping[str, Filter[str]] = field(default_factory=dict, compare=False)
    metadata: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None
    archived_at_us: int | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class FeatureDraft:
    """A feature to be created; ``meter`` is the meter's id or slug, ``filters_sent`` as in ``Feature``."""

    key: str
    name: str
    meter: str | None = None
    filters_sent: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None


def check_draft(draft: FeatureDraft) -> Iterator[FieldError]:
    """What is wrong with the draft but for its meter; locations are ``("body", <the field's name here>, ...)``."""
    if is_id(draft.key):
        yield FieldError(("body", "key"), "pattern", "must not be a ULID", draft.key)
    elif not is_slug(draft.key):
        message = f"must have 1 to 64 characters and match {SLUG_PATTERN}"
        yield FieldError(("body", "key"), "pattern", message, draft.key[:64])
    yield from check_texts(draft.name, draft.description, draft.metadata)
    if draft.filters_sent and draft.meter is None:
        yield FieldError(("body", "filters"), "meter_required", "filters need a meter")
    if len(codec.encode(dict(draft.filters_sent))) > MAX_FILTERS_BYTES:
        yield FieldError(("body", "filters"), "max_length", f"must have at most {MAX_FILTERS_BYTES} bytes as JSON")


def check_meter(draft: FeatureDraft, meter: Meter) -> Iterator[FieldError]:
    """What keeps the feature from being sold by the meter."""
    if meter.aggregation not in AGGREGATIONS:
        known = ", ".join(one.value for one in AGGREGATIONS)
        message = f"meter {meter.slug}'s aggregation is {meter.aggregation.value}; a feature needs one of {known}"
        yield FieldError(("body", "meter"), "meter_aggregation", message)
    for key in draft.filters_sent:
        if key not in meter.group_by:
            known = ", ".join(meter.group_by)
            message = f"the meter has no group by {key[:64]}, only {known or 'none'}"
            yield FieldError(("body", "filters", key[:64]), "invalid_filter", message)


def compile_filters(sent: Mapping[str, Any]) -> dict[str, Filter[str]]:
    """The filter of each key. Raises ``InvalidFilter`` whose place begins with the key."""
    found: dict[str, Filter[str]] = {}
    for key, one in sent.items():
        try:
            found[key] = read_filter(one, FILTER_WORDS)
        except InvalidFilter as error:
            raise InvalidFilter((key, *error.place), error.rule, error.reason) from None
    return found
