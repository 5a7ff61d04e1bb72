"""What a change of the usage table says: somebody's usage of a meter in an hour. See ``dynameter.usage.rows.row``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dynameter.usage.rows.row import hour_of
from dynameter.workspaces import workspace_of

_PARTITION: Final = re.compile(r"([A-Za-z0-9_-]{22})\.([0-9A-HJKMNP-TV-Z]{26})\.\d+=(.*)", re.DOTALL)
_SORT: Final = re.compile(r"\d{8}\..*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Touch:
    """A subject's usage of a meter changed in an hour (since the epoch)."""

    workspace: str
    meter_id: str
    subject: str
    hour: int


def read_touch(keys: Mapping[str, Any]) -> Touch | None:
    """The touch in the keys of a stream record; None where the item is no subject's row."""
    partition = _PARTITION.fullmatch(keys["pk"]["S"])
    sort = keys["sk"]["S"]
    if partition is None or not _SORT.fullmatch(sort):
        return None
    workspace, meter_id, subject = partition.groups()
    return Touch(workspace_of(workspace), meter_id, subject, hour_of(sort))
