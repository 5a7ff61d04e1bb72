"""Texts of bodies with what documents tell of them. Nothing is checked by these types: the cores hold the rules."""

from __future__ import annotations

from typing import Annotated

from pydantic import WithJsonSchema

from dynameter.billing.customers.rules import (
    MAX_ADDRESS_CHARACTERS,
    MAX_EMAIL_CHARACTERS,
    MAX_KEY_CHARACTERS,
    MAX_SUBJECT_KEYS,
)
from dynameter.billing.period import DURATION_PATTERN
from dynameter.events.rules import MAX_SUBJECT_BYTES
from dynameter.meters.rules import (
    MAX_DESCRIPTION_CHARACTERS,
    MAX_METADATA_ENTRIES,
    MAX_METADATA_KEY_CHARACTERS,
    MAX_METADATA_VALUE_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_SLUG_CHARACTERS,
    SLUG_PATTERN,
)

Name = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARACTERS})]
Description = Annotated[str, WithJsonSchema({"type": "string", "maxLength": MAX_DESCRIPTION_CHARACTERS})]
Metadata = Annotated[
    dict[str, str],
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"minLength": 1, "maxLength": MAX_METADATA_KEY_CHARACTERS},
            "additionalProperties": {"type": "string", "maxLength": MAX_METADATA_VALUE_CHARACTERS},
            "maxProperties": MAX_METADATA_ENTRIES,
        }
    ),
]
Slug = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": SLUG_PATTERN, "minLength": 1, "maxLength": MAX_SLUG_CHARACTERS})
]
"""The key of a feature, plan, phase or rate card."""
Currency = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217."})]
Duration = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "description": "ISO 8601, such as P1M."})
]
CustomerKey = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS})]
SubjectKeys = Annotated[
    list[str],
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": MAX_SUBJECT_BYTES},
            "maxItems": MAX_SUBJECT_KEYS,
        }
    ),
]
Email = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_EMAIL_CHARACTERS})]
AddressText = Annotated[str, WithJsonSchema({"type": "string", "maxLength": MAX_ADDRESS_CHARACTERS})]
Country = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$", "description": "ISO 3166-1 alpha-2."})
]
TimeZone = Annotated[str, WithJsonSchema({"type": "string", "description": "An IANA time zone; UTC by default."})]
