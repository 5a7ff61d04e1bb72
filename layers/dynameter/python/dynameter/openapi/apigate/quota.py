"""Quotas: may a user go on this month, and reservations."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from dynameter.access.principal import EVENTS_WRITE, USAGE_READ
from dynameter.gateway.quotas.reservation import DEFAULT_TTL_S, MAX_RESERVED, MAX_TTL_S
from dynameter.gateway.rules import MAX_USER_ID_BYTES
from dynameter.openapi.apigate.exchanges import Exchange
from dynameter.openapi.apigate.jsonapi import CLOSED, ErrorHead, Found, answer, number, sent, whole_number
from dynameter.openapi.apigate.plans import EnforceMode, MeterType
from dynameter.openapi.operation import Answer, Operation
from dynameter.openapi.parameters import STATE
from dynameter.openapi.shapes import Instant, Number

UserId = Annotated[str, Field(min_length=1, max_length=MAX_USER_ID_BYTES)]
ReservedUnits = Annotated[Any, number(exclusiveMinimum=0, maximum=int(MAX_RESERVED))]
UsedUnits = Annotated[Any, number(minimum=0, maximum=int(MAX_RESERVED))]
Seconds = Annotated[Any, whole_number(1, MAX_TTL_S)]


@with_config(CLOSED)
class Question(TypedDict):
    """May this user make one more request?"""

    user_id: UserId
    route_id: NotRequired[Annotated[str, Field(description="Is only checked to exist.")]]


class QuestionResource(TypedDict):
    """A question."""

    type: NotRequired[Literal["quota"]]
    id: NotRequired[str | None]
    attributes: Question


@with_config(CLOSED)
class Wish(TypedDict):
    """Units to be taken before they are used."""

    user_id: UserId
    units: NotRequired[Annotated[ReservedUnits, Field(description="From 10^-9; 1 where it is absent.")]]
    ttl_s: NotRequired[Annotated[Seconds, Field(description=f"Until they are given back; {DEFAULT_TTL_S} by default.")]]


class WishResource(TypedDict):
    """A wish."""

    type: NotRequired[Literal["reservations"]]
    id: NotRequired[str | None]
    attributes: Wish


class _Used(TypedDict, total=False):
    units: Annotated[UsedUnits, Field(description="What was really used; without it what was reserved or measured.")]
    exchange: Annotated[Exchange | None, Field(description="The exchange; who and when is the reservation's to say.")]


@with_config(CLOSED)
class Use(_Used):
    """What was really used of a reservation."""

    id: str


@with_config(CLOSED)
class UseAttributes(_Used, total=False):
    """What was really used of the reservation that the document names."""

    id: str


class UseResource(TypedDict):
    """What was really used of a reservation."""

    type: NotRequired[Literal["reservations"]]
    id: NotRequired[str | None]
    attributes: NotRequired[UseAttributes]


@with_config(CLOSED)
class Release(TypedDict):
    """A reservation to be given back."""

    id: str


@with_config(CLOSED)
class ReleaseAttributes(TypedDict, total=False):
    """The reservation, where the document does not name it."""

    id: str


class ReleaseResource(TypedDict):
    """A reservation to be given back."""

    type: NotRequired[Literal["reservations"]]
    id: NotRequired[str | None]
    attributes: NotRequired[ReleaseAttributes]


class Standing(TypedDict):
    """Where the user stands, what is asked for counted in; null is what is not counted without a limit."""

    allowed: bool
    used: Number | None
    limit: Annotated[int, Field(description="-1 is no limit.")]
    remaining: Number | None
    percent: Number
    level: Literal["none", "approaching", "critical", "exceeded"]
    overage: Number
    current: Number | None
    increment: Number
    reset: Instant
    plan_id: str
    meter_type: MeterType
    enforce_mode: EnforceMode


class Quota(TypedDict):
    """Where the user stands."""

    type: Literal["quota"]
    id: str
    attributes: Standing


class HeldAttributes(Standing):
    """A reservation and where the user stands with it."""

    user_id: str
    units: Number
    state: Literal["open"]
    expires_at: Instant


class Held(TypedDict):
    """A reservation just made."""

    type: Literal["reservations"]
    id: str
    attributes: HeldAttributes


class CommittedAttributes(TypedDict):
    """What was stored; of a commit that was repeated, what the first stored."""

    user_id: str
    units: Number
    state: Literal["committed"]
    meter_type: MeterType
    metering_error: str | None
    repeated: bool


class Committed(TypedDict):
    """A reservation whose usage is stored."""

    type: Literal["reservations"]
    id: str
    attributes: CommittedAttributes


class ReleasedAttributes(TypedDict):
    """What became of the reservation."""

    state: Literal["released"]


class Released(TypedDict):
    """A reservation that is given back."""

    type: Literal["reservations"]
    id: str
    attributes: ReleasedAttributes


class Denial(ErrorHead):
    """The quota does not allow it; meta is where the user stands."""

    meta: Standing


class Denied(TypedDict):
    """Why not."""

    errors: list[Denial]


HEADERS = {
    **STATE,
    "x-quota-used": "What is used with this request; where there is a limit, as the next ones.",
    "x-quota-limit": "The limit.",
    "x-quota-remaining": "What is left.",
    "x-quota-reset": "The first instant of the next month.",
    "x-quota-warning": "Of a plan that warns: how near the limit is.",
}
BASE = "/v1/{workspace_id}/quota"
RESERVATION = "qr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def _denial() -> Answer:
    headers = {**HEADERS, "retry-after": "Seconds to the next month."}
    return answer(402, "The quota is used up.", Denied, headers)


OPERATIONS = (
    Operation(
        route=f"POST {BASE}/check",
        id="checkQuota",
        summary="Whether a user may make one more request",
        tag="Quotas",
        scope=USAGE_READ,
        description="Nothing is taken: requests at the same time may pass it together.",
        body=sent(QuestionResource, Question, {"user_id": "user-1"}),
        answers=(answer(200, "The user may.", Found[Quota], HEADERS), _denial()),
        refusals=(400, 404, 409, 413, 422),
    ),
    Operation(
        route=f"POST {BASE}/reserve",
        id="reserveQuota",
        summary="Take units before they are used",
        tag="Quotas",
        scope=EVENTS_WRITE,
        body=sent(WishResource, Wish, {"user_id": "user-1", "units": 1, "ttl_s": 60}),
        answers=(answer(201, "The reservation.", Found[Held], HEADERS), _denial()),
        refusals=(400, 409, 413, 422),
    ),
    Operation(
        route=f"POST {BASE}/commit",
        id="commitQuota",
        summary="Store what was really used of a reservation, exactly once",
        tag="Quotas",
        scope=EVENTS_WRITE,
        body=sent(UseResource, Use, {"id": RESERVATION, "units": 1}),
        answers=(answer(200, "It is stored.", Found[Committed]),),
        refusals=(400, 404, 409, 413, 422),
    ),
    Operation(
        route=f"POST {BASE}/release",
        id="releaseQuota",
        summary="Give a reservation back unused",
        tag="Quotas",
        scope=EVENTS_WRITE,
        body=sent(ReleaseResource, Release, {"id": RESERVATION}),
        answers=(answer(200, "It is given back.", Found[Released]),),
        refusals=(400, 404, 409, 413, 422),
    ),
)
