"""Making, listing, rotating, deleting and verifying API keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

from dynameter.access import roles
from dynameter.access.key import LOCAL_ID, ApiKey, Random, compose, generate_id, generate_secret, hash_secret, is_id
from dynameter.access.key import matches as secret_matches
from dynameter.access.key import parse as parse_key
from dynameter.access.principal import Principal
from dynameter.clock import HOUR_US, MINUTE_US, Clock
from dynameter.errors import AlreadyExists, FieldError, InvalidInput, NotFound, Unavailable, VersionConflict

DURATION_DAYS_MIN = 1
DURATION_DAYS_MAX = 90
"""A key lives at most this long; rotating it gives it a new term."""

KEYS_PER_WORKSPACE_MAX = 10_000
"""Keys a workspace may have, expired ones among them, so that counting and listing them stay bounded."""

LAST_USED_EVERY_US = 5 * MINUTE_US
"""How exact a key's last use is: it is written at most once in this time."""

_DAY_US = 24 * HOUR_US
_ID_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key as the workspace's list of keys has it."""

    id: str
    created_at_us: int
    created_by: str


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key with its text, which exists nowhere else and is never printed by accident."""

    key: ApiKey
    plaintext: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyPage:
    """A part of a workspace's keys, oldest first; ``next_offset`` is None on the last page."""

    keys: Sequence[ApiKey]
    next_offset: int | None
    total: int


class Refusal(Enum):
    """Why a credential was not accepted: for the log, never for the caller."""

    MALFORMED = "malformed"
    LOCAL_ONLY = "local_only"
    UNKNOWN = "unknown"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 (the name of a reason)
    EXPIRED = "expired"


class Keys(Protocol):
    """What the service needs of a store of keys."""

    def insert(self, key: ApiKey) -> bool:
        """Store a new key; False where its id is taken."""

    def get(self, key_id: str) -> ApiKey | None:
        """The key, as last written."""

    def entries(self, workspace: str) -> Sequence[KeyEntry]:
        """The workspace's keys, oldest first."""

    def read(self, workspace: str, entries: Sequence[KeyEntry]) -> Sequence[ApiKey]:
        """The keys behind the entries, in their order, without those that are gone."""

    def replace_secret(self, key: ApiKey, old_hash: bytes) -> bool:
        """Write the key's new secret and term; False where its secret is no longer the old one."""

    def delete(self, key: ApiKey) -> None:
        """Delete the key."""

    def touch_last_used(self, key_id: str, now_us: int, unless_after_us: int) -> None:
        """Note a use, unless a later one than ``unless_after_us`` is noted. Never raises: it only informs."""


Report = Callable[[Refusal, str], None]
"""Told why a credential was refused and the key's id, empty where there is none."""


def _tell_nobody(_reason: Refusal, _key_id: str) -> None:
    return


