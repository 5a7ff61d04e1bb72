"""The DynamoDB client and the one place where its faults become errors of the domain."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore import __version__ as botocore_version
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from dynameter.clock import Clock, SystemClock
from dynameter.errors import Unavailable
from dynameter.runtime.retries import BAD_STATUS, PASSING, THROTTLES, Retries
from dynameter.runtime.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONDITION_FAILED = "ConditionalCheckFailedException"
TRANSACTION_CANCELED = "TransactionCanceledException"


def create_client(
    settings: Settings, *, read_timeout_s: int = 4, attempts: int = 4, clock: Clock | None = None
) -> DynamoDBClient:
    """Make the client: bounded waits, retries within the caller's deadline, a pool wide enough for parallel batches.

    ``attempts`` bounds the retries where no deadline is set, see ``dynameter.runtime.retries``.

    Account-id endpoints are off: emulators do not know them, and AWS answers on the regional one all the same.
    """
    config = Config(
        account_id_endpoint_mode="disabled",
        connect_timeout=1,
        read_timeout=read_timeout_s,
        max_pool_connections=32,
        parameter_validation=False,
        retries={"mode": "standard", "total_max_attempts": 1},
        # A fixed text: botocore's own is put together anew for every call, a tenth of the call's processor time.
        user_agent=f"dynameter botocore/{botocore_version}",
    )
    # A session of its own: one must not be used from several threads. Not boto3's, whose import brings S3 transfers.
    session: Any = get_session()
    client: DynamoDBClient = session.create_client("dynamodb", config=config, endpoint_url=settings.endpoint)
    Retries(clock or SystemClock(), random.random, read_timeout_s, attempts).install(client)
    return client


def error_code(error: ClientError) -> str:
    """DynamoDB's name for the fault."""
    return str(error.response.get("Error", {}).get("Code", ""))


def describe_fault(error: Exception) -> dict[str, str]:
    """What a log says of a fault: its type, and the code that AWS gave it. Its text may quote what was sent."""
    origin = error if isinstance(error, ClientError) else error.__cause__
    code = {"code": error_code(origin)} if isinstance(origin, ClientError) else {}
    return {"error": type(error).__name__, **code}


@contextmanager
def storage_faults() -> Iterator[None]:
    """Turn throttling, time-outs and lost connections into ``Unavailable``; leave bugs as they are."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if code in THROTTLES:
            raise Unavailable(f"storage is throttling: {code}", retry_after_s=2) from error
        if code in PASSING or code == "LimitExceededException" or _status(error) >= BAD_STATUS:
            raise Unavailable(f"storage did not accept the request: {code}") from error
        raise
    except BotoCoreError as error:
        raise Unavailable(f"storage did not answer: {type(error).__name__}") from error


def _status(error: ClientError) -> int:
    """The answer's HTTP status: what stands in front of DynamoDB answers 5xx without a name for the fault."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def text(item: dict[str, Any], name: str) -> str:
    """A string attribute of an item."""
    value: str = item[name]["S"]
    return value


def whole(item: dict[str, Any], name: str) -> int:
    """A whole-number attribute of an item; 0 where it is absent."""
    return int(item[name]["N"]) if name in item else 0
