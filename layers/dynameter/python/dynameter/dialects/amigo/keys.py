"""Amigo's API keys: ``/v1/{workspace_id}/api-keys``.

The wire form is that of the platform API's OpenAPI document (tag "API Keys", July 2026). Decided here: a credential's
UUID (``id``, ``created_by_credential_id``) is derived from the key's id; there are no users, so
``created_by_entity_id`` is null; a key that never expires says the last second of the year 9999.
"""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from dynameter import codec
from dynameter.access.key import OPERATOR, ApiKey
from dynameter.access.roles import MEMBER, PERMISSIONS, ROLES
from dynameter.access.service import DURATION_DAYS_MAX, DURATION_DAYS_MIN, AccessService, IssuedKey
from dynameter.clock import render
from dynameter.errors import FieldError, InvalidInput, TooLarge
from dynameter.http.message import Request, Response, json_response

BODY_BYTES_MAX = 65_536
"""More than any valid request about keys needs."""
NAME_CHARS_MAX = 256
PERMISSIONS_MAX = 128
"""Permissions that one request names."""
PAGE_MAX = 100

NEVER = "9999-12-31T23:59:59Z"
"""What stands for "never": Amigo's clients require a date in ``expires_at``."""

_EXPONENT_MAX = 30
_CREDENTIALS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:dynameter:api-key")


def _bounded(value: Any) -> Any:
    """Refuse 1e999999999 before a whole number of a billion digits is made of it."""
    if isinstance(value, Decimal) and (not value.is_finite() or abs(value.adjusted()) > _EXPONENT_MAX):
        raise PydanticCustomError("int_parsing_size", "Input should be a valid integer of reasonable size")
    return value


_Days = Annotated[
    int,
    BeforeValidator(_bounded),
    Field(ge=DURATION_DAYS_MIN, le=DURATION_DAYS_MAX),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": DURATION_DAYS_MIN, "maximum": DURATION_DAYS_MAX},
                {"type": "string", "description": "The same as text."},
                {"type": "boolean", "description": "true is 1."},
            ]
        }
    ),
]
_RoleName = Annotated[str, Field(max_length=64, json_schema_extra={"enum": [role.name for role in ROLES]})]
_Permission = Annotated[str, Field(max_length=128, json_schema_extra={"enum": [*PERMISSIONS]})]


class CreateApiKeyRequest(BaseModel):
    """Body of the call that makes a key; an empty list of permissions means the role's."""

    duration_days: _Days
    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARS_MAX)] | None = None
    role: _RoleName = MEMBER.name
    permissions: Annotated[list[_Permission], Field(max_length=PERMISSIONS_MAX)] = []


class RotateApiKeyRequest(BaseModel):
    """Body of the call that rotates a key."""

    duration_days: _Days


class ListApiKeysQuery(BaseModel):
    """Query of the list; the continuation token counts the keys already seen."""

    mine_only: bool = False
    limit: Annotated[int, Field(gt=0, le=PAGE_MAX)] = 10
    continuation_token: Annotated[int, Field(ge=0)] = 0


_Model = TypeVar("_Model", bound=BaseModel)


def create_key(request: Request, access: AccessService) -> Response:
    """``POST /v1/{workspace_id}/api-keys``: 201 with the key's text, this once."""
    wanted = _read_body(CreateApiKeyRequest, request.body)
    issued = access.create(
        request.principal,
        name=wanted.name,
        role=wanted.role,
        permissions=wanted.permissions,
        duration_days=wanted.duration_days,
    )
    return json_response(201, _issued(issued))


def list_keys(request: Request, access: AccessService) -> Response:
    """``GET /v1/{workspace_id}/api-keys``: a page of keys, oldest first, without their secrets."""
    query = _validate(ListApiKeysQuery, dict(request.query), "query")
    page = access.list(request.principal, mine_only=query.mine_only, limit=query.limit, offset=query.continuation_token)
    return json_response(
        200,
        {
            "items": [_item(key) for key in page.keys],
            "has_more": page.next_offset is not None,
            "continuation_token": page.next_offset,
            "total": page.total,
        },
    )


