"""Fields of v3's bodies with what documents tell of them. Nothing is checked by these types, but by the cores."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import WithJsonSchema

from dynameter.dialects.openmeter_v3.filters import FILTER_SCHEMA
from dynameter.dialects.openmeter_v3.labels import LABELS_SCHEMA
from dynameter.meters.rules import GROUP_KEY_PATTERN, MAX_GROUP_KEY_CHARACTERS, MAX_GROUP_KEYS

Labels = Annotated[dict[str, str], WithJsonSchema(LABELS_SCHEMA)]
Dimensions = Annotated[
    dict[str, str],
    WithJsonSchema(
        {
            "type": "object",
            "description": "Group keys to JSONPaths into the data.",
            "propertyNames": {"pattern": GROUP_KEY_PATTERN, "maxLength": MAX_GROUP_KEY_CHARACTERS},
            "additionalProperties": {"type": "string"},
            "maxProperties": MAX_GROUP_KEYS,
        }
    ),
]
TextFilter = Annotated[dict[str, Any], WithJsonSchema(FILTER_SCHEMA)]
"""A condition on a text; see ``dynameter.filters``."""
