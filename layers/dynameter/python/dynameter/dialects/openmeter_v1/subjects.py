"""Subjects as OpenMeter v1 has them: deprecated there, and still what its clients call first."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dynameter.clock import render
from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.bodies import read_list, refuse
from dynameter.dialects.parameters import read_whole, refuse_parameter
from dynameter.errors import FieldError, InvalidInput
from dynameter.http.message import Request, Response, json_response
from dynameter.subjects.service import MAX_LISTED, MAX_UPSERTED, SubjectService
from dynameter.subjects.subject import KEEP, MAX_KEY_BYTES, Subject, SubjectDraft, is_key

NEXT_CURSOR = "dynameter-next-cursor"
"""The header with which a list that goes on says where: the body is a bare array. ``cursor`` takes it."""

_NAMES = {"display_name": "displayName"}


class SubjectUpsert(BaseModel):
    """One subject of an upsert; what is missing stays, null clears. Keys that are not here are ignored."""

    model_config = ConfigDict(strict=True, frozen=True)

    key: str
    display_name: str | None = Field(default=None, alias="displayName")
    metadata: dict[str, Any] | None = None


def upsert_subjects(request: Request, subjects: SubjectService) -> Response:
    """POST subjects: 200 with the subjects as they are now, in the order sent."""
    drafts = [_draft(one) for one in read_list(request, SubjectUpsert, MAX_UPSERTED)]
    try:
        found = subjects.upsert(request.principal.workspace, drafts)
    except InvalidInput as error:
        raise refuse("invalid subject", map(_renamed, error.fields)) from None
    return json_response(200, [render_subject(one) for one in found])


def list_subjects(request: Request, subjects: SubjectService) -> Response:
    """GET subjects: 200 with a bare array in the order of keys."""
    limit = read_whole(request, "limit", MAX_LISTED, 1, MAX_LISTED)
    page = subjects.list(request.principal.workspace, _read_cursor(request), limit)
    headers = {} if page.next is None else {NEXT_CURSOR: _write_cursor(page.next)}
    answer = json_response(200, [render_subject(one) for one in page.subjects], headers=headers)
    return refuse_large(answer, "ask for a smaller limit")


def get_subject(request: Request, subjects: SubjectService) -> Response:
    """GET a subject by its id or key."""
    return json_response(200, render_subject(subjects.find(request.principal.workspace, _reference(request))))


def delete_subject(request: Request, subjects: SubjectService) -> Response:
    """DELETE a subject: 204; again 404. What it used stays."""
    subjects.delete(request.principal.workspace, _reference(request))
    return Response(204)


def render_subject(subject: Subject) -> dict[str, Any]:
    """The subject as v1 shows it: unset fields are left out."""
    optional = {"displayName": subject.display_name, "metadata": subject.metadata}
    shown = {
        "id": subject.id,
        "key": subject.key,
        "createdAt": render(subject.created_at_us),
        "updatedAt": render(subject.updated_at_us),
    }
    return shown | {name: value for name, value in optional.items() if value is not None}


def _draft(sent: SubjectUpsert) -> SubjectDraft:
    return SubjectDraft(
        key=sent.key,
        display_name=sent.display_name if "display_name" in sent.model_fields_set else KEEP,
        metadata=sent.metadata if "metadata" in sent.model_fields_set else KEEP,
    )


def _renamed(error: FieldError) -> FieldError:
    *place, name = error.location
    return FieldError((*place, _NAMES.get(str(name), name)), error.rule, error.message)


def _reference(request: Request) -> str:
    return request.path.get("subjectIdOrKey", "")


def _read_cursor(request: Request) -> str | None:
    values = request.query_values("cursor")
    if not values:
        return None
    text = values[-1]
    try:
        if len(text) > 2 * MAX_KEY_BYTES:
            raise ValueError
        key = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True).decode()
        if not is_key(key):
            raise ValueError
    except (ValueError, binascii.Error):
        raise refuse_parameter("cursor", "cursor", "is no cursor that this service gave", text) from None
    return key


def _write_cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