def permission_catalog(_request: Request) -> Response:
    """``GET /v1/{workspace_id}/api-keys/permission-catalog``: what each role may, and every permission."""
    roles = [
        {
            "name": role.name,
            "priority": role.priority,
            "description": role.description,
            "permission_names": role.permissions,
        }
        for role in ROLES
    ]
    permissions = []
    for name in PERMISSIONS:
        namespace, _, action = name.partition(":")
        permissions.append({"name": name, "namespace": namespace, "action": action or "*"})
    return json_response(200, {"roles": roles, "permissions": permissions})


def rotate_key(request: Request, access: AccessService) -> Response:
    """``POST /v1/{workspace_id}/api-keys/{key_id}/rotate``: the key with a new secret and term."""
    wanted = _read_body(RotateApiKeyRequest, request.body)
    issued = access.rotate(request.principal, request.path["key_id"], wanted.duration_days)
    return json_response(200, _issued(issued))


def delete_key(request: Request, access: AccessService) -> Response:
    """``DELETE /v1/{workspace_id}/api-keys/{key_id}``: 204."""
    access.delete(request.principal, request.path["key_id"])
    return Response(204)


def credential_id(key_id: str) -> str | None:
    """The UUID by which Amigo's clients know a key; None for what is no key."""
    return None if key_id == OPERATOR else str(uuid.uuid5(_CREDENTIALS, key_id))


def _issued(issued: IssuedKey) -> dict[str, Any]:
    key = issued.key
    return {
        "key_id": key.id,
        "api_key": issued.plaintext,
        "name": key.name,
        "role": key.role,
        "permissions": key.permissions,
        "expires_at": _expiry(key),
        "created_by_entity_id": None,
        "created_by_credential_id": credential_id(key.created_by),
    }


def _item(key: ApiKey) -> dict[str, Any]:
    return {
        "id": credential_id(key.id),
        "workspace_id": key.workspace,
        "created_by_entity_id": None,
        "created_by_credential_id": credential_id(key.created_by),
        "key_id": key.id,
        "name": key.name,
        "role": key.role,
        "permissions": key.permissions,
        "expires_at": _expiry(key),
        "last_used_at": None if key.last_used_at_us is None else render(key.last_used_at_us),
        "created_at": render(key.created_at_us),
        "updated_at": render(key.updated_at_us),
    }


def _expiry(key: ApiKey) -> str:
    return NEVER if key.expires_at_us is None else render(key.expires_at_us)


def _read_body(model: type[_Model], body: bytes) -> _Model:
    if len(body) > BODY_BYTES_MAX:
        raise TooLarge(f"The body has {len(body)} bytes, more than the {BODY_BYTES_MAX} allowed.", code="too_large")
    if not body.strip():
        raise InvalidInput("the body is missing", fields=(FieldError(("body",), "missing", "Field required"),))
    try:
        value = codec.decode(body)
    # ArithmeticError: an exponent past what Decimal can hold.
    except (codec.MalformedJson, ArithmeticError) as error:
        wrong = FieldError(("body",), "json_invalid", "JSON decode error", {}, context={"error": str(error)})
        raise InvalidInput("the body is no JSON", fields=(wrong,)) from None
    return _validate(model, value, "body")


def _validate(model: type[_Model], value: Any, part: str) -> _Model:
    """Read the value as FastAPI would, its complaints as ours with the part of the request in front."""
    try:
        return model.model_validate(value, from_attributes=True)
    except ValidationError as error:
        fields = tuple(
            FieldError((part, *one["loc"]), one["type"], one["msg"], one["input"], context=one.get("ctx"))
            for one in error.errors(include_url=False)
        )
        raise InvalidInput(f"the {part} breaks a rule", fields=fields) from None
