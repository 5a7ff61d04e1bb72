"""API keys in the catalog table.

A key is the item ``pk = "k." + id``, ``sk = "k"``: the only truth about it, so the authorizer needs one GetItem. For
lists a pointer stands in the workspace's partition: ``pk = "w." + workspace``, ``sk = "k." + created_at + "." + id``.
The pointer is written before its key and deleted after it, so no key can work unseen; one that has lost its key is
passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dynameter.access.key import ApiKey
from dynameter.access.service import KeyEntry
from dynameter.clock import MICROSECONDS, Clock
from dynameter.deadline import within
from dynameter.errors import Unavailable
from dynameter.runtime.dynamodb import CONDITION_FAILED, error_code, storage_faults, text, whole
from dynameter.runtime.observability import logger
from dynameter.runtime.retries import pause
from dynameter.workspaces import workspace_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BATCH_MAX = 100
_BATCH_ROUNDS = 5
_TOUCH_TIME_US = MICROSECONDS // 2
"""How long a caller waits at most for the note of a key's last use."""
_INSTANT_DIGITS = 17


class KeyStore:
    """The ``Keys`` of the access service, on DynamoDB."""

    def __init__(self, client: DynamoDBClient, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def insert(self, key: ApiKey) -> bool:
        """Store a new key; False where its id is taken. Costs two write units."""
        self._put_pointer(key)
        try:
            with storage_faults():
                self._client.put_item(
                    TableName=self._table, Item=_to_item(key), ConditionExpression="attribute_not_exists(pk)"
                )
        except ClientError as error:
            if error_code(error) != CONDITION_FAILED:
                raise
            # What is in the way may be this very key: the client sends again what it has no answer to.
            if self.get(key.id) == key:
                return True
            self._delete_pointer(key)
            return False
        return True

    def install(self, key: ApiKey) -> None:
        """Store the key whether or not its id is there already."""
        self._put_pointer(key)
        with storage_faults():
            self._client.put_item(TableName=self._table, Item=_to_item(key))

    def get(self, key_id: str) -> ApiKey | None:
        """The key, strongly consistent: a rotated secret stops with the write's answer."""
        with storage_faults():
            found = self._client.get_item(TableName=self._table, Key=_key(key_id), ConsistentRead=True)
        item = found.get("Item")
        return _from_item(item) if item else None

    def entries(self, workspace: str) -> Sequence[KeyEntry]:
        """The workspace's keys, oldest first: one read unit for about fifty."""
        found: list[KeyEntry] = []
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :p AND begins_with(sk, :s)",
            "ExpressionAttributeValues": {":p": {"S": _partition(workspace)}, ":s": {"S": "k."}},
            "ConsistentRead": True,
        }
        while True:
            with storage_faults():
                page = self._client.query(**query)
            for item in page["Items"]:
                _, created_at, key_id = text(item, "sk").split(".")
                found.append(KeyEntry(key_id, int(created_at), text(item, "b")))
            if "LastEvaluatedKey" not in page:
                return found
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def read(self, workspace: str, entries: Sequence[KeyEntry]) -> Sequence[ApiKey]:
        """The keys behind the entries, in their order, without those that are gone."""
        found: dict[str, ApiKey] = {}
        # A creation cut short may have left a second pointer to a key, or one to somebody else's key.
        ids = list(dict.fromkeys(entry.id for entry in entries))
        for start in range(0, len(ids), _BATCH_MAX):
            for key in self._read_batch(ids[start : start + _BATCH_MAX]):
                if key.workspace == workspace:
                    found[key.id] = key
        return [
            found[entry.id]
            for entry in entries
            if entry.id in found and found[entry.id].created_at_us == entry.created_at_us
        ]

    def replace_secret(self, key: ApiKey, old_hash: bytes) -> bool:
        """Write the key's new secret and term; False where its secret is no longer the old one."""
        try:
            with storage_faults():
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(key.id),
                    UpdateExpression="SET h = :new, m = :now, e = :expires",
                    ConditionExpression="h = :old",
                    ExpressionAttributeValues={
                        ":new": {"B": key.secret_hash},
                        ":old": {"B": old_hash},
                        ":now": {"N": str(key.updated_at_us)},
                        ":expires": {"N": str(key.expires_at_us)},
                    },
                )
        except ClientError as error:
            if error_code(error) != CONDITION_FAILED:
                raise
            # An earlier attempt may have written it and its answer been lost; nobody else would know the secret.
            kept = self.get(key.id)
            return kept is not None and kept.secret_hash == key.secret_hash
        return True

    def delete(self, key: ApiKey) -> None:
        """Delete the key, then its pointer."""
        with storage_faults():
            self._client.delete_item(TableName=self._table, Key=_key(key.id))
        try:
            self._delete_pointer(key)
        except Unavailable:
            # The key is gone, which is what was asked; lists pass over its pointer.
            logger.warning("a deleted key's pointer was left behind", extra={"key_id": key.id})

    def touch_last_used(self, key_id: str, now_us: int, unless_after_us: int) -> None:
        """Note a use, unless a later one than ``unless_after_us`` is noted; never raises for a fault of storage."""
        try:
            with storage_faults(), within(self._clock.now_us() + _TOUCH_TIME_US, self._clock):
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(key_id),
                    UpdateExpression="SET u = :now",
                    # A deleted key must not come back as a stub; parallel requests write once.
                    ConditionExpression="attribute_exists(pk) AND (attribute_not_exists(u) OR u <= :before)",
                    ExpressionAttributeValues={":now": {"N": str(now_us)}, ":before": {"N": str(unless_after_us)}},
                )
        except Unavailable as fault:
            logger.warning("last use was not noted", extra={"key_id": key_id, "fault": fault.message})
        except ClientError as error:
            if error_code(error) != CONDITION_FAILED:
                logger.warning("last use was not noted", extra={"key_id": key_id, "fault": error_code(error)})

    def _read_batch(self, ids: Sequence[str]) -> list[ApiKey]:
        found: list[ApiKey] = []
        wanted: Any = {self._table: {"Keys": [_key(key_id) for key_id in ids], "ConsistentRead": True}}
        for attempt in range(_BATCH_ROUNDS):
            if attempt:
                pause(attempt, self._clock)
            with storage_faults():
                answer = self._client.batch_get_item(RequestItems=wanted)
            found += [_from_item(item) for item in answer["Responses"].get(self._table, [])]
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return found
        raise Unavailable("storage did not read all the keys")

    def _put_pointer(self, key: ApiKey) -> None:
        with storage_faults():
            self._client.put_item(TableName=self._table, Item={**_pointer(key), "b": {"S": key.created_by}})

    def _delete_pointer(self, key: ApiKey) -> None:
        with storage_faults():
            self._client.delete_item(TableName=self._table, Key=_pointer(key))


