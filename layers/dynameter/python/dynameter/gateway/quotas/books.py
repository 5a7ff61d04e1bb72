"""The books of reservations, in the usage table. Only this module knows their keys and attributes.

    pk  "!quota." workspace (22 characters) "." digest of user, meter type and month     sk  "="
    t   taken: what the reservations take of the limit     c   committed: the part of it that is used for good
    o   how many entries there are                         x   epoch second after which nobody needs the book
    u   the user     m   the meter type     p   the month's first instant (epoch microseconds)
    r + 11 characters    an entry, JSON: ["o", units, expires, created] or ["s", units, created, committed, data]

A book has a partition of its own, for each reservation writes it: in the catalog all of a workspace's users would share
one. Every change is one conditional UpdateItem of the one item, so ``t`` always equals what the entries hold plus
``c``; a write that was sent again after its answer was lost fails its condition and finds its own entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dynameter import codec
from dynameter.clock import MICROSECONDS
from dynameter.errors import Unavailable
from dynameter.gateway.plan import MeterType
from dynameter.gateway.quotas.quota import add, subtract
from dynameter.gateway.quotas.reservation import MAX_OPEN, Book, BookKey, Entry, Hold, Settling
from dynameter.meters.quantity import render_text
from dynameter.runtime.dynamodb import CONDITION_FAILED, error_code, storage_faults, text
from dynameter.workspaces import workspace_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PREFIX = "!quota."
KEPT_AFTER_S = 40 * 86_400
"""How long a book is kept after its month."""

_ENTRY = "r"
_ENTRY_NAME_CHARACTERS = 12
_SORT_KEY = {"S": "="}
_NOTHING = Decimal(0)

_INVALID, _TOO_LARGE = "ValidationException", "Item size"
"""How DynamoDB refuses an item of more than 400 KB."""
_WAIT_S = 5

_Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a change: whether the book has it now, and the book (None where there is none)."""

    done: bool
    book: Book | None


