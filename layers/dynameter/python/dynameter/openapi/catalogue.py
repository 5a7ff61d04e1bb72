"""Every document there is."""

from __future__ import annotations

from functools import cache
from typing import Any

from dynameter.openapi import amigo, apigate, dynameter, openmeter_v1, openmeter_v2, openmeter_v3, zuplo
from dynameter.openapi.document import build, merge
from dynameter.openapi.operation import Dialect

DIALECTS: tuple[Dialect, ...] = (
    openmeter_v1.DIALECT,
    openmeter_v2.DIALECT,
    openmeter_v3.DIALECT,
    zuplo.DIALECT,
    amigo.DIALECT,
    apigate.DIALECT,
    dynameter.DIALECT,
)
TITLE = "Dynameter"
DESCRIPTION = "Exact usage metering, in every wire form that it answers."

_BY_NAME = {one.name: one for one in DIALECTS}
NAMES = tuple(_BY_NAME)


@cache
def document(name: str | None) -> dict[str, Any] | None:
    """The dialect's document; without a name that of all dialects; None where there is no such dialect."""
    if name is None:
        return merge(TITLE, DESCRIPTION, {one.name: build(one) for one in DIALECTS})
    return build(_BY_NAME[name]) if name in _BY_NAME else None
