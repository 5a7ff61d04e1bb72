"""Creates, lists, rotates and deletes API keys."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from dynameter.access.principal import KEYS_READ, KEYS_WRITE
from dynameter.access.service import AccessService
from dynameter.access.store import KeyStore
from dynameter.clock import SystemClock
from dynameter.dialects.amigo import keys
from dynameter.dialects.amigo.problems import problem
from dynameter.http.lambda_proxy import Endpoint, dispatch
from dynameter.http.message import Request, Response
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.settings import Settings

_clock = SystemClock()


@lru_cache(maxsize=1)
def access() -> AccessService:
    """The service, made once a cold start."""
    settings = Settings.from_env(os.environ)
    store = KeyStore(create_client(settings), settings.catalog_table, _clock)
    return AccessService(store, _clock, secrets.token_bytes)


def _serve(scope: str, answer: Callable[[Request, AccessService], Response]) -> Endpoint:
    return Endpoint(scope, lambda request: answer(request, access()), problem)


ROUTES: Mapping[str, Endpoint] = {
    "POST /v1/{workspace_id}/api-keys": _serve(KEYS_WRITE, keys.create_key),
    "GET /v1/{workspace_id}/api-keys": _serve(KEYS_READ, keys.list_keys),
    "GET /v1/{workspace_id}/api-keys/permission-catalog": Endpoint(KEYS_READ, keys.permission_catalog, problem),
    "POST /v1/{workspace_id}/api-keys/{key_id}/rotate": _serve(KEYS_WRITE, keys.rotate_key),
    "DELETE /v1/{workspace_id}/api-keys/{key_id}": _serve(KEYS_WRITE, keys.delete_key),
}


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway request."""
    return dispatch(event, context, ROUTES, _clock)
