"""Where rules, channels and crossings are kept: the catalog table, under the workspace's partition.

    sk          item
    bt.v        the version of the workspace's rules (version), and how many of both it has (n_rules, n_channels)
    bt.r.<id>   a rule
    bt.c.<id>   a channel, with its secret (the table is encrypted at rest)
    bt.e.<id>   a crossing: ``body``; ``sent_us`` once the event bus has it; ``d``, the deliveries by channel

A crossing is put under the condition that it is not there; that write is the one claim to have found it. Its insertion
reaches the notifier by the table's stream, so it is the outbox, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dynameter import codec
from dynameter.billing.thresholds.crossing import Crossing, DeliveryState, DeliveryStatus
from dynameter.billing.thresholds.limits import MAX_CHANNELS, MAX_RULES
from dynameter.billing.thresholds.records import (
    Record,
    channel_record,
    crossing_record,
    read_channel,
    read_crossing,
    read_rule,
    rule_record,
)
from dynameter.billing.thresholds.rule import Channel, Rule
from dynameter.errors import AlreadyExists, DynameterError, TooLarge, VersionConflict
from dynameter.runtime.catalog import Catalog, Item, key, number
from dynameter.runtime.dynamodb import CONDITION_FAILED, error_code, storage_faults, text, whole
from dynameter.workspaces import workspace_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_LISTED = 10_000
"""Crossings that one list looks through."""

_VERSION, _RULE, _CHANNEL, CROSSING = "bt.v", "bt.r.", "bt.c.", "bt.e."
_FREE, _UNCHANGED = "attribute_not_exists(pk)", "version = :before"


class ThresholdStore:
    """Rules, channels and crossings in the catalog table; every read is strongly consistent."""

    def __init__(self, catalog: Catalog, client: DynamoDBClient, table: str) -> None:
        self._catalog = catalog
        self._client = client
        self._table = table

    # ---- rules and channels

    def version(self, workspace: str) -> int:
        """A number that grows with every change of the workspace's rules; 0 where it never had one."""
        item = self._catalog.get(workspace, _VERSION)
        return whole(item, "version") if item else 0

    def rules(self, workspace: str) -> tuple[Rule, ...]:
        """Every rule, by id."""
        return tuple(read_rule(workspace, _body(item)) for item in self._catalog.query(workspace, _RULE))

    def rule(self, workspace: str, rule_id: str) -> Rule | None:
        """The rule of that id."""
        item = self._catalog.get(workspace, _RULE + rule_id)
        return read_rule(workspace, _body(item)) if item else None

    def channels(self, workspace: str) -> tuple[Channel, ...]:
        """Every channel, by id."""
        return tuple(read_channel(workspace, _body(item)) for item in self._catalog.query(workspace, _CHANNEL))

    def channel(self, workspace: str, channel_id: str) -> Channel | None:
        """The channel of that id."""
        item = self._catalog.get(workspace, _CHANNEL + channel_id)
        return read_channel(workspace, _body(item)) if item else None

    def insert(self, one: Rule | Channel) -> None:
        """Add it. Raises AlreadyExists where the workspace is full."""
        what, most = ("rules", MAX_RULES) if isinstance(one, Rule) else ("channels", MAX_CHANNELS)
        full = AlreadyExists(f"a workspace holds at most {most} notification {what}", code=f"{what}_limit_exceeded")
        counter = f"n_{what}"
        room = f"attribute_not_exists({counter}) OR {counter} < :most"
        self._catalog.transact(
            [
                self._catalog.put(_to_item(one), _FREE),
                self._catalog.add(key(one.workspace, _VERSION), {"version": 1, counter: 1}, room, most),
            ],
            [AlreadyExists(f"{one.id} exists already"), full],
        )

    def replace(self, one: Rule | Channel) -> None:
        """Write it over its last version. Raises VersionConflict where another one is stored."""
        self._catalog.transact(
            [
                self._catalog.put(_to_item(one), _UNCHANGED, {":before": number(one.version - 1)}),
                self._catalog.add(key(one.workspace, _VERSION), {"version": 1}),
            ],
            [_changed(one)],
        )

    def delete(self, one: Rule | Channel) -> None:
        """Delete that version. Raises VersionConflict where another one is stored."""
        counter = "n_rules" if isinstance(one, Rule) else "n_channels"
        item_key = key(one.workspace, _prefix(one) + one.id)
        self._catalog.transact(
            [
                self._catalog.delete(item_key, _UNCHANGED, {":before": number(one.version)}),
                self._catalog.add(key(one.workspace, _VERSION), {"version": 1, counter: -1}),
            ],
            [_changed(one)],
        )

    # ---- crossings

    def record(self, crossing: Crossing) -> bool:
        """Keep the crossing unless it is known; whether it is new."""
        item = {
            **key(crossing.workspace, CROSSING + crossing.id),
            "created_us": number(crossing.created_at_us),
            "body": {"S": codec.encode(crossing_record(crossing)).decode()},
            "d": {"M": {}},
        }
        return self._claims("put_item", Item=item, ConditionExpression=_FREE)

    def crossing(self, workspace: str, crossing_id: str) -> Crossing | None:
        """The crossing of that id."""
        item = self._catalog.get(workspace, CROSSING + crossing_id)
        return _to_crossing(workspace, item) if item else None

    def crossings(self, workspace: str) -> tuple[Crossing, ...]:
        """Every crossing, by id and so by the start of its period. Raises TooLarge past ``MAX_LISTED``."""
        return tuple(self._crossings(workspace))

    def mark_sent(self, crossing: Crossing, now_us: int) -> bool:
        """Remember that the event bus has it; whether that is new."""
        return self._claims(
            "update_item",
            Key=key(crossing.workspace, CROSSING + crossing.id),
            UpdateExpression="SET sent_us = :now",
            ConditionExpression="attribute_exists(pk) AND attribute_not_exists(sent_us)",
            ExpressionAttributeValues={":now": number(now_us)},
        )

    def report_delivery(self, crossing: Crossing, channel_id: str, status: DeliveryStatus) -> None:
        """Write down an attempt on a channel; one that succeeded stays."""
        values = {
            "state": {"S": status.state.value},
            "reason": {"S": status.reason},
            "updated_us": number(status.updated_at_us),
            "attempts": number(status.attempts),
        }
        self._claims(
            "update_item",
            Key=key(crossing.workspace, CROSSING + crossing.id),
            UpdateExpression="SET d.#channel = :status",
            ConditionExpression=(
                "attribute_exists(pk) AND (attribute_not_exists(d.#channel) OR d.#channel.#state <> :done)"
            ),
            ExpressionAttributeNames={"#channel": channel_id, "#state": "state"},
            ExpressionAttributeValues={":status": {"M": values}, ":done": {"S": DeliveryState.SUCCESS.value}},
        )

    def _crossings(self, workspace: str) -> Iterator[Crossing]:
        for count, item in enumerate(self._catalog.query(workspace, CROSSING)):
            if count == MAX_LISTED:
                message = f"the workspace has more than {MAX_LISTED} notification events; ask for them by id"
                raise TooLarge(message, code="too_many_events")
            yield _to_crossing(workspace, item)

    def _claims(self, operation: str, **arguments: Any) -> bool:
        """Make one conditional write; whether its condition held."""
        try:
            with storage_faults():
                getattr(self._client, operation)(TableName=self._table, **arguments)
        except ClientError as error:
            if error_code(error) != CONDITION_FAILED:
                raise
            return False
        return True