class BookStore:
    """Books in DynamoDB; every read is strongly consistent."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def read(self, workspace: str, digest: str) -> Book | None:
        """The book; one read unit for 4 KB, some sixty open reservations."""
        with storage_faults():
            answer = self._client.get_item(TableName=self._table, Key=_key(workspace, digest), ConsistentRead=True)
        return _to_book(workspace, digest, dict(answer["Item"])) if "Item" in answer else None

    def hold(self, key: BookKey, nonce: str, hold: Hold, room: Decimal | None) -> Written:
        """Open a reservation, where not more than ``room`` is taken yet (None: whatever is taken)."""
        units = _number(hold.units)
        values: _Item = {
            ":entry": {"S": _encode(hold)},
            ":units": units,
            ":one": _number(1),
            ":most": _number(MAX_OPEN),
            ":user": {"S": key.user_id},
            ":meter": {"S": key.meter_type.value},
            ":period": _number(key.period.start_us),
            ":gone": _number(key.period.end_us // MICROSECONDS + KEPT_AFTER_S),
        }
        conditions = ["attribute_not_exists(#entry)", "(attribute_not_exists(o) OR o < :most)"]
        if room is not None:
            if room < 0:
                return Written(False, self.read(key.workspace, key.digest))
            conditions.append("(attribute_not_exists(t) OR t <= :room)")
            values[":room"] = _number(room)
        return self._write(
            key.workspace,
            key.digest,
            {nonce: hold},
            update="SET #entry = :entry, u = :user, m = :meter, p = :period, x = :gone ADD t :units, o :one",
            condition=" AND ".join(conditions),
            names={"#entry": _name(nonce)},
            values=values,
        )

    def settle(self, book: Book, nonce: str, hold: Hold, settling: Settling) -> Written:
        """Turn an open reservation into a commit: its actual units are taken for good, its event is to be stored."""
        return self._write(
            book.workspace,
            book.digest,
            {nonce: settling},
            update="SET #entry = :new ADD t :more, c :units",
            condition="#entry = :old",
            names={"#entry": _name(nonce)},
            values={
                ":old": {"S": _encode(hold)},
                ":new": {"S": _encode(settling)},
                ":more": _number(subtract(settling.units, hold.units)),
                ":units": _number(settling.units),
            },
        )

    def finish(self, book: Book, nonce: str, settling: Settling) -> Written:
        """Drop a commit whose event is stored."""
        return self._write(
            book.workspace,
            book.digest,
            {nonce: None},
            update="REMOVE #entry ADD o :less",
            condition="#entry = :old",
            names={"#entry": _name(nonce)},
            values={":old": {"S": _encode(settling)}, ":less": _number(-1)},
        )

    def give_back(self, book: Book, holds: Mapping[str, Hold]) -> Written:
        """Close open reservations unused; all of them or, where one has changed since, none."""
        names, values, conditions = {}, {}, []
        for place, (nonce, hold) in enumerate(holds.items()):
            names[f"#e{place}"] = _name(nonce)
            values[f":e{place}"] = {"S": _encode(hold)}
            conditions.append(f"#e{place} = :e{place}")
        units = subtract(_NOTHING, add(*(hold.units for hold in holds.values())))
        return self._write(
            book.workspace,
            book.digest,
            dict.fromkeys(holds),
            update=f"REMOVE {', '.join(names)} ADD t :units, o :less",
            condition=" AND ".join(conditions),
            names=names,
            values={**values, ":units": _number(units), ":less": _number(-len(holds))},
        )

    def _write(
        self,
        workspace: str,
        digest: str,
        wanted: Mapping[str, Entry | None],
        *,
        update: str,
        condition: str,
        names: dict[str, str],
        values: _Item,
    ) -> Written:
        """One conditional update; one that is refused counts as done where the book holds what was ``wanted``."""
        try:
            with storage_faults():
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=_key(workspace, digest),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ClientError as error:
            if error_code(error) == _INVALID and _TOO_LARGE in str(error):
                # Commits wait in the book until their events are stored: it is full where storage takes no events.
                raise Unavailable("too many commits of the user wait to be stored", retry_after_s=_WAIT_S) from error
            if error_code(error) != CONDITION_FAILED:
                raise
            old: Any = error.response.get("Item")
        else:
            return Written(True, _to_book(workspace, digest, answer["Attributes"]))
        book = _to_book(workspace, digest, old) if old else self.read(workspace, digest)
        entries = book.entries if book else {}
        return Written(all(entries.get(nonce) == entry for nonce, entry in wanted.items()), book)


def _key(workspace: str, digest: str) -> _Item:
    return {"pk": {"S": f"{PREFIX}{workspace_key(workspace)}.{digest}"}, "sk": _SORT_KEY}


def _name(nonce: str) -> str:
    return _ENTRY + nonce


def _number(value: Decimal | int) -> _Item:
    return {"N": str(value) if isinstance(value, int) else render_text(value)}


def _encode(entry: Entry) -> str:
    units = render_text(entry.units)
    if isinstance(entry, Hold):
        return codec.encode(["o", units, entry.expires_at_us, entry.created_at_us]).decode()
    return codec.encode(["s", units, entry.created_at_us, entry.committed_at_us, entry.data]).decode()


def _decode(encoded: str) -> Entry:
    kind, units, first, second, *data = codec.decode(encoded)
    if kind == "o":
        return Hold(Decimal(units), expires_at_us=first, created_at_us=second)
    return Settling(Decimal(units), created_at_us=first, committed_at_us=second, data=data[0])


def _to_book(workspace: str, digest: str, item: Mapping[str, Any]) -> Book:
    attributes = dict(item)
    return Book(
        workspace=workspace,
        digest=digest,
        user_id=text(attributes, "u"),
        meter_type=MeterType(text(attributes, "m")),
        taken=_decimal(attributes, "t"),
        committed=_decimal(attributes, "c"),
        entries={
            name[len(_ENTRY) :]: _decode(value["S"])
            for name, value in attributes.items()
            if name.startswith(_ENTRY) and len(name) == _ENTRY_NAME_CHARACTERS
        },
    )


def _decimal(item: Mapping[str, Any], name: str) -> Decimal:
    return Decimal(item[name]["N"]) if name in item else _NOTHING
