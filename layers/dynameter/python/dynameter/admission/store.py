"""The buckets that processes share, in the usage table.

pk  "!limit." workspace     sk  "="
earned  the instant in microseconds at which all that was spent is earned again
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dynameter.errors import Unavailable
from dynameter.runtime.dynamodb import CONDITION_FAILED, error_code, storage_faults
from dynameter.workspaces import workspace_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PREFIX = "!limit."
ROUNDS = 4

_BUSY = ("ADD earned :cost", "earned > :now")
_FULL = ("SET earned = :after", "attribute_not_exists(earned) OR earned <= :now")


class SharedBuckets:
    """Spends from buckets. One write, or two where the bucket was thought full and is not, or the other way round."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def spend(self, workspace: str, cost_us: int, now_us: int, last_us: int) -> int:
        """Take the cost from the bucket, however empty it is; answers the instant at which all of it is earned again.

        ``last_us`` is what was answered last. Raises ``Unavailable`` where storage does not answer; the cost may be
        taken then, and may be taken twice where an answer was lost.
        """
        tries = (_BUSY, _FULL) if last_us > now_us else (_FULL, _BUSY)
        for update, condition in tries * (ROUNDS // 2):
            values = {":now": now_us, ":after": now_us + cost_us, ":cost": cost_us}
            used = {name: {"N": str(value)} for name, value in values.items() if name in update + condition}
            try:
                with storage_faults():
                    answer: Any = self._client.update_item(
                        TableName=self._table,
                        Key={"pk": {"S": PREFIX + workspace_key(workspace)}, "sk": {"S": "="}},
                        UpdateExpression=update,
                        ConditionExpression=condition,
                        ExpressionAttributeValues=used,
                        ReturnValues="ALL_NEW",
                    )
            except ClientError as error:
                if error_code(error) != CONDITION_FAILED:
                    raise
                continue
            return int(answer["Attributes"]["earned"]["N"])
        raise Unavailable("storage did not accept the request: a limit kept changing")
