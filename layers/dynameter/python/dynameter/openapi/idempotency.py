"""The header by which a retry is told from another request."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dynameter.dialects.intake_answers import MAX_IDEMPOTENCY_KEY_CHARACTERS
from dynameter.openapi.operation import Parameter, Place

_Key = Annotated[str, Field(min_length=1, max_length=MAX_IDEMPOTENCY_KEY_CHARACTERS, pattern="^[ -~]+$")]


def idempotency_key(description: str) -> Parameter:
    """The header with what it does here."""
    return Parameter("Idempotency-Key", _Key, description, Place.HEADER)
