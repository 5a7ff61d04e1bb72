"""A store of keys in memory, and the pieces that every test of access needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dynameter.access.key import ApiKey, hash_secret
from dynameter.access.principal import Principal
from dynameter.access.service import KeyEntry
from tests.conftest import WORKSPACE

ADMIN = Principal(WORKSPACE, "callingkey12", frozenset({"*"}))
SECRET = "a" * 40


class MemoryKeys:
    """The ``Keys`` of the access service without a table."""

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}
        self.reads = 0

    def insert(self, key: ApiKey) -> bool:
        if key.id in self.keys:
            return False
        self.keys[key.id] = key
        return True

    def get(self, key_id: str) -> ApiKey | None:
        self.reads += 1
        return self.keys.get(key_id)

    def entries(self, workspace: str) -> Sequence[KeyEntry]:
        own = [key for key in self.keys.values() if key.workspace == workspace]
        return [KeyEntry(key.id, key.created_at_us, key.created_by) for key in own]

    def read(self, workspace: str, entries: Sequence[KeyEntry]) -> Sequence[ApiKey]:
        return [self.keys[entry.id] for entry in entries]

    def replace_secret(self, key: ApiKey, old_hash: bytes) -> bool:
        if self.keys[key.id].secret_hash != old_hash:
            return False
        self.keys[key.id] = key
        return True

    def delete(self, key: ApiKey) -> None:
        del self.keys[key.id]

    def touch_last_used(self, key_id: str, now_us: int, unless_after_us: int) -> None:
        used = self.keys[key_id].last_used_at_us
        if used is None or used <= unless_after_us:
            self.keys[key_id] = replace(self.keys[key_id], last_used_at_us=now_us)


class CountedRandom:
    """Bytes that differ from call to call and are the same in every run."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, size: int) -> bytes:
        self.calls += 1
        return self.calls.to_bytes(4, "big") * (size // 4) + bytes(size % 4)


def api_key(
    key_id: str = "k7q2m5x3h4bn",
    *,
    workspace: str = WORKSPACE,
    created_at_us: int = 1_000_000,
    permissions: tuple[str, ...] = ("*",),
    expires_at_us: int | None = None,
) -> ApiKey:
    """A key whose secret is ``SECRET``."""
    return ApiKey(
        id=key_id,
        workspace=workspace,
        name="a name",
        role="admin",
        permissions=permissions,
        created_at_us=created_at_us,
        updated_at_us=created_at_us,
        expires_at_us=expires_at_us,
        created_by="bootstrap",
        last_used_at_us=None,
        secret_hash=hash_secret(key_id, SECRET),
    )