class RuleCache:
    """The rules that are in force, of each workspace as of the last look at its version."""

    def __init__(self, store: ThresholdStore, most: int = 1_000) -> None:
        self._store = store
        self._most = most
        self._known: dict[str, tuple[int, tuple[Rule, ...]]] = {}

    def load(self, workspaces: Collection[str]) -> dict[str, tuple[Rule, ...]]:
        """The rules of each workspace that has any in force, no older than this call."""
        found = {}
        for workspace in workspaces:
            version = self._store.version(workspace)
            known = self._known.get(workspace)
            if known is None or known[0] != version:
                # What is read after the version is no older than it; if it is newer, the next call reads it again.
                rules = tuple(one for one in self._store.rules(workspace) if not one.disabled) if version else ()
                self._remember(workspace, (version, rules))
                known = (version, rules)
            if known[1]:
                found[workspace] = known[1]
        return found

    def _remember(self, workspace: str, known: tuple[int, tuple[Rule, ...]]) -> None:
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[workspace] = known


def read_crossing_key(keys: Item) -> tuple[str, str] | None:
    """The workspace and the id of a crossing in the keys of a stream record; None where it is another item."""
    partition, sort = text(keys, "pk"), text(keys, "sk")
    if not sort.startswith(CROSSING):
        return None
    return workspace_of(partition.removeprefix("w.")), sort.removeprefix(CROSSING)


# ---- mapping


def _prefix(one: Rule | Channel) -> str:
    return _RULE if isinstance(one, Rule) else _CHANNEL


def _to_item(one: Rule | Channel) -> Item:
    record: Record = rule_record(one) if isinstance(one, Rule) else channel_record(one)
    return {
        **key(one.workspace, _prefix(one) + one.id),
        "version": number(one.version),
        "body": {"S": codec.encode(record).decode()},
    }


def _body(item: Item) -> Record:
    record: Record = codec.decode(text(item, "body"))
    return record


def _to_crossing(workspace: str, item: Item) -> Crossing:
    found = read_crossing(workspace, _body(item))
    deliveries = {
        name: DeliveryStatus(
            DeliveryState(text(one["M"], "state")),
            text(one["M"], "reason"),
            whole(one["M"], "updated_us"),
            whole(one["M"], "attempts"),
        )
        for name, one in item["d"]["M"].items()
    }
    sent_at_us = whole(item, "sent_us") if "sent_us" in item else None
    return Crossing(
        found.id,
        found.rule,
        found.threshold,
        found.customer,
        found.feature,
        found.standing,
        found.created_at_us,
        sent_at_us,
        deliveries,
    )


def _changed(one: Rule | Channel) -> DynameterError:
    return VersionConflict(f"{one.id} was changed by another request")
