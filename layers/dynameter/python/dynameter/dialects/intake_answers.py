"""How every door answers events: counts as headers, a result per event for those who ask, metrics.

A request that prefers nothing gets its door's own answer. ``Prefer: return=representation`` gets 200 with what became
of each event. One bad event refuses its whole request before anything is written, unless the request prefers
``handling=lenient`` (RFC 7240): then the good ones are stored and the bad ones reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dynameter.dialects.answer_size import is_too_large
from dynameter.dialects.statuses import field_path
from dynameter.errors import DynameterError, FieldError
from dynameter.events.event import EventDraft, Outcome, Status
from dynameter.events.intake import Intake
from dynameter.http.message import Request, Response, json_response

MAX_IDEMPOTENCY_KEY_CHARACTERS = 256

_HEADERS = {
    Status.ACCEPTED: "dynameter-accepted",
    Status.DUPLICATE: "dynameter-duplicate",
    Status.CONFLICT: "dynameter-conflict",
}
_REJECTED = "dynameter-rejected"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One event of a request as a door has read it: a draft, or the errors that keep it from being one.

    ``source`` and ``id`` are what the caller sent, as far as they are text.
    """

    index: int
    source: str | None
    id: str | None
    draft: EventDraft | None
    errors: tuple[FieldError, ...] = ()


class IntakeDesk:
    """Takes what a door has read to the intake and answers. ``count`` gets the number of events of each status."""

    def __init__(self, intake: Intake, count: Callable[[Mapping[Status, int]], None]) -> None:
        self._intake = intake
        self._count = count

    def take(
        self,
        request: Request,
        candidates: Sequence[Candidate],
        accepted: Response,
        refusal: Callable[[Sequence[FieldError]], DynameterError],
    ) -> Response:
        """Store the candidates and answer ``accepted`` or a representation; raise the ``refusal`` of bad ones."""
        preferences = request.preferences()
        lenient = preferences.get("handling") == "lenient"
        bad = [one for one in candidates if one.draft is None]
        if bad and (not lenient or len(bad) == len(candidates)):
            raise self.refuse(len(bad), refusal([error for one in bad for error in one.errors]))
        drafts = [(one.index, one.draft) for one in candidates if one.draft is not None]
        outcomes = self._intake.accept(request.principal.workspace, drafts, request.deadline_us)
        outcomes += [Outcome(one.index, Status.INVALID, one.source, one.id, one.errors) for one in bad]
        statuses = [one.status for one in outcomes]
        counts = {status: statuses.count(status) for status in Status}
        self._count(counts)

        represent = preferences.get("return") == "representation"
        headers = {name: str(counts[status]) for status, name in _HEADERS.items()}
        if lenient:
            headers[_REJECTED] = str(counts[Status.INVALID])
        applied = ["handling=lenient"] * lenient + ["return=representation"] * represent
        if applied:
            headers["preference-applied"] = ", ".join(applied)
        if represent or bad:
            return _represented(outcomes, headers)
        return Response(accepted.status, accepted.body, {**accepted.headers, **headers})

    def refuse(self, events: int, error: DynameterError) -> DynameterError:
        """Count the bad events of a request that is refused; answers the error, to be raised."""
        self._count({Status.INVALID: events})
        return error


def _represented(outcomes: Sequence[Outcome], headers: Mapping[str, str]) -> Response:
    """The results; where Lambda could not carry them, without names and with the first error of each event.

    The events are stored by now, so their caller must get an answer: an index is enough to find an event.
    """
    response = json_response(200, {"results": list(_results(outcomes))}, headers=headers)
    if is_too_large(response):
        brief = [replace(one, source=None, id=None, errors=one.errors[:1]) for one in outcomes]
        return json_response(200, {"results": list(_results(brief))}, headers=headers)
    return response


def _results(outcomes: Sequence[Outcome]) -> Iterator[dict[str, Any]]:
    """What became of each event, in the order of the request."""
    for one in sorted(outcomes, key=lambda outcome: outcome.index):
        result: dict[str, Any] = {"index": one.index, "source": one.source, "id": one.id, "status": one.status.value}
        if one.errors:
            result["errors"] = [_reason(error) for error in one.errors]
        yield result


def _reason(error: FieldError) -> dict[str, str]:
    """The error with its field named inside the event."""
    inside = [step for step in error.location[1:] if isinstance(step, str)]
    return {"field": field_path(("body", *inside)), "rule": error.rule, "reason": error.message}


def idempotency_key(request: Request) -> tuple[str | None, FieldError | None]:
    """The ``Idempotency-Key`` header, or what is wrong with it (errors typed as FastAPI types a header's)."""
    key = request.headers.get("idempotency-key")
    location = ("header", "idempotency-key")
    limit = MAX_IDEMPOTENCY_KEY_CHARACTERS
    if key is None:
        return None, None
    if not key:
        message = "String should have at least 1 character"
        return None, FieldError(location, "string_too_short", message, key, context={"min_length": 1})
    if len(key) > limit:
        message = f"String should have at most {limit} characters"
        return None, FieldError(location, "string_too_long", message, key[:limit] + "…", context={"max_length": limit})
    if not key.isascii() or not key.isprintable():
        return None, FieldError(location, "string_pattern_mismatch", "String should be printable ASCII", None)
    return key, None
