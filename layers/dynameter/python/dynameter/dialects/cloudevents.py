"""CloudEvents 1.0 in JSON, single and batched, as OpenMeter takes them: every wrong field of every event is named.

The rules are those of OpenMeter's ``Event`` (v1) and ``MeteringEvent`` (v3) schemas; an absent specversion is taken as
1.0, and null as absent. Binary content mode and ``data_base64`` are not served.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from dynameter import codec, rfc3339
from dynameter.dialects.intake_answers import Candidate
from dynameter.dialects.statuses import field_path
from dynameter.errors import FieldError, InvalidInput
from dynameter.events import rules
from dynameter.events.event import EventDraft
from dynameter.http.message import Request

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
EITHER = "application/json"
MEDIA_TYPES = (SINGLE, BATCH, EITHER)
SPEC_VERSIONS = ("1.0", "0.3")
MAX_ERRORS_AN_EVENT = 10
"""Errors told of one event; what is more is summed up in a last one."""
MAX_ERRORS_IN_WORDS = 10
"""Errors told in a refusal's sentence; its list of fields holds all."""

_MAX_NAME_SHOWN = 48
_ATTRIBUTES = frozenset(
    {"id", "source", "specversion", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64"}
)
_EXTENSION_NAME = re.compile(r"[a-z0-9]+", re.ASCII)
_NO_URI_REFERENCE = re.compile(r"[\x00-\x1f\x7f]|%(?![0-9A-Fa-f]{2})|\A:")

Complete = Callable[[int, dict[str, Any]], dict[str, Any]]
"""Fills in what an event lacks, given its index."""


class Unknown(Enum):
    """What becomes of attributes that CloudEvents does not name."""

    EXTENSION = "extension"
    """They are extension attributes and kept."""
    REFUSED = "refused"
    """They make the event invalid."""


def read_events(
    request: Request, unknown: Unknown, *, complete: Complete | None = None, untyped: bool = False
) -> list[Candidate]:
    """The events of the request's body. ``untyped``: a request without a content type may be one event or many.

    Raises InvalidInput for what is no event at all, TooLarge for too much of it; bad events are candidates with errors.
    """
    sent, batch = _decode(request, untyped)
    if not batch:
        return [_read(sent, 0, ("body",), unknown, complete)]
    rules.check_batch(len(sent))
    return [_read(one, index, ("body", index), unknown, complete) for index, one in enumerate(sent)]


def refusal(errors: Sequence[FieldError]) -> InvalidInput:
    """The error that refuses a request for its bad events."""
    told = "; ".join(
        f"{path}: {one.message}" if (path := field_path(one.location)) else one.message
        for one in errors[:MAX_ERRORS_IN_WORDS]
    )
    more = f" (and {len(errors) - MAX_ERRORS_IN_WORDS} more)" if len(errors) > MAX_ERRORS_IN_WORDS else ""
    return InvalidInput(f"invalid event: {told}{more}", code="invalid_event", fields=tuple(errors))


def _decode(request: Request, untyped: bool) -> tuple[Any, bool]:
    """The decoded body, and whether it is a batch: then it is a list."""
    media_type = request.media_type() or (EITHER if untyped and not request.headers.get("content-type") else "")
    if media_type not in MEDIA_TYPES:
        raise _wrong_media_type(request)
    rules.check_body(request.body)
    try:
        value = codec.decode(request.body)
    except codec.MalformedJson as error:
        why = "no events found" if media_type == EITHER else "invalid event: the body is not JSON"
        raise InvalidInput(f"{why}: {error}", code="invalid_json") from None
    batch = media_type == BATCH or (media_type == EITHER and isinstance(value, list))
    if batch and not isinstance(value, list):
        raise InvalidInput("invalid event: the body must be an array of events", code="invalid_json")
    if media_type == EITHER and (value == [] or not isinstance(value, dict | list)):
        raise InvalidInput("no events found", code="invalid_json")
    return value, batch


def _wrong_media_type(request: Request) -> InvalidInput:
    sent = request.headers.get("content-type", "")[:_MAX_NAME_SHOWN]
    field = FieldError(
        ("header", "content-type"), "enum", f"must be one of {', '.join(MEDIA_TYPES)}", sent, MEDIA_TYPES
    )
    return InvalidInput(f"invalid content type: {sent}", code="invalid_content_type", fields=(field,))


def _read(value: Any, index: int, at: tuple[str | int, ...], unknown: Unknown, complete: Complete | None) -> Candidate:
    if not isinstance(value, dict):
        return Candidate(index, None, None, None, (FieldError(at, "type", "must be an object"),))
    if complete is not None:
        value = complete(index, value)
    errors: list[FieldError] = []
    draft = EventDraft(
        source=_source(value, at, errors),
        id=_text(value, "id", at, errors),
        type=_text(value, "type", at, errors),
        subject=_text(value, "subject", at, errors),
        time_us=_time(value, at, errors),
        data=_data(value, at, errors),
        extensions=_extensions(value, at, errors, unknown) if not value.keys() <= _ATTRIBUTES else None,
    )
    _check_constants(value, at, errors)
    if "dataschema" in value:
        draft = _with_schema(draft, value["dataschema"], at, errors)
    if not errors:
        errors = [_placed(error, at) for error in rules.check(draft)]
    if errors:
        shown = errors[:MAX_ERRORS_AN_EVENT]
        if len(errors) > MAX_ERRORS_AN_EVENT:
            shown.append(FieldError(at, "more", f"{len(errors) - MAX_ERRORS_AN_EVENT} more errors in this event"))
        return Candidate(index, _if_text(value.get("source")), _if_text(value.get("id")), None, tuple(shown))
    return Candidate(index, draft.source, draft.id, draft)


def _text(value: dict[str, Any], name: str, at: tuple[str | int, ...], errors: list[FieldError]) -> str:
    """A required attribute that is a text of at least one character."""
    found = value.get(name)
    if isinstance(found, str) and found:
        return found
    if found is None:
        errors.append(FieldError((*at, name), "required", "is required"))
    elif found == "":
        errors.append(FieldError((*at, name), "min_length", "must not be empty"))
    else:
        errors.append(FieldError((*at, name), "type", "must be a string"))
    return ""


def _source(value: dict[str, Any], at: tuple[str | int, ...], errors: list[FieldError]) -> str:
    source = _text(value, "source", at, errors)
    if _NO_URI_REFERENCE.search(source):
        errors.append(FieldError((*at, "source"), "format", "must be a URI-reference"))
    return source


def _time(value: dict[str, Any], at: tuple[str | int, ...], errors: list[FieldError]) -> int | None:
    time = value.get("time")
    if time is None:
        return None
    if not isinstance(time, str):
        errors.append(FieldError((*at, "time"), "type", "must be a string"))
        return None
    try:
        return rfc3339.parse(time)
    except ValueError as error:
        errors.append(FieldError((*at, "time"), "format", str(error)))
        return None


def _data(value: dict[str, Any], at: tuple[str | int, ...], errors: list[FieldError]) -> dict[str, Any] | None:
    data = value.get("data")
    if data is None or isinstance(data, dict):
        return data
    errors.append(FieldError((*at, "data"), "type", "must be an object or null"))
    return None


def _check_constants(value: dict[str, Any], at: tuple[str | int, ...], errors: list[FieldError]) -> None:
    """The attributes that say how to read the event: nothing of them is kept."""
    version = value.get("specversion")
    if version is not None and version not in SPEC_VERSIONS:
        rule = ("min_length" if version == "" else "enum") if isinstance(version, str) else "type"
        message = f"unknown value; must be one of {', '.join(SPEC_VERSIONS)}"
        errors.append(FieldError((*at, "specversion"), rule, message, choices=SPEC_VERSIONS))
    content_type = value.get("datacontenttype")
    if content_type is not None and content_type != EITHER:
        if not isinstance(content_type, str):
            errors.append(FieldError((*at, "datacontenttype"), "type", "must be a string"))
        elif content_type.split(";", 1)[0].strip().lower() != EITHER:
            message = f"must be {EITHER}"
            errors.append(FieldError((*at, "datacontenttype"), "enum", message, choices=(EITHER,)))
    if value.get("data_base64") is not None:
        errors.append(FieldError((*at, "data_base64"), "unknown", "is not supported: send data as a JSON object"))


def _extensions(
    value: dict[str, Any], at: tuple[str | int, ...], errors: list[FieldError], unknown: Unknown
) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for name, content in value.items():
        if name in _ATTRIBUTES:
            continue
        location = (*at, name[:_MAX_NAME_SHOWN])
        if unknown is Unknown.REFUSED:
            errors.append(FieldError(location, "unknown", "is not an attribute of an event"))
        elif not _EXTENSION_NAME.fullmatch(name):
            message = "an extension attribute's name consists of lower-case letters and digits"
            errors.append(FieldError(location, "pattern", message))
        elif isinstance(content, dict | list):
            errors.append(FieldError(location, "type", "an extension attribute is a string, number or boolean"))
        elif content is not None:
            found[name] = content
    return found or None


def _with_schema(draft: EventDraft, schema: Any, at: tuple[str | int, ...], errors: list[FieldError]) -> EventDraft:
    """Keep ``dataschema`` among the extensions: nothing that a caller sent is lost."""
    if schema is None:
        return draft
    if not isinstance(schema, str) or not schema or _NO_URI_REFERENCE.search(schema):
        errors.append(FieldError((*at, "dataschema"), "format", "must be a URI"))
        return draft
    extensions = {**(draft.extensions or {}), "dataschema": schema}
    return EventDraft(draft.source, draft.id, draft.type, draft.subject, draft.time_us, draft.data, extensions)


def _placed(error: FieldError, at: tuple[str | int, ...]) -> FieldError:
    return FieldError((*at, *error.location[1:]), error.rule, error.message)


def _if_text(value: Any) -> str | None:
    return value[: rules.MAX_SOURCE_BYTES] if isinstance(value, str) else None
