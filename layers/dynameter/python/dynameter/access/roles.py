"""Roles, permissions and who may grant them.

A role is a named set of scopes. ``admin`` may do everything. ``member``, the default, is for a program that meters:
it sends events, defines meters and reads usage and bills, but sets no prices and makes no keys. ``viewer`` reads.
A key made with permissions of its own has exactly those, and its role is a label.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dynameter.access.principal import BILLING_READ, EVENTS_WRITE, METERS_WRITE, SCOPES, USAGE_READ, covers
from dynameter.errors import FieldError, Forbidden, InvalidInput


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of scopes; a higher ``priority`` may do more."""

    name: str
    priority: int
    description: str
    permissions: tuple[str, ...]


ADMIN = Role("admin", 100, "Everything in the workspace, API keys among it.", ("*",))
MEMBER = Role(
    "member",
    50,
    "Sends events, defines meters, reads usage and bills.",
    (EVENTS_WRITE, USAGE_READ, METERS_WRITE, BILLING_READ),
)
VIEWER = Role("viewer", 10, "Reads usage and bills.", (USAGE_READ, BILLING_READ))

ROLES = (ADMIN, MEMBER, VIEWER)

PERMISSIONS = ("*", *dict.fromkeys(f"{scope.split(':')[0]}:*" for scope in SCOPES), *SCOPES)
"""Every permission that a key may be given."""

_BY_NAME = {role.name: role for role in ROLES}
_KNOWN = frozenset(PERMISSIONS)


def settle(role: str, permissions: Sequence[str]) -> tuple[str, ...]:
    """The scopes that a role and a list of permissions mean: the list, or the role's own where it is empty.

    Raises InvalidInput naming a role or a permission that does not exist.
    """
    wrong = [
        FieldError(("body", "permissions", index), "enum", "Unknown permission", name, PERMISSIONS)
        for index, name in enumerate(permissions)
        if name not in _KNOWN
    ]
    if role not in _BY_NAME:
        known = ", ".join(f"'{name}'" for name in _BY_NAME)
        context = {"expected": known}
        wrong.insert(
            0, FieldError(("body", "role"), "enum", f"Input should be {known}", role, tuple(_BY_NAME), context)
        )
    if wrong:
        raise InvalidInput("unknown role or permission", fields=tuple(wrong))
    return tuple(dict.fromkeys(permissions)) or _BY_NAME[role].permissions


def check_grant(held: Iterable[str], granted: Iterable[str]) -> None:
    """Refuse to hand out what the giver does not hold itself; a wildcard can be given only by a wildcard's holder."""
    own = frozenset(held)
    missing = [scope for scope in granted if not covers(own, scope)]
    if missing:
        listed = ", ".join(missing)
        raise Forbidden(f"Insufficient permissions: your key does not hold {listed}.", code="insufficient_scope")
