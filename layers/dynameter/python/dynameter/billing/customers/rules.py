"""The rules of a customer, and the limits that keep one affordable. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from dynameter.billing.customers.customer import ADDRESS_FIELDS, CustomerDraft
from dynameter.billing.pricing.money import UnknownCurrency, minor_digits
from dynameter.billing.texts import check_length, check_texts
from dynameter.errors import FieldError
from dynameter.events.rules import MAX_SUBJECT_BYTES
from dynameter.usage.windows import UnknownZone, load_zone

MAX_KEY_CHARACTERS = 256
MAX_SUBJECT_KEYS = 90
"""Of one customer: it and its subjects are written in one transaction, which has at most 100 items."""
MAX_SUBJECTS_CHANGED = 98
"""Subjects that one update adds and removes together, for the same reason."""
MAX_EMAIL_CHARACTERS = 320
MAX_ADDRESS_CHARACTERS = 256

_COUNTRY = re.compile(r"[A-Z]{2}")


def check_draft(draft: CustomerDraft) -> Iterator[FieldError]:
    """What is wrong with the draft; locations are ``("body", <the field's name here>, ...)``."""
    yield from check_texts(draft.name, draft.description, draft.metadata)
    if draft.key is not None:
        yield from check_length("key", draft.key, 1, MAX_KEY_CHARACTERS)
        yield from _check_subject(("body", "key"), draft.key)
    yield from _check_subjects(draft)
    if draft.primary_email is not None:
        yield from check_length("primary_email", draft.primary_email, 1, MAX_EMAIL_CHARACTERS)
    if draft.currency is not None and not _is_currency(draft.currency):
        yield FieldError(("body", "currency"), "currency", "must be an ISO 4217 code with a minor unit, such as USD")
    if not _is_zone(draft.time_zone):
        yield FieldError(("body", "time_zone"), "invalid_time_zone", "must be the name of an IANA time zone")
    yield from _check_address(draft.billing_address or {})


def _check_subjects(draft: CustomerDraft) -> Iterator[FieldError]:
    if draft.key is None and not draft.subject_keys:
        message = "either key or usageAttribution.subjectKeys must be provided"
        yield FieldError(("body", "key"), "required", message)
    if len(draft.subject_keys) > MAX_SUBJECT_KEYS:
        yield FieldError(("body", "subject_keys"), "max_items", f"must have at most {MAX_SUBJECT_KEYS} subjects")
        return
    for index, subject in enumerate(draft.subject_keys):
        yield from _check_subject(("body", "subject_keys", index), subject)


def _check_subject(place: tuple[str | int, ...], subject: str) -> Iterator[FieldError]:
    """A subject is what an event can have as its subject (see ``events.rules``)."""
    if not 1 <= len(subject.encode()) <= MAX_SUBJECT_BYTES:
        yield FieldError(place, "length", f"must have 1 to {MAX_SUBJECT_BYTES} bytes of UTF-8")
    if "\0" in subject:
        yield FieldError(place, "format", "must not contain the character U+0000")


def _check_address(address: Mapping[str, str]) -> Iterator[FieldError]:
    for name in ADDRESS_FIELDS:
        if len(address.get(name, "")) > MAX_ADDRESS_CHARACTERS:
            message = f"must have at most {MAX_ADDRESS_CHARACTERS} characters"
            yield FieldError(("body", f"billing_address.{name}"), "max_length", message)
    if "country" in address and not _COUNTRY.fullmatch(address["country"]):
        message = "must be an ISO 3166-1 alpha-2 code such as US"
        yield FieldError(("body", "billing_address.country"), "pattern", message, address["country"][:64])


def _is_currency(code: str) -> bool:
    try:
        minor_digits(code)
    except UnknownCurrency:
        return False
    return True


def _is_zone(name: str) -> bool:
    try:
        load_zone(name)
    except UnknownZone:
        return False
    return True
