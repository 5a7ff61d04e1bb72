"""What an API key is: its text, its secret's hash and its record.

A key reads ``dm_<id>_<secret>``. The id is public (it stands in logs and in the table's key), the secret is shown
once and kept only as a hash.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field

Random = Callable[[int], bytes]
"""A source of that many unpredictable bytes: ``secrets.token_bytes`` outside tests."""

KEY_CHARS_MAX = 128
"""Longer text is no key and is not looked at."""

LOCAL_ID = "local"
"""The id of the local server's key. Generated ids are longer, so none can ever be this one."""

LOCAL_KEY = f"dm_{LOCAL_ID}_admin"
"""The local server's key. It is public, so nothing but the local server may ever accept it."""

OPERATOR = "bootstrap"
"""Stands where a key names the key that made it, for keys that none made. No generated id is that short."""

_ID_CHARS = 12
_ID_BYTES = 8
_SECRET_BYTES = 25
"""200 bits, 40 letters and digits."""

_ID = rf"[0-9A-Za-z]{{{_ID_CHARS}}}|{LOCAL_ID}"
_ID_PATTERN = re.compile(_ID)
_KEY_PATTERN = re.compile(rf"dm_({_ID})_([0-9A-Za-z]{{32,64}})")

_NOBODY = hashlib.sha256(b"dynameter:nobody").digest()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of a workspace; instants are microseconds since the epoch.

    ``permissions`` are its scopes, settled when it was made: a role whose meaning changes later changes no key.
    ``expires_at_us`` is None for a key that never expires, which only a fresh deployment's first key may be.
    ``created_by`` is the id of the key that made it, or ``OPERATOR``.
    """

    id: str
    workspace: str
    name: str | None
    role: str
    permissions: tuple[str, ...]
    created_at_us: int
    updated_at_us: int
    expires_at_us: int | None
    created_by: str
    last_used_at_us: int | None
    secret_hash: bytes = field(repr=False)

    def expired(self, now_us: int) -> bool:
        """Whether the key has stopped working at this instant."""
        return self.expires_at_us is not None and now_us >= self.expires_at_us


def generate_id(random: Random) -> str:
    """A new id: 12 letters and digits, 60 bits; the store refuses one that is taken."""
    return _letters(random(_ID_BYTES))[:_ID_CHARS]


def generate_secret(random: Random) -> str:
    """A new secret: 40 letters and digits, 200 bits."""
    return _letters(random(_SECRET_BYTES))


def compose(key_id: str, secret: str) -> str:
    """The key as its holder sees it."""
    return f"dm_{key_id}_{secret}"


def parse(text: str) -> tuple[str, str] | None:
    """Id and secret of a key's text; None for text that can be no key of ours."""
    if len(text) > KEY_CHARS_MAX:
        return None
    if text == LOCAL_KEY:
        return LOCAL_ID, text.removeprefix(f"dm_{LOCAL_ID}_")
    match = _KEY_PATTERN.fullmatch(text)
    return (match[1], match[2]) if match else None


def is_id(text: str) -> bool:
    """Whether the text has the form of a key's id."""
    return _ID_PATTERN.fullmatch(text) is not None


def hash_secret(key_id: str, secret: str) -> bytes:
    """What is kept of a secret.

    One SHA-256 is enough and a slow hash would only delay every request: the secret is 200 random bits, so a leaked
    hash cannot be searched. The id in front salts it: equal secrets of two keys have different hashes.
    """
    return hashlib.sha256(f"{key_id}:{secret}".encode()).digest()


def matches(key: ApiKey | None, key_id: str, secret: str) -> bool:
    """Whether the secret is the key's, in time that tells nothing: an absent key costs the same comparison."""
    kept = key.secret_hash if key else _NOBODY
    return hmac.compare_digest(kept, hash_secret(key_id, secret)) and key is not None


def _letters(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()
