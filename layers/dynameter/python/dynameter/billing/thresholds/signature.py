"""Signing webhooks as the Standard Webhooks specification has it (symmetric, ``v1``). Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
MIN_SECRET_BYTES = 24
MAX_SECRET_BYTES = 64
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


class InvalidSecret(ValueError):
    """The text is no signing secret."""


def make_secret(random: bytes) -> str:
    """The secret of these random bytes, 24 to 64."""
    return PREFIX + base64.b64encode(random).decode()


def read_secret(text: str) -> bytes:
    """The key in a secret, with or without its prefix. Raises ``InvalidSecret``."""
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSecret("must be base64, with or without whsec_ before it") from None
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise InvalidSecret(f"must be base64 of {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes")
    return key


def signed_headers(secret: str, message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers that let a receiver verify the body, its age, and whether it had it before."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    digest = hmac.new(read_secret(secret), signed, hashlib.sha256).digest()
    return {ID: message_id, TIMESTAMP: str(timestamp_s), SIGNATURE: "v1," + base64.b64encode(digest).decode()}
