"""Roles and permissions mean scopes, and nobody gives what they do not hold."""

from __future__ import annotations

from itertools import pairwise

import pytest

from dynameter.access.principal import SCOPES, covers
from dynameter.access.roles import PERMISSIONS, ROLES, check_grant, settle
from dynameter.errors import Forbidden, InvalidInput


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        ("admin", {"*"}),
        ("member", {"events:write", "usage:read", "meters:write", "billing:read"}),
        ("viewer", {"usage:read", "billing:read"}),
    ],
)
def test_a_role_means_its_scopes(role: str, scopes: set[str]) -> None:
    assert set(settle(role, ())) == scopes


def test_a_role_of_higher_priority_may_all_that_a_lower_one_may() -> None:
    ranked = sorted(ROLES, key=lambda role: role.priority)

    assert [role.name for role in ranked] == ["viewer", "member", "admin"]
    for lower, higher in pairwise(ranked):
        assert all(covers(higher.permissions, scope) for scope in lower.permissions)


def test_permissions_given_replace_the_roles_own() -> None:
    assert settle("admin", ["usage:read"]) == ("usage:read",)


def test_a_permission_given_twice_is_held_once() -> None:
    assert settle("member", ["usage:read", "events:write", "usage:read"]) == ("usage:read", "events:write")


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_every_permission_of_the_catalog_may_be_given(permission: str) -> None:
    assert settle("member", [permission]) == (permission,)


def test_every_scope_is_a_permission() -> None:
    assert set(SCOPES) < set(PERMISSIONS)


@pytest.mark.parametrize("role", ["", "root", "Admin", "member ", "*"])
def test_an_unknown_role_is_refused_by_name(role: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        settle(role, ["usage:read"])

    assert [one.location for one in refused.value.fields] == [("body", "role")]


def test_every_unknown_permission_is_named() -> None:
    with pytest.raises(InvalidInput) as refused:
        settle("member", ["usage:read", "usage:write", "**", "events"])

    assert [one.location[-1] for one in refused.value.fields] == [1, 2, 3]


@pytest.mark.parametrize(
    ("held", "granted", "allowed"),
    [
        ("*", "*", True),
        ("*", "billing:*", True),
        ("*", "keys:write", True),
        ("billing:*", "billing:read", True),
        ("billing:*", "billing:*", True),
        ("billing:*", "*", False),
        ("billing:*", "usage:read", False),
        ("billing:read billing:write", "billing:*", False),
        ("keys:write", "keys:write", True),
        ("keys:write", "keys:read", False),
        ("keys:write", "events:write", False),
        ("keys:*", "*", False),
        ("", "usage:read", False),
    ],
)
def test_only_what_is_held_can_be_granted(held: str, granted: str, allowed: bool) -> None:
    try:
        check_grant(held.split(), [granted])
        found = True
    except Forbidden:
        found = False

    assert found is allowed


def test_a_refused_grant_names_what_is_missing() -> None:
    with pytest.raises(Forbidden, match=r"does not hold usage:read, billing:\*"):
        check_grant(["keys:write"], ["keys:write", "usage:read", "billing:*"])
