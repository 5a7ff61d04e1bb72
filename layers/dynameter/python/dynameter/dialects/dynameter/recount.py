"""``POST /v1/{workspace_id}/meters/{slug}/recount``: a meter's usage beside a fresh count of its raw events.

    {"from", "to", "subject"?, "repair"?}
    ->  200 {"aggregate", "recount", "difference", "state", "from", "to", "subject",
             "groups": [{"groups": {...}, "aggregate", "recount", "difference"}], "groups_truncated"}
    ->  202 the same and {"repairing": n}: so many rows are being recomputed; 200 where there is nothing to repair

Values are text with every digit, null where there is no usage; ``difference`` is the aggregate less the recount, null
where just one of the two has a value. ``groups`` are those of the meter's groups that differ, there if it has any.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dynameter.clock import render
from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.bodies import Instant, read_body
from dynameter.dialects.dynameter.voids import render_value
from dynameter.dialects.usage_answers import find_live
from dynameter.errors import FieldError, InvalidInput
from dynameter.events.rules import MAX_SUBJECT_BYTES
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.meter import Meter
from dynameter.meters.service import MeterService
from dynameter.usage.recounts.recount import Comparison
from dynameter.usage.recounts.repair import RecountAnswer, RecountQuestion, RecountService


class RecountBody(BaseModel):
    """The body of a recount."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    from_: Instant = Field(alias="from")
    to: Instant
    subject: str | None = Field(default=None, json_schema_extra={"minLength": 1, "maxLength": MAX_SUBJECT_BYTES})
    repair: bool = False


def recount_meter(request: Request, meters: MeterService, recounts: RecountService) -> Response:
    """POST recount: 200 with both counts; 202 where rows are being repaired."""
    meter = find_live(request, meters, request.path.get("slug", ""))
    body = read_body(request, RecountBody)
    _check_subject(body.subject)
    question = RecountQuestion(body.from_, body.to, body.subject)
    answer = recounts.recount(meter, question, request.deadline_us)
    shown = _render(meter, answer)
    refuse_large(json_response(200, shown), "ask for a shorter range")
    if not body.repair:
        return json_response(200, shown)
    repairing = recounts.repair(meter, question, request.deadline_us)
    return json_response(202 if repairing else 200, shown | {"repairing": repairing})


def _check_subject(subject: str | None) -> None:
    if subject is None:
        return
    try:
        fits = 0 < len(subject.encode()) <= MAX_SUBJECT_BYTES
    except UnicodeEncodeError:
        fits = False
    if not fits:
        message = f"subject must have 1 to {MAX_SUBJECT_BYTES} bytes of UTF-8"
        raise InvalidInput(message, fields=(FieldError(("body", "subject"), "max_length", message),))


def _render(meter: Meter, answer: RecountAnswer) -> dict[str, Any]:
    question = answer.question
    shown: dict[str, Any] = {
        **_render_values(answer.total),
        "state": "live" if meter.active_generation.complete else "rebuilding",
        "from": render(question.from_us),
        "to": render(question.to_us),
        "subject": question.subject,
    }
    if answer.by_groups:
        shown["groups"] = [{"groups": dict(one.groups), **_render_values(one.values)} for one in answer.groups]
        shown["groups_truncated"] = answer.truncated
    return shown


def _render_values(values: Comparison) -> dict[str, str | None]:
    return {
        "aggregate": render_value(values.one),
        "recount": render_value(values.other),
        "difference": render_value(values.difference),
    }
