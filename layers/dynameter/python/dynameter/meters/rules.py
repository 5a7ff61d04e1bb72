"""The rules of a meter's definition, and the limits that keep one affordable."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from dynameter.errors import FieldError
from dynameter.meters.meter import Aggregation, MeterChange, MeterDraft
from dynameter.meters.path import InvalidPath, Path, compile_path

MAX_METERS = 1_000
"""Live meters of a workspace."""
MAX_GROUP_KEYS = 10
MAX_SLUG_CHARACTERS = 64
MAX_GROUP_KEY_CHARACTERS = 64
MAX_NAME_CHARACTERS = 256
MAX_DESCRIPTION_CHARACTERS = 1_024
MAX_EVENT_TYPE_CHARACTERS = 256
MAX_METADATA_ENTRIES = 50
MAX_METADATA_KEY_CHARACTERS = 128
MAX_METADATA_VALUE_CHARACTERS = 1_024

RESERVED_GROUP_KEYS = ("customer_id", "subject")
"""Names that queries group by themselves; a key of the same name could not be told from them."""

SLUG_PATTERN = "^[a-z0-9]+(?:_[a-z0-9]+)*$"
GROUP_KEY_PATTERN = "^[a-zA-Z_][0-9a-zA-Z_]*$"
ID_PATTERN = "^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$"
"""A ULID in either case."""

# Unlike a search for ^...$, a full match lets no newline slip in at the end.
_SLUG = re.compile(SLUG_PATTERN[1:-1])
_GROUP_KEY = re.compile(GROUP_KEY_PATTERN[1:-1])
_ID = re.compile(ID_PATTERN[1:-1])


def is_slug(text: str) -> bool:
    """Whether the text may be a meter's slug."""
    return len(text) <= MAX_SLUG_CHARACTERS and _SLUG.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Whether the text may be a meter's id, a ULID."""
    return _ID.fullmatch(text) is not None


def check_draft(draft: MeterDraft) -> tuple[FieldError, ...]:
    """Everything that is wrong with a new meter; locations are ``("body", <the core's name of the field>, ...)``."""
    return (
        *_check_slug(draft.slug),
        *_check_names(draft.name, draft.description),
        *_check_length("event_type", draft.event_type, 1, MAX_EVENT_TYPE_CHARACTERS),
        *_check_value_property(draft.aggregation, draft.value_property),
        *_check_group_by(draft.group_by, draft.value_property),
        *_check_metadata(draft.metadata),
    )


def check_change(change: MeterChange, value_property: str | None) -> tuple[FieldError, ...]:
    """Everything that is wrong with a change of a meter that has this value property; like ``check_draft``."""
    return (
        *_check_names(change.name, change.description),
        *_check_group_by(change.group_by, value_property),
        *_check_metadata(change.metadata),
    )


def _check_slug(slug: str) -> Iterator[FieldError]:
    yield from (length := list(_check_length("slug", slug, 1, MAX_SLUG_CHARACTERS)))
    if not length and not is_slug(slug):
        yield _error(("slug",), "pattern", f"must match {SLUG_PATTERN}", slug)


def _check_names(name: str | None, description: str | None) -> Iterator[FieldError]:
    if name is not None:
        yield from _check_length("name", name, 1, MAX_NAME_CHARACTERS)
    if description == "":
        yield _error(("description",), "min_length", "description must not be empty string", description)
    elif description is not None:
        yield from _check_length("description", description, 1, MAX_DESCRIPTION_CHARACTERS)


def _check_length(field: str, value: str, least: int, most: int) -> Iterator[FieldError]:
    if len(value) < least:
        yield _error((field,), "min_length", f"must have at least {least} character", value)
    elif len(value) > most:
        yield _error((field,), "max_length", f"must have at most {most} characters", value[:most])


def _check_value_property(aggregation: Aggregation, value_property: str | None) -> Iterator[FieldError]:
    location = ("value_property",)
    if aggregation is Aggregation.COUNT:
        if value_property is not None:
            message = "meter value property is not allowed when the aggregation is count"
            yield _error(location, "not_allowed", message, value_property)
    elif not value_property:
        message = f"meter value property is required when the aggregation is {aggregation.value.lower()}"
        yield _error(location, "required", message, value_property)
    else:
        path = _compile(location, value_property)
        if isinstance(path, FieldError):
            yield path


def _check_group_by(group_by: Mapping[str, str], value_property: str | None) -> Iterator[FieldError]:
    if len(group_by) > MAX_GROUP_KEYS:
        yield _error(("group_by",), "max_items", f"must have at most {MAX_GROUP_KEYS} keys", len(group_by))
        return
    value = _compile(("value_property",), value_property) if value_property else None
    for key in sorted(group_by):
        location = ("group_by", key[:MAX_GROUP_KEY_CHARACTERS])
        if len(key) > MAX_GROUP_KEY_CHARACTERS:
            yield _error(location, "max_length", f"key must have at most {MAX_GROUP_KEY_CHARACTERS} characters")
        elif not _GROUP_KEY.fullmatch(key):
            yield _error(location, "pattern", f"key must match {GROUP_KEY_PATTERN}", key)
        elif key in RESERVED_GROUP_KEYS:
            yield _error(location, "reserved_dimension", f"{key} is a reserved group by key", key)
        path = _compile(location, group_by[key])
        if isinstance(path, FieldError):
            yield path
        elif isinstance(value, Path) and path.steps == value.steps:
            yield _error(location, "not_allowed", f"group by {key} must differ from the value property", group_by[key])


def _compile(location: tuple[str, ...], text: str) -> Path | FieldError:
    try:
        return compile_path(text)
    except InvalidPath as error:
        return _error(location, "format", error.reason, text)


def _check_metadata(metadata: Mapping[str, str]) -> Iterator[FieldError]:
    if len(metadata) > MAX_METADATA_ENTRIES:
        yield _error(("metadata",), "max_items", f"must have at most {MAX_METADATA_ENTRIES} entries", len(metadata))
        return
    for key, value in metadata.items():
        location = ("metadata", key[:MAX_METADATA_KEY_CHARACTERS])
        if not 1 <= len(key) <= MAX_METADATA_KEY_CHARACTERS:
            yield _error(location, "key_length", f"key must have 1 to {MAX_METADATA_KEY_CHARACTERS} characters")
        if len(value) > MAX_METADATA_VALUE_CHARACTERS:
            yield _error(location, "max_length", f"must have at most {MAX_METADATA_VALUE_CHARACTERS} characters")


def _error(location: tuple[str, ...], rule: str, message: str, value: object = None) -> FieldError:
    return FieldError(("body", *location), rule, message, value)
