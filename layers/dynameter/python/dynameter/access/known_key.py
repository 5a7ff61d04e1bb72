"""Keys whose text is known beforehand: the local server's own, and those of tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dynameter.access import roles
from dynameter.access.key import OPERATOR, ApiKey, hash_secret, parse
from dynameter.clock import Clock

if TYPE_CHECKING:
    from dynameter.access.store import KeyStore


def ensure_key(store: KeyStore, clock: Clock, workspace: str, key_text: str, scopes: Iterable[str]) -> ApiKey:
    """See to it that exactly this key text works, with these scopes and for ever.

    For the local server's ``dm_local_admin`` and for tests: the text is known beforehand, so it protects nothing.
    The authorizer refuses that key inside Lambda, whatever a table holds. Raises ValueError for text that is no key.
    """
    parsed = parse(key_text)
    if parsed is None:
        raise ValueError("the text has not the form of a key")
    key_id, secret = parsed
    now = clock.now_us()
    old = store.get(key_id)
    if old is not None and old.workspace != workspace:
        raise ValueError("the key's id belongs to another workspace")
    key = ApiKey(
        id=key_id,
        workspace=workspace,
        name=key_id,
        role=roles.ADMIN.name,
        permissions=tuple(scopes),
        # The list's pointer is found by this instant, so a key that is there already keeps it.
        created_at_us=old.created_at_us if old else now,
        updated_at_us=now,
        expires_at_us=None,
        created_by=OPERATOR,
        last_used_at_us=old.last_used_at_us if old else None,
        secret_hash=hash_secret(key_id, secret),
    )
    store.install(key)
    return key
