"""OpenAPI 3.1 documents from descriptions of operations. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import TypedDict

from dynameter.openapi.operation import JSON, Answer, Body, Dialect, Operation, Parameter, Place, Shape

OPENAPI = "3.1.0"
VERSION = "0.1.0"
ALWAYS_REFUSED = (401, 403, 413, 429, 500, 503)
"""Errors that every operation may answer: no key, not its workspace or scope, too large, too fast, a fault, storage
away."""

_REFERENCES = "#/components/schemas/"
_MEANINGS = {
    400: "The request is wrong; every wrong field is named.",
    401: "There is no key.",
    403: "The key is wrong, belongs to another workspace or lacks the scope.",
    404: "It does not exist in this workspace.",
    409: "It exists already, or its state does not allow this.",
    412: "It is not the version that If-Match names.",
    413: "The request is, or its answer would be, over a limit.",
    415: "The body's media type is not taken here.",
    422: "The request is wrong; every wrong field is named.",
    429: "Too fast. Nothing was stored; send the same request again after Retry-After.",
    500: "A fault of the service.",
    501: "This is not built.",
    503: "Storage does not answer. What was stored counts once; send the same request again after Retry-After.",
}
_RETRIED = (429, 503)


class _Untitled(GenerateJsonSchema):
    """Fields without the titles that only repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


class GatewayMessage(TypedDict):
    """An answer of API Gateway itself."""

    message: str


def build(dialect: Dialect) -> dict[str, Any]:
    """The dialect's document."""
    schemas = _Schemas(_shapes(dialect))
    paths: dict[str, dict[str, Any]] = {}
    for one in dialect.operations:
        paths.setdefault(one.path, {})[one.method] = _operation(one, dialect, schemas)
    tags = dict.fromkeys(one.tag for one in dialect.operations)
    return {
        "openapi": OPENAPI,
        "info": {"title": dialect.title, "description": dialect.description, "version": VERSION},
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key, dm_<id>_<secret>."}
            },
        },
    }


def merge(title: str, description: str, documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One document of several: schemas, tags and operation ids carry their document's name."""
    whole: dict[str, Any] = {"paths": {}, "tags": [], "schemas": {}}
    for name, document in documents.items():
        text = json.dumps(document).replace(f'"{_REFERENCES}', f'"{_REFERENCES}{name}.')
        renamed = json.loads(text)
        for path, operations in renamed["paths"].items():
            for operation in operations.values():
                operation["tags"] = [f"{name}: {tag}" for tag in operation["tags"]]
                operation["operationId"] = f"{name}.{operation['operationId']}"
            whole["paths"].setdefault(path, {}).update(operations)
        whole["tags"] += [{"name": f"{name}: {tag['name']}"} for tag in renamed["tags"]]
        whole["schemas"] |= {f"{name}.{key}": schema for key, schema in renamed["components"]["schemas"].items()}
    any_document = next(iter(documents.values()))
    return {
        **{key: any_document[key] for key in ("openapi", "servers", "security")},
        "info": {**any_document["info"], "title": title, "description": description},
        "tags": whole["tags"],
        "paths": whole["paths"],
        "components": {**any_document["components"], "schemas": whole["schemas"]},
    }


class _Schemas:
    """The schemas of all shapes, as pydantic makes them; those with a name stand among the components."""

    def __init__(self, shapes: Iterable[tuple[Shape, Literal["validation", "serialization"]]]) -> None:
        inputs = [(index, mode, TypeAdapter(shape), shape) for index, (shape, mode) in enumerate(shapes)]
        found, rest = TypeAdapter.json_schemas(
            [(index, mode, adapter) for index, mode, adapter, _ in inputs],
            ref_template=_REFERENCES + "{model}",
            schema_generator=_Untitled,
        )
        self.definitions: dict[str, Any] = rest.get("$defs", {})
        self._by_shape = [(shape, mode, found[index, mode]) for index, mode, _, shape in inputs]

    def of(self, shape: Shape, mode: Literal["validation", "serialization"]) -> dict[str, Any]:
        """The shape's schema, mostly a reference."""
        return next(dict(schema) for known, its, schema in self._by_shape if known is shape and its == mode)


def _shapes(dialect: Dialect) -> Iterator[tuple[Shape, Literal["validation", "serialization"]]]:
    yield GatewayMessage, "serialization"
    yield dialect.problem, "serialization"
    for shape in dialect.problems.values():
        yield shape, "serialization"
    for parameter in dialect.path_parameters.values():
        yield parameter.shape, "validation"
    for one in dialect.operations:
        for parameter in one.parameters:
            yield parameter.shape, "validation"
        for shape in one.body.content.values() if one.body else ():
            yield shape, "validation"
        for answer in one.answers:
            for shape in answer.content.values():
                yield shape, "serialization"


def _operation(one: Operation, dialect: Dialect, schemas: _Schemas) -> dict[str, Any]:
    in_path = [dialect.path_parameters[part[1:-1]] for part in one.path.split("/") if part.startswith("{")]
    parameters = [_parameter(parameter, schemas) for parameter in (*in_path, *one.parameters)]
    refusals = sorted({*ALWAYS_REFUSED, *one.refusals})
    told: dict[str, Any] = {
        "operationId": one.id,
        "summary": one.summary,
        "description": f"{one.description}\n\nScope: `{one.scope}`.".strip(),
        "tags": [one.tag],
        "security": [{"key": [one.scope]}],
    }
    if parameters:
        told["parameters"] = parameters
    if one.body:
        told["requestBody"] = _body(one.body, schemas)
    answers = {str(answer.status): _answer(answer, schemas) for answer in one.answers}
    told["responses"] = answers | {str(status): _refusal(status, dialect, schemas) for status in refusals}
    return told


def _parameter(one: Parameter, schemas: _Schemas) -> dict[str, Any]:
    schema = schemas.of(one.shape, "validation")
    told = {
        "name": one.name,
        "in": one.place.value,
        "description": one.description,
        "required": one.required or one.place is Place.PATH,
        "schema": schema,
    }
    return told | ({"style": "deepObject", "explode": True} if one.deep else {})


def _body(body: Body, schemas: _Schemas) -> dict[str, Any]:
    content = {}
    for media_type, shape in body.content.items():
        content[media_type] = {"schema": schemas.of(shape, "validation")}
        is_list = isinstance(body.example, list)
        if body.example is not None and (content[media_type]["schema"].get("type") == "array") == is_list:
            content[media_type]["example"] = body.example
    return {"required": body.required, "content": content}


def _answer(answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        told["headers"] = {
            name: {"description": said, "schema": {"type": "string"}} for name, said in answer.headers.items()
        }
    if answer.content:
        told["content"] = {
            media_type: {"schema": schemas.of(shape, "serialization")} for media_type, shape in answer.content.items()
        }
    return told


def _refusal(status: int, dialect: Dialect, schemas: _Schemas) -> dict[str, Any]:
    shape = schemas.of(dialect.problems.get(status, dialect.problem), "serialization")
    gateway = schemas.of(GatewayMessage, "serialization")
    # A key that is missing or wrong, a throttled caller and a vast body are answered at the edge, in JSON.
    at_edge = status in ALWAYS_REFUSED
    if dialect.problem_type == JSON and at_edge:
        content = {JSON: {"schema": {"anyOf": [shape, gateway]}}}
    else:
        content = {dialect.problem_type: {"schema": shape}} | ({JSON: {"schema": gateway}} if at_edge else {})
    told: dict[str, Any] = {"description": _MEANINGS.get(status, HTTPStatus(status).phrase), "content": content}
    if status in _RETRIED:
        told["headers"] = {"retry-after": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return told
