"""Reading JSON bodies with pydantic models, and pydantic's errors as the domain's, in one place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from dynameter import codec, rfc3339
from dynameter.dialects.statuses import field_path
from dynameter.errors import AlreadyExists, FieldError, InvalidInput, TooLarge
from dynameter.http.message import Request

MAX_REPORTED_FIELDS = 50
"""Wrong fields that one answer names."""

Model = TypeVar("Model", bound=BaseModel)


def _read_instant(value: Any) -> int:
    if isinstance(value, str):
        return rfc3339.parse(value)
    raise PydanticCustomError("instant_type", "must be a string with an RFC 3339 date-time")


Instant = Annotated[int, BeforeValidator(_read_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
"""RFC 3339 text in the body, microseconds since the epoch in the model."""

_RULES = {
    "missing": "required",
    "extra_forbidden": "unknown",
    "literal_error": "enum",
    "enum": "enum",
    "string_too_short": "min_length",
    "string_too_long": "max_length",
    "string_pattern_mismatch": "pattern",
    "too_short": "min_items",
    "too_long": "max_items",
    "greater_than": "range",
    "greater_than_equal": "range",
    "less_than": "range",
    "less_than_equal": "range",
}
_CHOICE = re.compile(r"'([^']*)'")


def read_body(request: Request, model: type[Model]) -> Model:
    """Read the body, a JSON object, as the model. Raises InvalidInput naming every wrong field.

    The text is decoded by ``codec``, so that numbers keep their digits; the model sees Python objects only.
    """
    decoded = _decode(request)
    if not isinstance(decoded, dict):
        raise _not_json("type", "the body must be a JSON object")
    try:
        return model.model_validate(decoded)
    except ValidationError as error:
        raise refuse("invalid request", map(_field_error, error.errors(include_url=False))) from None


def read_list(request: Request, model: type[Model], most: int) -> list[Model]:
    """Read the body, a JSON array of 1 to ``most`` objects, as models. Raises InvalidInput and TooLarge."""
    decoded = _decode(request)
    if not isinstance(decoded, list):
        raise _not_json("type", "the body must be a JSON array of objects")
    if not decoded:
        raise _not_json("min_items", "the body must have at least one item")
    if len(decoded) > most:
        raise TooLarge(f"the body has {len(decoded)} items; the limit is {most}")
    found: list[Model] = []
    wrong: list[FieldError] = []
    for index, one in enumerate(decoded):
        try:
            found.append(model.model_validate(one))
        except ValidationError as error:
            fields = map(_field_error, error.errors(include_url=False))
            wrong += (replace(field, location=("body", index, *field.location[1:])) for field in fields)
    if wrong:
        raise refuse("invalid request", wrong)
    return found


def _decode(request: Request) -> Any:
    if not request.body.strip():
        raise _not_json("required", "a JSON body is required")
    try:
        return codec.decode(request.body)
    except (codec.MalformedJson, ArithmeticError) as error:  # ArithmeticError: an exponent no Decimal can hold
        raise _not_json("json", f"the body is not valid JSON: {error}") from None


def refuse(what: str, fields: Iterable[FieldError]) -> InvalidInput:
    """The error for these wrong fields; its message names each of them and why."""
    listed = tuple(fields)[:MAX_REPORTED_FIELDS]
    return InvalidInput(f"{what}: " + "; ".join(_sentence(one) for one in listed), fields=listed)


@contextmanager
def renamed_fields(what: str, names: Mapping[str, str]) -> Iterator[None]:
    """Give the fields of a core's InvalidInput or AlreadyExists the names they have on this wire."""
    try:
        yield
    except InvalidInput as error:
        if not error.fields:
            raise
        raise refuse(what, (_renamed(one, names) for one in error.fields)) from None
    except AlreadyExists as error:
        fields = tuple(_renamed(one, names) for one in error.fields)
        raise AlreadyExists(error.message, code=error.code, fields=fields) from None


def _renamed(one: FieldError, names: Mapping[str, str]) -> FieldError:
    """With the fields of the body and those of the objects in its lists renamed."""
    place = tuple(
        names.get(str(step), step) if depth and (depth == 1 or isinstance(one.location[depth - 1], int)) else step
        for depth, step in enumerate(one.location)
    )
    return replace(one, location=place)


def _sentence(one: FieldError) -> str:
    path = field_path(one.location)
    return one.message if not path or one.message.startswith(path + " ") else f"{path}: {one.message}"


def _field_error(error: Any) -> FieldError:
    kind, place = str(error["type"]), ("body", *error["loc"])
    rule = _RULES.get(kind, "type" if kind.endswith("_type") else "format")
    message = f"{field_path(place)} is required" if rule == "required" else str(error["msg"])
    if kind == "value_error":
        message = str(error["ctx"]["error"])
    if rule == "unknown":
        message = "this field is not allowed"
    choices = tuple(_CHOICE.findall(error.get("ctx", {}).get("expected", ""))) if rule == "enum" else ()
    given = error["input"] if isinstance(error["input"], str | int) else None
    return FieldError(place, rule, message, given, choices)


def _not_json(rule: str, message: str) -> InvalidInput:
    return InvalidInput(message, fields=(FieldError(("body",), rule, message),))