def _key(key_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"k.{key_id}"}, "sk": {"S": "k"}}


def _partition(workspace: str) -> str:
    return f"w.{workspace_key(workspace)}"


def _pointer(key: ApiKey) -> dict[str, Any]:
    sort = f"k.{key.created_at_us:0{_INSTANT_DIGITS}}.{key.id}"
    return {"pk": {"S": _partition(key.workspace)}, "sk": {"S": sort}}


def _to_item(key: ApiKey) -> dict[str, Any]:
    """w workspace, n name, r role, p permissions, c created, m modified, e expires, b made by, u used, h hash."""
    item = {
        **_key(key.id),
        "w": {"S": key.workspace},
        "r": {"S": key.role},
        "p": {"L": [{"S": scope} for scope in key.permissions]},
        "c": {"N": str(key.created_at_us)},
        "m": {"N": str(key.updated_at_us)},
        "b": {"S": key.created_by},
        "h": {"B": key.secret_hash},
    }
    if key.name is not None:
        item["n"] = {"S": key.name}
    if key.expires_at_us is not None:
        item["e"] = {"N": str(key.expires_at_us)}
    if key.last_used_at_us is not None:
        item["u"] = {"N": str(key.last_used_at_us)}
    return item


def _from_item(item: dict[str, Any]) -> ApiKey:
    return ApiKey(
        id=text(item, "pk").removeprefix("k."),
        workspace=text(item, "w"),
        name=text(item, "n") if "n" in item else None,
        role=text(item, "r"),
        permissions=tuple(scope["S"] for scope in item["p"]["L"]),
        created_at_us=whole(item, "c"),
        updated_at_us=whole(item, "m"),
        expires_at_us=whole(item, "e") if "e" in item else None,
        created_by=text(item, "b"),
        last_used_at_us=whole(item, "u") if "u" in item else None,
        secret_hash=bytes(item["h"]["B"]),
    )
