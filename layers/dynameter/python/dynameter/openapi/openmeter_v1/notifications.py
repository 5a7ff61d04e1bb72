"""Rules, channels and events of thresholds in OpenMeter v1's form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.dialects.openmeter_v1.notifications import EVENT_TYPE, ChannelBody, RuleBody
from dynameter.openapi.openmeter_v1.lists import PAGE
from dynameter.openapi.openmeter_v1.notification_shapes import Channel, CreatedChannel, NotificationEvent, Rule
from dynameter.openapi.operation import Operation, Parameter, Shape, json_answer, json_body, no_content
from dynameter.openapi.parameters import ORDER
from dynameter.openapi.shapes import Instant, Page

TAG = "Notifications"
BASE = "/api/v1/notification"
RULE = {
    "type": EVENT_TYPE,
    "name": "Nearly used up",
    "thresholds": [{"type": "usage_percentage", "value": 80}, {"type": "usage_percentage", "value": 100}],
    "channels": [],
}
CHANNEL = {"type": "WEBHOOK", "name": "Billing", "url": "https://hooks.example.com/usage"}


@dataclass(frozen=True, slots=True)
class _Kind:
    """Rules or channels: their body, an example, and what is shown of one, of a new one and of many."""

    body: Shape
    example: Any
    shown: Shape
    created: Shape
    listed: Shape


def _operations(what: str, one: str, kind: _Kind) -> tuple[Operation, ...]:
    """The operations on rules or channels; ``one`` is the path of one of them."""
    many, name = f"{BASE}/{what}s", what.capitalize()
    return (
        Operation(
            route=f"POST {many}",
            id=f"create{name}",
            summary=f"Create a {what}",
            tag=TAG,
            scope=BILLING_WRITE,
            body=json_body(kind.body, kind.example),
            answers=(json_answer(201, f"The {what}.", kind.created),),
            refusals=(400, 409),
        ),
        Operation(
            route=f"GET {many}",
            id=f"list{name}s",
            summary=f"List {what}s by age",
            tag=TAG,
            scope=BILLING_READ,
            parameters=(*PAGE, ORDER),
            answers=(json_answer(200, f"A page of {what}s.", kind.listed),),
            refusals=(400, 413),
        ),
        Operation(
            route=f"GET {one}",
            id=f"get{name}",
            summary=f"Get a {what}",
            tag=TAG,
            scope=BILLING_READ,
            answers=(json_answer(200, f"The {what}.", kind.shown),),
            refusals=(404,),
        ),
        Operation(
            route=f"PUT {one}",
            id=f"replace{name}",
            summary=f"Replace a {what}",
            tag=TAG,
            scope=BILLING_WRITE,
            body=json_body(kind.body, kind.example),
            answers=(json_answer(200, f"The {what}.", kind.shown),),
            refusals=(400, 404, 409),
        ),
        Operation(
            route=f"DELETE {one}",
            id=f"delete{name}",
            summary=f"Delete a {what}",
            tag=TAG,
            scope=BILLING_WRITE,
            answers=(no_content("It is deleted."),),
            refusals=(404, 409),
        ),
    )


OPERATIONS = (
    *_operations("rule", f"{BASE}/rules/{{ruleId}}", _Kind(RuleBody, RULE, Rule, Rule, Page[Rule])),
    *_operations(
        "channel",
        f"{BASE}/channels/{{channelId}}",
        _Kind(ChannelBody, CHANNEL, Channel, CreatedChannel, Page[Channel]),
    ),
    Operation(
        route=f"GET {BASE}/events",
        id="listNotificationEvents",
        summary="List crossed thresholds, the latest first",
        tag=TAG,
        scope=BILLING_READ,
        parameters=(
            *PAGE,
            Parameter("order", ORDER.shape, "Ascending or descending (default)."),
            Parameter("from", Instant, "The first instant of crossing."),
            Parameter("to", Instant, "The instant before which they were crossed."),
            Parameter("feature", list[str], "Features, by id or key."),
            Parameter("customer", list[str], "Customers, by id or key."),
            Parameter("rule", list[str], "Rules, by id."),
            Parameter("channel", list[str], "Channels, by id."),
        ),
        answers=(json_answer(200, "A page of events.", Page[NotificationEvent]),),
        refusals=(400, 413),
    ),
    Operation(
        route=f"GET {BASE}/events/{{eventId}}",
        id="getNotificationEvent",
        summary="Get a crossed threshold, and what became of its webhooks",
        tag=TAG,
        scope=BILLING_READ,
        answers=(json_answer(200, "The event.", NotificationEvent),),
        refusals=(404,),
    ),
)
