"""Every request that a test makes and every answer it gets, held against the OpenAPI documents.

An answer must have a status, a media type and a body that its operation names; a request that is served must have a
body and parameters that it names. Objects of answers are closed: a field that no document has is a fault.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs

from dynameter.http import lambda_proxy
from dynameter.openapi import catalogue

ULID_PATTERN = "^[0-9A-HJKMNP-TV-Z]{26}$"
UNDOCUMENTED: list[str] = []
"""What was asked or answered and stands in no document, since somebody last looked."""

_dispatch = lambda_proxy.dispatch


def watch() -> None:
    """Look at every request from now on; functions must be loaded afterwards."""
    lambda_proxy.dispatch = _watched


def _watched(event: Mapping[str, Any], context: Any, routes: Any, clock: Any) -> dict[str, Any]:
    answer = _dispatch(event, context, routes, clock)
    operation = operations().get(event["routeKey"])
    if operation is not None:
        asked = f"{event['routeKey']} -> {answer['statusCode']}"
        UNDOCUMENTED.extend(f"{asked}: {fault}" for fault in _faults_of_answer(event["routeKey"], operation, answer))
        # a request that is served in part has parts that no document allows
        if answer["statusCode"] < 300 and "lenient" not in event["headers"].get("prefer", ""):
            UNDOCUMENTED.extend(f"{asked}: {fault}" for fault in _faults_of_request(event, operation))
    return answer


@cache
def operations() -> dict[str, dict[str, Any]]:
    """Every operation of every document by its route key."""
    found: dict[str, dict[str, Any]] = {}
    for name in catalogue.NAMES:
        for path, methods in (catalogue.document(name) or {})["paths"].items():
            found |= {f"{method.upper()} {path}": {**one, "document": name} for method, one in methods.items()}
    return found


def _faults_of_answer(route: str, operation: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    status, body = str(answer["statusCode"]), answer.get("body") or ""
    told = operation["responses"].get(status)
    if told is None:
        return ["a status that is not documented: " + body[:200]]
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    faults = [f"a header that is not documented: {one}" for one in headers if not _known_header(one, told, operation)]
    content = told.get("content", {})
    media_type = headers.get("content-type", "").split(";", 1)[0]
    if not content or not media_type:
        return faults + ([f"a body where none is documented: {body[:200]}"] if body or content else [])
    if media_type not in content:
        return [*faults, f"a media type that is not documented: {media_type}"]
    if not media_type.endswith("json"):
        return faults
    place = ("responses", status, media_type)
    return faults + _errors(_validator(route, place), json.loads(body))


def _known_header(name: str, told: Mapping[str, Any], operation: Mapping[str, Any]) -> bool:
    return name in ("content-type", "content-disposition") or name in told.get("headers", {})


def _faults_of_request(event: Mapping[str, Any], operation: Mapping[str, Any]) -> list[str]:
    faults = []
    named = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
    for name, _ in parse_qsl(event.get("rawQueryString", ""), keep_blank_values=True):
        if not any(name == one["name"] or (name.startswith(one["name"] + "[")) for one in named):
            faults.append(f"a parameter that is not documented: {name}")
    raw = event.get("body") or ""
    if not raw or "requestBody" not in operation:  # what takes no body passes over one
        return faults
    text = base64.b64decode(raw).decode() if event.get("isBase64Encoded") else raw
    media_type = event["headers"].get("content-type", "").split(";", 1)[0].strip().lower() or "application/json"
    content = operation["requestBody"]["content"]
    if media_type not in content:
        return [*faults, f"a body of a media type that is not documented: {media_type}"]
    validator = _validator(event["routeKey"], ("requestBody", media_type))
    return faults + [f"the body: {one}" for one in _errors(validator, json.loads(text))]


def _errors(validator: Any, value: Any) -> list[str]:
    return [f"{'/'.join(map(str, one.instance_path))}: {one.message[:300]}" for one in validator.iter_errors(value)][:3]


@cache
def _validator(route: str, place: tuple[str, ...]) -> Any:
    operation = operations()[route]
    document = catalogue.document(operation["document"]) or {}
    part, *steps = place
    content = operation[part][steps[0]]["content"] if part == "responses" else operation[part]["content"]
    schema = {**content[steps[-1]]["schema"], "components": document["components"]}
    if part == "responses":
        schema = _closed(schema)
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def _closed(schema: Any) -> Any:
    """The schema with every object closed that does not say what else it may have."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    # tests give ids that are easier to read than ULIDs
    closed = {key: _closed(value) for key, value in schema.items() if value != ULID_PATTERN}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        closed["additionalProperties"] = False
    return closed
