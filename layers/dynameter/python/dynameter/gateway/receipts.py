"""What is remembered of batches that came with an Idempotency-Key, in the usage table. Only this module knows how.

pk  "!batch." workspace (22 characters) "." name of the key     sk  "="
h   the body's digest     d   the places of duplicates, as JSON     r   when (epoch microseconds)
x   epoch second after which the table may drop it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dynameter import codec
from dynameter.clock import MICROSECONDS, Clock
from dynameter.gateway.external import Receipt
from dynameter.runtime.dynamodb import CONDITION_FAILED, error_code, storage_faults, text, whole
from dynameter.workspaces import workspace_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PREFIX = "!batch."
LIFE_US = 24 * 3_600 * MICROSECONDS
"""How long the same batch has the same result."""

_ROUNDS = 3


class ReceiptStore:
    """Receipts in DynamoDB; every read is strongly consistent."""

    def __init__(self, client: DynamoDBClient, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def get(self, workspace: str, name: str) -> Receipt | None:
        """The receipt of a batch of the last 24 hours."""
        with storage_faults():
            answer = self._client.get_item(TableName=self._table, Key=_key(workspace, name), ConsistentRead=True)
        item: Any = answer.get("Item")
        if not item or whole(item, "r") <= self._clock.now_us() - LIFE_US:
            return None
        return Receipt(bytes(item["h"]["B"]), tuple(codec.decode(text(item, "d"))))

    def put(self, workspace: str, name: str, receipt: Receipt) -> Receipt:
        """Remember the receipt; answers the one that was there first."""
        now_us = self._clock.now_us()
        item = {
            **_key(workspace, name),
            "h": {"B": receipt.body_digest},
            "d": {"S": codec.encode(receipt.duplicates).decode()},
            "r": {"N": str(now_us)},
            "x": {"N": str((now_us + 2 * LIFE_US) // MICROSECONDS)},
        }
        for _ in range(_ROUNDS):
            try:
                with storage_faults():
                    self._client.put_item(
                        TableName=self._table,
                        Item=item,
                        ConditionExpression="attribute_not_exists(pk) OR r <= :old",
                        ExpressionAttributeValues={":old": {"N": str(now_us - LIFE_US)}},
                    )
            except ClientError as error:
                if error_code(error) != CONDITION_FAILED:
                    raise
            else:
                return receipt
            first = self.get(workspace, name)
            if first is not None:
                return first
        return receipt


def _key(workspace: str, name: str) -> dict[str, Any]:
    return {"pk": {"S": f"{PREFIX}{workspace_key(workspace)}.{name}"}, "sk": {"S": "="}}
