"""The DynamoDB client and the one place where its faults become errors of the domain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from dynameter.errors import Unavailable
from dynameter.runtime.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONDITION_FAILED = "ConditionalCheckFailedException"
TRANSACTION_CANCELED = "TransactionCanceledException"

THROTTLES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "ThrottlingError",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceeded",
    }
)
_PASSING = THROTTLES | {
    "InternalServerError",
    "InternalFailure",
    "ServiceUnavailable",
    "TransactionInProgressException",
    "TransactionConflictException",
    "RequestTimeout",
    "LimitExceededException",
}


def create_client(settings: Settings, *, read_timeout_s: int = 4, attempts: int = 4) -> DynamoDBClient:
    """Make the client: bounded waits, a few retries with jitter, and a pool wide enough for parallel batches.

    ``attempts`` times (``read_timeout_s`` + 1 to connect) must fit into the function's time-out.

    Account-id endpoints are off: emulators do not know them, and AWS answers on the regional one all the same.
    """
    config = Config(
        account_id_endpoint_mode="disabled",
        connect_timeout=1,
        read_timeout=read_timeout_s,
        max_pool_connections=32,
        parameter_validation=False,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    # A session of its own: boto3's default one must not be used from several threads at once.
    session = boto3.session.Session()
    client: DynamoDBClient = session.client("dynamodb", config=config, endpoint_url=settings.endpoint)
    return client


def error_code(error: ClientError) -> str:
    """DynamoDB's name for the fault."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def storage_faults() -> Iterator[None]:
    """Turn throttling, time-outs and lost connections into ``Unavailable``; leave bugs as they are."""
    try:
        yield
    except ClientError as error:
        if error_code(error) in _PASSING:
            raise Unavailable(f"storage did not accept the request: {error_code(error)}") from error
        raise
    except BotoCoreError as error:
        raise Unavailable(f"storage did not answer: {type(error).__name__}") from error


def text(item: dict[str, Any], name: str) -> str:
    """A string attribute of an item."""
    value: str = item[name]["S"]
    return value


def whole(item: dict[str, Any], name: str) -> int:
    """A whole-number attribute of an item; 0 where it is absent."""
    return int(item[name]["N"]) if name in item else 0
