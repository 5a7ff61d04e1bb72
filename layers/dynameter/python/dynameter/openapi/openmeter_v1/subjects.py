"""Subjects in OpenMeter v1's form."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from dynameter.access.principal import METERS_WRITE, USAGE_READ
from dynameter.dialects.openmeter_v1.subjects import SubjectUpsert
from dynameter.openapi.openmeter_v1.events import NEXT_CURSOR
from dynameter.openapi.operation import Operation, Parameter, json_answer, json_body, no_content
from dynameter.openapi.parameters import whole
from dynameter.openapi.shapes import Instant, Ulid
from dynameter.subjects.service import MAX_LISTED


class Subject(TypedDict):
    """Whoever uses something: the subject of events, with a name for people."""

    id: Ulid
    key: str
    createdAt: Instant
    updatedAt: Instant
    displayName: NotRequired[str]
    metadata: NotRequired[dict[str, Any]]


OPERATIONS = (
    Operation(
        route="POST /api/v1/subjects",
        id="upsertSubjects",
        summary="Create or change up to 100 subjects",
        tag="Subjects",
        scope=METERS_WRITE,
        description="What is left out stays; null clears.",
        body=json_body(list[SubjectUpsert], [{"key": "customer-1", "displayName": "Customer One"}]),
        answers=(json_answer(200, "The subjects.", list[Subject]),),
        refusals=(400, 413),
    ),
    Operation(
        route="GET /api/v1/subjects",
        id="listSubjects",
        summary="List subjects by key",
        tag="Subjects",
        scope=USAGE_READ,
        parameters=(
            whole("limit", MAX_LISTED, MAX_LISTED, "Subjects of the answer."),
            Parameter("cursor", str, "Where to go on: the header dynameter-next-cursor of an answer."),
        ),
        answers=(json_answer(200, "The subjects.", list[Subject], NEXT_CURSOR),),
        refusals=(400,),
    ),
    Operation(
        route="GET /api/v1/subjects/{subjectIdOrKey}",
        id="getSubject",
        summary="Get a subject",
        tag="Subjects",
        scope=USAGE_READ,
        answers=(json_answer(200, "The subject.", Subject),),
        refusals=(404,),
    ),
    Operation(
        route="DELETE /api/v1/subjects/{subjectIdOrKey}",
        id="deleteSubject",
        summary="Delete a subject; what it used stays",
        tag="Subjects",
        scope=METERS_WRITE,
        answers=(no_content("It is deleted."),),
        refusals=(404,),
    ),
)
