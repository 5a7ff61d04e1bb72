"""The DynamoDB engines: Moto in this process, made safe to use from several threads, or one elsewhere.

Moto's tables are plain objects without locks and its numbers follow the thread's Decimal context (28 digits unless
told otherwise), so calls run one at a time and each in a context of DynamoDB's own 38 digits.
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import localcontext
from typing import Any
from unittest.mock import patch

from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.serialize import ResponseSerializer
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table
from moto.dynamodbstreams.models import dynamodbstreams_backends

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    # Moto does not serve the account-id endpoints that newer SDKs call for streams.
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
}

_one_call = threading.RLock()
_process_request = BotocoreStubber.process_request
_get_value = ResponseSerializer.get_value
_transact_write_items = DynamoDBBackend.transact_write_items


def _one_at_a_time(stubber: BotocoreStubber, request: Any) -> Any:
    with _one_call, localcontext() as context:
        context.prec = 38
        return _process_request(stubber, request)


def _copied(table: Table, memo: dict[int, Any]) -> Table:
    """Moto copies each table of a transaction before each of its actions; its stream need not be, and must not."""
    found: Table = copy.copy(table)
    memo[id(table)] = found
    memo[id(table.stream_shard)] = table.stream_shard
    found.__dict__.update({name: copy.deepcopy(value, memo) for name, value in table.__dict__.items()})
    return found


def _transact(backend: DynamoDBBackend, actions: list[dict[str, Any]]) -> None:
    """A transaction that fails puts the tables' copies in their place: their streams must lead on from there."""
    streams = [(name, table.stream_shard) for name, table in backend.tables.items() if table.stream_shard]
    lengths = [len(stream.items) for _, stream in streams]
    try:
        _transact_write_items(backend, actions)
    except BaseException:
        for (name, stream), length in zip(streams, lengths, strict=True):
            del stream.items[length:]
            stream.table = backend.tables[name]
        raise


def _picked(serializer: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
    """Moto tries many spellings of each member's name; an attribute value has one, and is most of what is read."""
    parent = getattr(shape, "parent", None)
    if type(value) is dict and parent is not None and parent.name == "AttributeValue":
        return value.get(key)
    return _get_value(serializer, value, key, shape)


@contextmanager
def embedded() -> Iterator[None]:
    """Serve every AWS call of this process from memory while the context lasts."""
    with (
        patch.dict(os.environ, _ENVIRONMENT),
        patch.object(BotocoreStubber, "process_request", _one_at_a_time),
        patch.object(ResponseSerializer, "get_value", _picked),
        patch.object(Table, "__deepcopy__", _copied, create=True),
        patch.object(DynamoDBBackend, "transact_write_items", _transact),
    ):
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", *(one for one in os.environ if "_ENDPOINT_URL" in one)):
            os.environ.pop(name, None)
        with mock_aws():
            yield


@dataclass(frozen=True, slots=True)
class Engine:
    """Where the tables live.

    ``endpoint`` is None for the embedded engine and for AWS. ``variables`` are what the functions need set
    otherwise than the template has it. ``idle_poll_s`` is how often a quiet stream is read: AWS bills each read.
    """

    name: str
    endpoint: str | None
    variables: Mapping[str, str] = field(default_factory=dict)
    idle_poll_s: float = 0.2

    @property
    def is_embedded(self) -> bool:
        return self.name == "moto"


_LOCAL_VARIABLES = {
    # Moto and ministack lack a PartiQL that can be relied on; both writes answer alike.
    "EVENT_WRITES": "put",
    # One process makes every stamp, so no clocks can differ.
    "CLOCK_SKEW_MS": "0",
    # One process takes every request, and jobs wait for those under way (see local.requests).
    "SETTLE_MS": "20",
}
EMBEDDED = Engine("moto", None, {**_LOCAL_VARIABLES, "DYNAMETER_ENDPOINT": ""})


def choose(endpoint: str) -> Engine:
    """The engine that DYNAMETER_ENDPOINT asks for: empty, an http(s) address, or ``aws``. Raises ValueError."""
    if not endpoint:
        return EMBEDDED
    if endpoint == "aws":
        return Engine("aws", None, {"DYNAMETER_ENDPOINT": ""}, idle_poll_s=1.0)
    if endpoint.startswith(("http://", "https://")):
        return Engine(endpoint, endpoint, {**_LOCAL_VARIABLES, "DYNAMETER_ENDPOINT": endpoint})
    raise ValueError(f"DYNAMETER_ENDPOINT must be empty, an http address or aws, not {endpoint!r}")


@contextmanager
def connected(engine: Engine) -> Iterator[None]:
    """Make the engine the one that AWS calls of this process reach while the context lasts.

    AWS takes the caller's own credentials and region; an endpoint elsewhere gets stand-ins where none are set.
    """
    if engine.is_embedded:
        with embedded():
            yield
        return
    missing = {} if "AWS_DEFAULT_REGION" in os.environ else {"AWS_DEFAULT_REGION": _ENVIRONMENT["AWS_DEFAULT_REGION"]}
    if engine.endpoint and not os.environ.keys() & {"AWS_ACCESS_KEY_ID", "AWS_PROFILE"}:
        missing |= {name: _ENVIRONMENT[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    with patch.dict(os.environ, {**missing, "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled"}):
        yield


def forget_iterator(iterator: str) -> None:
    """Let the embedded engine drop a shard iterator that has been used: Moto keeps every one for ever."""
    with _one_call:
        for backends in dynamodbstreams_backends.values():
            for backend in backends.values():
                backend.shard_iterators.pop(iterator, None)
