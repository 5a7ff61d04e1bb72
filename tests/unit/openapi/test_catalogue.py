"""The OpenAPI documents say what the template and the functions say, and are good documents."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from dynameter.openapi.catalogue import DIALECTS, NAMES, document
from dynameter.openapi.operation import Operation
from local.template import Template
from tests.conftest import load_function

TEMPLATE = Template.load()
GUARDED = [route for route in TEMPLATE.routes() if route.authorized]
FOLDERS = {one.name: one.folder.name for one in TEMPLATE.functions()}
OPERATIONS = [(dialect.name, one) for dialect in DIALECTS for one in dialect.operations]
BY_ROUTE = {one.route: one for _, one in OPERATIONS}


def _titled(pair: tuple[str, Operation]) -> str:
    return pair[1].route


def test_every_route_that_needs_a_key_stands_in_one_document() -> None:
    assert sorted(one.route for _, one in OPERATIONS) == sorted(route.key for route in GUARDED)


@pytest.mark.parametrize("function", sorted({FOLDERS[route.function] for route in GUARDED}))
def test_the_scopes_are_those_that_functions_ask_for(function: str) -> None:
    asked = {route: endpoint.scope for route, endpoint in load_function(function).ROUTES.items()}
    assert {route: BY_ROUTE[route].scope for route in asked} == asked


@pytest.mark.parametrize("name", [*NAMES, None], ids=str)
def test_a_document_is_good_openapi(name: str | None) -> None:
    assert list(OpenAPIV31SpecValidator(document(name) or {}).iter_errors()) == []


@pytest.mark.parametrize("name", [*NAMES, None], ids=str)
def test_operation_ids_are_unique(name: str | None) -> None:
    ids = [one["operationId"] for methods in (document(name) or {})["paths"].values() for one in methods.values()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", [*NAMES, None], ids=str)
def test_every_reference_leads_somewhere(name: str | None) -> None:
    found = document(name) or {}
    referred = set(re.findall(r"#/components/schemas/([^'\"]+)", str(found)))
    assert referred <= set(found["components"]["schemas"])


def test_the_whole_has_every_operation_of_each() -> None:
    whole = document(None) or {}
    assert sum(len(methods) for methods in whole["paths"].values()) == len(OPERATIONS)


@pytest.mark.parametrize("pair", [pair for pair in OPERATIONS if pair[1].body], ids=_titled)
def test_a_body_has_an_example_of_its_own_shape(pair: tuple[str, Operation]) -> None:
    name, operation = pair
    found = document(name) or {}
    content = found["paths"][operation.path][operation.method]["requestBody"]["content"]
    faults = [list(_errors(one, found)) for one in content.values() if "example" in one]
    assert faults
    assert not any(faults)


def _errors(content: dict[str, Any], found: dict[str, Any]) -> Any:
    schema = {**content["schema"], "components": found["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True).iter_errors(content["example"])


@pytest.mark.parametrize("pair", OPERATIONS, ids=_titled)
def test_an_operation_says_in_a_line_what_it_is_for(pair: tuple[str, Operation]) -> None:
    assert 0 < len(pair[1].summary) <= 100


def test_an_unknown_dialect_has_no_document() -> None:
    assert document("kafka") is None
