"""Features: what is sold, mostly the usage of a meter. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dynameter.filters import Filter


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
    archived_at_us: int | None = None
    version: int = 1
