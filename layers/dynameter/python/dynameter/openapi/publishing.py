"""The documents over HTTP: ``/openapi.json`` for programs, ``/docs`` for people, of all dialects or of one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import parse_qs

from dynameter import codec
from dynameter.http.message import Response, json_response
from dynameter.openapi.catalogue import NAMES, document
from dynameter.openapi.page import render_page

JSON_ROUTE = "GET /openapi.json"
PAGE_ROUTE = "GET /docs"
_CACHED = "public, max-age=3600"
_NOTHING_BUT_STYLE = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def answer_document(route: str, raw_query: str, headers: Mapping[str, str]) -> Response:
    """The document or page; 304 to who has it, 404 where ``dialect`` names none."""
    asked = parse_qs(raw_query, keep_blank_values=True, max_num_fields=16).get("dialect")
    name = asked[-1] if asked else None
    if name is not None and name not in NAMES:
        return json_response(404, {"message": f"dialect must be one of {', '.join(NAMES)}"})
    body, tag = _page(name) if route == PAGE_ROUTE else _json(name)
    told = {"etag": tag, "cache-control": _CACHED}
    if tag in (one.strip() for one in headers.get("if-none-match", "").split(",")):
        return Response(304, headers=told)
    if route == PAGE_ROUTE:
        shown = {"content-type": "text/html; charset=utf-8", "content-security-policy": _NOTHING_BUT_STYLE}
        return Response(200, body, {**shown, "x-content-type-options": "nosniff", **told})
    return Response(200, body, {"content-type": "application/json", "access-control-allow-origin": "*", **told})


@lru_cache(maxsize=len(NAMES) + 1)
def _json(name: str | None) -> tuple[str, str]:
    return _tagged(codec.encode(document(name)).decode())


@lru_cache(maxsize=len(NAMES) + 1)
def _page(name: str | None) -> tuple[str, str]:
    return _tagged(render_page(document(name) or {}, name, NAMES))


def _tagged(text: str) -> tuple[str, str]:
    return text, f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
