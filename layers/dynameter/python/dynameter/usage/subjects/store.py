"""Whether a subject has usage at all, from the usage table: mostly one read of one row, however much there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynameter.runtime.dynamodb import storage_faults
from dynameter.usage.rows.cells import is_counted
from dynameter.usage.rows.row import HOUR_ATTRIBUTES, HourSpan, Series, decode, partition_key, sort_key_bounds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAGE_ROWS = 100
"""Rows of each page after the first, which is a single row: only rows whose events are all void need more."""


class PresenceStore:
    """Reads rows only until one shows usage, strongly consistent."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def has_usage(self, series: Series, subject: str, span: HourSpan) -> bool:
        """Whether anything of the subject counts in the hours."""
        first, last = sort_key_bounds(span)
        arguments: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":pk": {"S": partition_key(series, subject)},
                ":first": {"S": first},
                ":last": {"S": last},
            },
            "ProjectionExpression": ", ".join(HOUR_ATTRIBUTES),
            "Limit": 1,
        }
        while True:
            with storage_faults():
                answer = self._client.query(**arguments)
            if any(is_counted(decode(item, minutes=False).total) for item in answer["Items"]):
                return True
            if "LastEvaluatedKey" not in answer:
                return False
            arguments |= {"ExclusiveStartKey": answer["LastEvaluatedKey"], "Limit": PAGE_ROWS}
