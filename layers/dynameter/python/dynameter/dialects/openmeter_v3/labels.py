"""Labels as OpenMeter v3 and Kong Konnect have them: metadata with narrower rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from dynameter.dialects.bodies import refuse
from dynameter.errors import FieldError

MAX_LABELS = 50
MAX_LABEL_CHARACTERS = 63
RESERVED_LABEL_PREFIXES = ("_", "kong", "konnect", "insomnia", "mesh", "kic", "kuma", "openmeter")

_LABEL_PATTERN = "^[a-z0-9A-Z]{1}([a-z0-9A-Z-._]*[a-z0-9A-Z]+)?$"
_LABEL = re.compile(r"[a-z0-9A-Z](?:[a-z0-9A-Z\-._]*[a-z0-9A-Z])?")

LABELS_SCHEMA = {
    "type": "object",
    "description": f"No key begins with {', '.join(RESERVED_LABEL_PREFIXES)}.",
    "propertyNames": {"pattern": _LABEL_PATTERN, "maxLength": MAX_LABEL_CHARACTERS},
    "additionalProperties": {"type": "string", "pattern": _LABEL_PATTERN, "maxLength": MAX_LABEL_CHARACTERS},
    "maxProperties": MAX_LABELS,
}
"""The rules as JSON schema."""


def read_labels(labels: Mapping[str, str] | None, what: str) -> dict[str, str]:
    """The labels of a body. Raises InvalidInput, which calls itself ``what``, naming every label that is none."""
    errors = tuple(_check_labels(labels or {}))
    if errors:
        raise refuse(what, errors)
    return dict(labels or {})


def _check_labels(labels: Mapping[str, str]) -> Iterator[FieldError]:
    if len(labels) > MAX_LABELS:
        yield FieldError(("body", "labels"), "max_items", f"must have at most {MAX_LABELS} entries")
        return
    for key, value in labels.items():
        place = ("body", "labels", key[:MAX_LABEL_CHARACTERS])
        for what, text in (("key", key), ("value", value)):
            if len(text) > MAX_LABEL_CHARACTERS or not _LABEL.fullmatch(text):
                message = f"{what} must have 1 to {MAX_LABEL_CHARACTERS} characters and match {_LABEL_PATTERN}"
                yield FieldError(place, "pattern", message)
        if key.startswith(RESERVED_LABEL_PREFIXES):
            message = f"key must not start with {', '.join(RESERVED_LABEL_PREFIXES)}"
            yield FieldError(place, "reserved", message)
