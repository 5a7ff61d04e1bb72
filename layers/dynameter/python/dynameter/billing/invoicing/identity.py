"""Ids that follow from what they name, so that making the same thing twice makes it with the same id. Pure."""

from __future__ import annotations

from hashlib import sha256

from ulid import ULID

_LAST_MS = (1 << 48) - 1


def derived_id(instant_us: int, *names: str | int) -> str:
    """A ULID of the instant whose random part is a hash of the names."""
    joined = "".join(f"{len(str(one))}:{one}" for one in names)
    millisecond = min(max(instant_us // 1_000, 0), _LAST_MS)
    return str(ULID(millisecond.to_bytes(6, "big") + sha256(joined.encode()).digest()[:10]))
