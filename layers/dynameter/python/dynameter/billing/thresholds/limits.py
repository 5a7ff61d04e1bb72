"""What rules and channels must be like. Pure; locations are ``("body", <the field's name here>, ...)``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dynameter.billing.texts import check_length, check_metadata
from dynameter.billing.thresholds.address import InvalidTarget, read_target
from dynameter.billing.thresholds.rule import ChannelDraft, RuleDraft, Threshold, ThresholdType
from dynameter.billing.thresholds.signature import InvalidSecret, read_secret
from dynameter.errors import FieldError
from dynameter.meters.quantity import MAX_FRACTION_DIGITS, MAX_INTEGER_DIGITS
from dynameter.meters.rules import MAX_NAME_CHARACTERS

MAX_RULES = 100
"""Rules of a workspace."""
MAX_CHANNELS = 100
"""Channels of a workspace."""
MAX_THRESHOLDS = 10
"""Thresholds of a rule (OpenMeter's limit)."""
MAX_RULE_CHANNELS = 5
MAX_NAMED = 100
"""Features, and customers, that one rule names."""
MAX_HEADERS = 10
MAX_HEADER_CHARACTERS = 512

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_HEADER_VALUE: Final = re.compile(rf"(?:[!-~](?:[ -~]{{0,{MAX_HEADER_CHARACTERS - 2}}}[!-~])?)?")
_OWN_HEADERS: Final = frozenset(
    {"connection", "content-length", "content-type", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)


def check_rule(draft: RuleDraft) -> Iterator[FieldError]:
    """What is wrong with the draft, but for what it refers to."""
    yield from check_length("name", draft.name, 1, MAX_NAME_CHARACTERS)
    yield from check_metadata(draft.metadata)
    yield from _check_thresholds(draft.thresholds)
    yield from _check_entries("channels", draft.channels, MAX_RULE_CHANNELS)
    yield from _check_entries("features", draft.features, MAX_NAMED)
    yield from _check_entries("customers", draft.customers, MAX_NAMED)


def check_channel(draft: ChannelDraft) -> Iterator[FieldError]:
    """What is wrong with the draft."""
    yield from check_length("name", draft.name, 1, MAX_NAME_CHARACTERS)
    yield from check_metadata(draft.metadata)
    try:
        read_target(draft.url)
    except InvalidTarget as error:
        yield FieldError(("body", "url"), "webhook_url", str(error), draft.url[:64])
    if draft.secret is not None:
        try:
            read_secret(draft.secret)
        except InvalidSecret as error:
            yield FieldError(("body", "secret"), "signing_secret", str(error))
    yield from _check_headers(draft.headers)


def _check_thresholds(thresholds: Sequence[Threshold]) -> Iterator[FieldError]:
    if not 1 <= len(thresholds) <= MAX_THRESHOLDS:
        yield FieldError(("body", "thresholds"), "length", f"must have 1 to {MAX_THRESHOLDS} thresholds")
        return
    seen: set[Threshold] = set()
    for index, one in enumerate(thresholds):
        place = ("body", "thresholds", index, "value")
        if one.value < 0 or (one.value == 0 and one.type is not ThresholdType.BALANCE_VALUE):
            least = "0" if one.type is ThresholdType.BALANCE_VALUE else "more than 0"
            yield FieldError(place, "range", f"must be {least} or more" if least == "0" else f"must be {least}")
        elif not _is_short(one):
            message = f"must have at most {MAX_INTEGER_DIGITS} integer and {MAX_FRACTION_DIGITS} fraction digits"
            yield FieldError(place, "digits", message)
        elif one in seen:
            yield FieldError(place, "unique", "the same threshold stands there twice")
        seen.add(one)


def _is_short(one: Threshold) -> bool:
    if not one.value:
        return True
    exponent = one.value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return one.value.adjusted() < MAX_INTEGER_DIGITS and exponent >= -MAX_FRACTION_DIGITS


def _check_entries(field: str, entries: Sequence[str], most: int) -> Iterator[FieldError]:
    if len(entries) > most:
        yield FieldError(("body", field), "max_items", f"must have at most {most} entries")


def _check_headers(headers: Mapping[str, str]) -> Iterator[FieldError]:
    if len(headers) > MAX_HEADERS:
        yield FieldError(("body", "headers"), "max_items", f"must have at most {MAX_HEADERS} headers")
        return
    if len({name.lower() for name in headers}) < len(headers):
        yield FieldError(("body", "headers"), "unique", "has a header twice")
    for name, value in headers.items():
        place = ("body", "headers", name[:64])
        if not _HEADER_NAME.fullmatch(name):
            yield FieldError(place, "pattern", "is no name of an HTTP header of at most 64 characters")
        elif name.lower() in _OWN_HEADERS or name.lower().startswith("webhook-"):
            yield FieldError(place, "reserved", "is set by the service itself")
        if not _HEADER_VALUE.fullmatch(value):
            message = f"must have at most {MAX_HEADER_CHARACTERS} printable ASCII characters, no space at either end"
            yield FieldError(place, "pattern", message)
