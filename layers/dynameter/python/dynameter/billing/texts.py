"""The rules of names, descriptions and metadata, the same for everything that is billed. Pure.

Locations are ``("body", <the field's name here>, ...)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dynameter import codec
from dynameter.errors import FieldError
from dynameter.meters.rules import (
    MAX_DESCRIPTION_CHARACTERS,
    MAX_METADATA_ENTRIES,
    MAX_METADATA_KEY_CHARACTERS,
    MAX_METADATA_VALUE_CHARACTERS,
    MAX_NAME_CHARACTERS,
)

MAX_METADATA_BYTES = 16_384
"""The metadata as compact JSON."""


def check_texts(name: str, description: str | None, metadata: Mapping[str, str]) -> Iterator[FieldError]:
    """What is wrong with the three."""
    yield from check_length("name", name, 1, MAX_NAME_CHARACTERS)
    if description is not None:
        yield from check_length("description", description, 0, MAX_DESCRIPTION_CHARACTERS)
    yield from check_metadata(metadata)


def check_length(field: str, text: str, least: int, most: int) -> Iterator[FieldError]:
    """What is wrong with a text of ``least`` to ``most`` characters."""
    if not least <= len(text) <= most:
        yield FieldError(("body", field), "length", f"must have {least} to {most} characters", text[:most])


def check_metadata(metadata: Mapping[str, str]) -> Iterator[FieldError]:
    """What is wrong with metadata."""
    if len(metadata) > MAX_METADATA_ENTRIES:
        yield FieldError(("body", "metadata"), "max_items", f"must have at most {MAX_METADATA_ENTRIES} entries")
        return
    for key, value in metadata.items():
        place = ("body", "metadata", key[:MAX_METADATA_KEY_CHARACTERS])
        if not 1 <= len(key) <= MAX_METADATA_KEY_CHARACTERS:
            yield FieldError(place, "key_length", f"key must have 1 to {MAX_METADATA_KEY_CHARACTERS} characters")
        if len(value) > MAX_METADATA_VALUE_CHARACTERS:
            yield FieldError(place, "max_length", f"must have at most {MAX_METADATA_VALUE_CHARACTERS} characters")
    if len(codec.encode(dict(metadata))) > MAX_METADATA_BYTES:
        message = f"must have at most {MAX_METADATA_BYTES} bytes as JSON"
        yield FieldError(("body", "metadata"), "max_length", message)