class AccessService:
    """The rules of API keys. A key of another workspace does not exist for the caller.

    ``local_key`` says whether the local server's public key may be used: never on AWS.
    """

    def __init__(self, keys: Keys, clock: Clock, random: Random, *, local_key: bool = False) -> None:
        self._keys = keys
        self._clock = clock
        self._random = random
        self._local_key = local_key

    def create(
        self,
        principal: Principal,
        *,
        name: str | None,
        role: str,
        permissions: Sequence[str],
        duration_days: int | None,
    ) -> IssuedKey:
        """Make a key in the caller's workspace; ``duration_days`` is None for a key that never expires.

        Raises InvalidInput for an unknown role, permission or term, Forbidden for a grant of what the caller does not
        hold, AlreadyExists where the workspace has as many keys as it may.
        """
        scopes = roles.settle(role, permissions)
        roles.check_grant(principal.scopes, scopes)
        now = self._clock.now_us()
        expires = None if duration_days is None else now + _term_us(duration_days)
        if len(self._keys.entries(principal.workspace)) >= KEYS_PER_WORKSPACE_MAX:
            reason = f"The workspace has {KEYS_PER_WORKSPACE_MAX} API keys, as many as it may; delete some first."
            raise AlreadyExists(reason, code="too_many_keys")
        for _ in range(_ID_ATTEMPTS):
            key_id, secret = generate_id(self._random), generate_secret(self._random)
            key = ApiKey(
                id=key_id,
                workspace=principal.workspace,
                name=name,
                role=role,
                permissions=scopes,
                created_at_us=now,
                updated_at_us=now,
                expires_at_us=expires,
                created_by=principal.key_id,
                last_used_at_us=None,
                secret_hash=hash_secret(key_id, secret),
            )
            if self._keys.insert(key):
                return IssuedKey(key, compose(key_id, secret))
        raise Unavailable("no free key id was found")

    def list(self, principal: Principal, *, mine_only: bool, limit: int, offset: int) -> KeyPage:
        """A page of the workspace's keys, or of those that the calling key made.

        The offset counts keys from the oldest: keys made meanwhile come last and shift nothing, deleted ones do.
        """
        entries = self._keys.entries(principal.workspace)
        if mine_only:
            entries = [entry for entry in entries if entry.created_by == principal.key_id]
        end = offset + limit
        page = self._keys.read(principal.workspace, entries[offset:end])
        return KeyPage(page, end if end < len(entries) else None, len(entries))

    def rotate(self, principal: Principal, key_id: str, duration_days: int) -> IssuedKey:
        """Give a key a new secret and a new term; its old secret is worthless from this moment.

        Raises NotFound, Forbidden where the key may do what the caller may not (its new secret would lend it), and
        VersionConflict where another request rotated it meanwhile.
        """
        key = self._owned(principal, key_id)
        roles.check_grant(principal.scopes, key.permissions)
        now = self._clock.now_us()
        secret = generate_secret(self._random)
        rotated = replace(
            key,
            secret_hash=hash_secret(key.id, secret),
            expires_at_us=now + _term_us(duration_days),
            updated_at_us=now,
        )
        if not self._keys.replace_secret(rotated, key.secret_hash):
            raise VersionConflict("The API key was rotated or deleted by another request at the same time.")
        return IssuedKey(rotated, compose(key.id, secret))

    def delete(self, principal: Principal, key_id: str) -> None:
        """Delete a key for good. Raises NotFound.

        Whoever may write keys may delete any: taking a leaked key out of use must not wait for its equal.
        """
        self._keys.delete(self._owned(principal, key_id))

    def verify(self, text: str, report: Report = _tell_nobody) -> Principal | None:
        """The caller behind a key's text, or None; only ``report`` learns why not."""
        parsed = parse_key(text)
        if parsed is None:
            report(Refusal.MALFORMED, "")
            return None
        key_id, secret = parsed
        if key_id == LOCAL_ID and not self._local_key:
            report(Refusal.LOCAL_ONLY, key_id)
            return None
        key = self._keys.get(key_id)
        if not secret_matches(key, key_id, secret) or key is None:
            report(Refusal.WRONG_SECRET if key else Refusal.UNKNOWN, key_id)
            return None
        now = self._clock.now_us()
        if key.expired(now):
            report(Refusal.EXPIRED, key_id)
            return None
        if key.last_used_at_us is None or key.last_used_at_us <= now - LAST_USED_EVERY_US:
            self._keys.touch_last_used(key_id, now, now - LAST_USED_EVERY_US)
        return Principal(key.workspace, key.id, frozenset(key.permissions))

    def _owned(self, principal: Principal, key_id: str) -> ApiKey:
        key = self._keys.get(key_id) if is_id(key_id) else None
        if key is None or key.workspace != principal.workspace:
            raise NotFound("API key not found.")
        return key


def _term_us(duration_days: int) -> int:
    if not DURATION_DAYS_MIN <= duration_days <= DURATION_DAYS_MAX:
        message = f"Input should be from {DURATION_DAYS_MIN} to {DURATION_DAYS_MAX}"
        wrong = FieldError(("body", "duration_days"), "range", message, duration_days)
        raise InvalidInput(f"duration_days: {message}", fields=(wrong,))
    return duration_days * _DAY_US
