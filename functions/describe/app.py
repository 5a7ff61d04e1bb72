"""Tells everybody what the API takes and answers: OpenAPI documents and a page. It needs no key and knows no data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynameter.http.lambda_proxy import payload
from dynameter.http.message import json_response
from dynameter.openapi.publishing import JSON_ROUTE, PAGE_ROUTE, answer_document

ROUTES = (JSON_ROUTE, PAGE_ROUTE)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    """API Gateway's payload 2.0 in, its response out."""
    try:
        response = answer_document(event["routeKey"], event.get("rawQueryString", ""), event.get("headers") or {})
    except ValueError:  # more parameters than anybody needs
        response = json_response(400, {"message": "the query string is malformed"})
    return payload(response)
