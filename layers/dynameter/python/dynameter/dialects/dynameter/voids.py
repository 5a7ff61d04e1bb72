"""``/v1/{workspace_id}/voids``: taking events back, seeing what that would change, and undoing it.

    POST    {"events": [{"source", "id"}, ...]} or {"filter": {"type"?, "subject"?, "source"?, "from"?, "to"?}},
            "reason"?, "dry_run"?
    ->      201 done, 202 running: {"id", "state", "created_at", "reason", "filter", "named", "events", "skipped",
            "done_at", "undone_at"} and, where events are named, "not_found", "already_voided", "over_limit"
    ->      200 for a dry run: {"dry_run": true, "events", "truncated", "meters": [{"slug", "id", "aggregation",
            "events", "from", "to", "before", "after", "difference"}], ...}; it is
            truncated where there was no time, or too many events, to tell all that would change
    GET     a page, newest first: {"items": [...], "next_cursor"}; one void has "names", too
    DELETE  204 undone, 202 while a job goes on

``state`` is running, done, undoing or undone; ``events`` counts those voided, ``skipped`` those that could not be,
because another void has them or they have been toggled too often. Values are text with every digit, null where
there is no usage; ``difference`` is after less before.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from ulid import ULID

from dynameter.clock import render
from dynameter.corrections.jobs import Report
from dynameter.corrections.preview import MeterChange, Preview
from dynameter.corrections.service import MAX_LISTED, VoidService
from dynameter.corrections.void import MAX_EVENTS, MAX_REASON_CHARACTERS, EventFilter, EventName, Void, VoidDraft
from dynameter.dialects.bodies import Instant, read_body
from dynameter.dialects.parameters import read_whole, refuse_parameter
from dynameter.errors import NotFound
from dynameter.events.rules import MAX_ID_BYTES, MAX_SOURCE_BYTES, MAX_SUBJECT_BYTES, MAX_TYPE_BYTES
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.quantity import render_text

DEFAULT_LISTED = 50

_ID_CHARACTERS = 26


def _text(most: int, default: Any = ...) -> Any:
    """A field whose length is documented here and checked by the core."""
    return Field(default=default, json_schema_extra={"minLength": 1, "maxLength": most})


class NamedEvent(BaseModel):
    """An event by its identity."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    source: str = _text(MAX_SOURCE_BYTES)
    id: str = _text(MAX_ID_BYTES)


class FilterBody(BaseModel):
    """Conditions that an event must meet all of."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", json_schema_extra={"minProperties": 1})

    type: str | None = _text(MAX_TYPE_BYTES, default=None)
    subject: str | None = _text(MAX_SUBJECT_BYTES, default=None)
    source: str | None = _text(MAX_SOURCE_BYTES, default=None)
    from_: Instant | None = Field(default=None, alias="from")
    to: Instant | None = None


class VoidBody(BaseModel):
    """The body of a void. What is not known is refused: a misspelt condition would void far too much."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    events: list[NamedEvent] | None = Field(default=None, json_schema_extra={"minItems": 1, "maxItems": MAX_EVENTS})
    filter: FilterBody | None = None
    reason: str | None = Field(default=None, json_schema_extra={"maxLength": MAX_REASON_CHARACTERS})
    dry_run: bool = False


def create_void(request: Request, voids: VoidService) -> Response:
    """POST voids: 201 when all events are voided, 202 while a job goes on, 200 for a dry run."""
    body = read_body(request, VoidBody)
    draft = VoidDraft(
        events=None if body.events is None else tuple(EventName(one.source, one.id) for one in body.events),
        filter=None if body.filter is None else _filter(body.filter),
        reason=body.reason,
    )
    workspace, by_name = request.principal.workspace, draft.events is not None
    if body.dry_run:
        return json_response(200, _render_preview(voids.preview(workspace, draft, request.deadline_us), by_name))
    applied = voids.create(workspace, draft, request.deadline_us)
    shown = render_void(applied.void) | (_render_report(applied.report) if by_name else {})
    return json_response(201 if applied.void.state.ends else 202, shown)


