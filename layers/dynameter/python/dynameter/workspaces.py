"""How a workspace is spelled inside table keys."""

from __future__ import annotations

import base64
import uuid
from functools import lru_cache


@lru_cache(maxsize=4096)
def workspace_key(workspace: str) -> str:
    """The workspace's UUID in 22 characters: always the same length, so that keys join unambiguously."""
    return base64.urlsafe_b64encode(uuid.UUID(workspace).bytes).decode().rstrip("=")


@lru_cache(maxsize=4096)
def workspace_of(key: str) -> str:
    """The workspace behind a key's first 22 characters."""
    return str(uuid.UUID(bytes=base64.urlsafe_b64decode(key[:22] + "==")))
