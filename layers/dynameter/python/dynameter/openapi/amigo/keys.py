"""API keys, in Amigo's form."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict

from dynameter.access.principal import KEYS_READ, KEYS_WRITE
from dynameter.access.roles import PERMISSIONS, ROLES
from dynameter.dialects.amigo.keys import CreateApiKeyRequest, ListApiKeysQuery, RotateApiKeyRequest
from dynameter.openapi.operation import Operation, Parameter, json_answer, json_body, no_content
from dynameter.openapi.shapes import Instant, Workspace

RoleName = Annotated[str, WithJsonSchema({"type": "string", "enum": [role.name for role in ROLES]})]
Permission = Annotated[str, WithJsonSchema({"type": "string", "enum": list(PERMISSIONS)})]
CredentialId = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]

_QUERY = ListApiKeysQuery.model_fields


class IssuedKey(TypedDict):
    """A key with its text, which is told this once."""

    key_id: str
    api_key: str
    name: str | None
    role: RoleName
    permissions: list[Permission]
    expires_at: Instant
    created_by_entity_id: None
    created_by_credential_id: CredentialId | None


class Key(TypedDict):
    """A key without its secret."""

    id: CredentialId
    workspace_id: Workspace
    created_by_entity_id: None
    created_by_credential_id: CredentialId | None
    key_id: str
    name: str | None
    role: RoleName
    permissions: list[Permission]
    expires_at: Instant
    last_used_at: Instant | None
    created_at: Instant
    updated_at: Instant


class KeyPage(TypedDict):
    """A page of keys, the oldest first."""

    items: list[Key]
    has_more: bool
    continuation_token: int | None
    total: int


class Role(TypedDict):
    """A named set of permissions."""

    name: RoleName
    priority: int
    description: str
    permission_names: list[Permission]


class PermissionEntry(TypedDict):
    """What a key may be given."""

    name: Permission
    namespace: str
    action: str


class PermissionCatalog(TypedDict):
    """Every role and every permission."""

    roles: list[Role]
    permissions: list[PermissionEntry]


def _bounded(name: str, description: str) -> Parameter:
    """A parameter of the list, a whole number with the bounds that it is read with."""
    field = _QUERY[name]
    return Parameter(name, Annotated[int, Field(), *field.metadata], f"{description} ({field.default} by default)")


BASE = "/v1/{workspace_id}/api-keys"
ONE = f"{BASE}/{{key_id}}"

OPERATIONS = (
    Operation(
        route=f"POST {BASE}",
        id="createApiKey",
        summary="Create a key and see its text, this once",
        tag="API Keys",
        scope=KEYS_WRITE,
        description="A key can be given only what the caller's key holds.",
        body=json_body(CreateApiKeyRequest, {"duration_days": 30, "name": "ci", "role": "member"}),
        answers=(json_answer(201, "The key.", IssuedKey),),
        refusals=(409, 413, 422),
    ),
    Operation(
        route=f"GET {BASE}",
        id="listApiKeys",
        summary="List keys, the oldest first",
        tag="API Keys",
        scope=KEYS_READ,
        parameters=(
            Parameter("mine_only", bool, "Only keys that the calling key made; false by default."),
            _bounded("limit", "Keys of a page."),
            _bounded("continuation_token", "The continuation_token of the page before."),
        ),
        answers=(json_answer(200, "The keys.", KeyPage),),
        refusals=(422,),
    ),
    Operation(
        route=f"GET {BASE}/permission-catalog",
        id="getPermissionCatalog",
        summary="See what each role may, and every permission",
        tag="API Keys",
        scope=KEYS_READ,
        answers=(json_answer(200, "The catalog.", PermissionCatalog),),
        refusals=(422,),
    ),
    Operation(
        route=f"POST {ONE}/rotate",
        id="rotateApiKey",
        summary="Give a key a new secret and a new term",
        tag="API Keys",
        scope=KEYS_WRITE,
        description="The old secret is worthless from this moment.",
        body=json_body(RotateApiKeyRequest, {"duration_days": 30}),
        answers=(json_answer(200, "The key.", IssuedKey),),
        refusals=(404, 409, 413, 422),
    ),
    Operation(
        route=f"DELETE {ONE}",
        id="deleteApiKey",
        summary="Delete a key for good",
        tag="API Keys",
        scope=KEYS_WRITE,
        answers=(no_content("It is deleted."),),
        refusals=(404, 422),
    ),
)