def list_voids(request: Request, voids: VoidService) -> Response:
    """GET voids: a page, newest first; ``cursor`` continues."""
    limit = read_whole(request, "limit", DEFAULT_LISTED, 1, MAX_LISTED)
    cursors = request.query_values("cursor")
    after = _read_cursor(cursors[-1]) if cursors else None
    found = voids.list(request.principal.workspace, limit + 1, after)
    following = found[limit - 1].id if len(found) > limit else None
    return json_response(200, {"items": [render_void(one) for one in found[:limit]], "next_cursor": following})


def get_void(request: Request, voids: VoidService) -> Response:
    """GET a void, undone ones too; ``names`` are the events it names, null where it has a filter."""
    void = voids.find(request.principal.workspace, _reference(request))
    names = None if void.named is None else _render_names(voids.names(void))
    return json_response(200, render_void(void) | {"names": names})


def delete_void(request: Request, voids: VoidService) -> Response:
    """DELETE a void: 204 when it is undone, now or before; 202 with the void while a job goes on."""
    void = voids.undo(request.principal.workspace, _reference(request), request.deadline_us)
    return Response(204) if void.state.ends else json_response(202, render_void(void))


def render_void(void: Void) -> dict[str, Any]:
    """The void as lists show it."""
    return {
        "id": void.id,
        "state": void.state.value,
        "created_at": render(void.created_at_us),
        "reason": void.reason,
        "filter": None if void.filter is None else _render_filter(void.filter),
        "named": void.named,
        "events": void.tally.voided,
        "skipped": void.tally.skipped,
        "done_at": None if void.done_at_us is None else render(void.done_at_us),
        "undone_at": None if void.undone_at_us is None else render(void.undone_at_us),
    }


def _filter(body: FilterBody) -> EventFilter:
    return EventFilter(body.type, body.subject, body.source, body.from_, body.to)


def _render_filter(wanted: EventFilter) -> dict[str, Any]:
    shown = {
        "type": wanted.type,
        "subject": wanted.subject,
        "source": wanted.source,
        "from": None if wanted.from_us is None else render(wanted.from_us),
        "to": None if wanted.to_us is None else render(wanted.to_us),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _render_report(report: Report) -> dict[str, Any]:
    return {
        "not_found": _render_names(report.missing),
        "already_voided": [{"source": one.source, "id": one.id, "void": by} for one, by in report.taken],
        "over_limit": _render_names(report.spent),
    }


def _render_names(names: Sequence[EventName]) -> list[dict[str, str]]:
    return [{"source": one.source, "id": one.id} for one in names]


def _render_preview(preview: Preview, by_name: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "dry_run": True,
        "events": preview.events,
        "skipped": len(preview.report.taken) + len(preview.report.spent),
        "truncated": preview.truncated or any(one.values is None for one in preview.meters),
        "meters": [_render_change(one) for one in preview.meters],
    }
    return shown | (_render_report(preview.report) if by_name else {})


def _render_change(change: MeterChange) -> dict[str, Any]:
    values = change.values
    return {
        "slug": change.meter.slug,
        "id": change.meter.id,
        "aggregation": change.meter.aggregation.value,
        "events": change.events,
        "from": render(change.window.start_us),
        "to": render(change.window.end_us),
        "before": None if values is None else render_value(values.other),
        "after": None if values is None else render_value(values.one),
        "difference": None if values is None else render_value(values.difference),
    }


def render_value(value: Decimal | None) -> str | None:
    """A value as text with every digit; null where there is none."""
    return None if value is None else render_text(value)


def _reference(request: Request) -> str:
    """The path's id. Raises NotFound for what no void can be called."""
    text = request.path.get("void_id", "")
    if not _is_id(text):
        raise NotFound(f"void not found: {text[:64]}", code="void_not_found")
    return text.upper()


def _read_cursor(text: str) -> str:
    if not _is_id(text):
        raise refuse_parameter("cursor", "format", "must be the next_cursor of an earlier page", text)
    return text.upper()


def _is_id(text: str) -> bool:
    if len(text) != _ID_CHARACTERS or not text.isascii() or not text.isalnum():
        return False
    try:
        ULID.from_str(text.upper())
    except ValueError:
        return False
    return True
