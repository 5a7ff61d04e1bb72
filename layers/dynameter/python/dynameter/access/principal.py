"""The caller of a request, as the authorizer has established it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

EVENTS_WRITE = "events:write"
USAGE_READ = "usage:read"
METERS_WRITE = "meters:write"
BILLING_READ = "billing:read"
BILLING_WRITE = "billing:write"
KEYS_READ = "keys:read"
KEYS_WRITE = "keys:write"

SCOPES = (EVENTS_WRITE, USAGE_READ, METERS_WRITE, BILLING_READ, BILLING_WRITE, KEYS_READ, KEYS_WRITE)
"""Every scope there is. A key may also hold ``<subject>:*`` or ``*``."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A key that has been verified: its workspace (canonical UUID text), its id and its scopes."""

    workspace: str
    key_id: str
    scopes: frozenset[str]

    def allows(self, scope: str) -> bool:
        """Whether the key's scopes cover ``scope``."""
        return covers(self.scopes, scope)


def covers(held: Iterable[str], scope: str) -> bool:
    """Whether the ``held`` scopes, wildcards among them, cover ``scope`` (itself possibly a wildcard)."""
    subject = scope.split(":", 1)[0]
    return any(one in ("*", scope, f"{subject}:*") for one in held) and (scope != "*" or "*" in set(held))
