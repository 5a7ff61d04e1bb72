"""The embedded DynamoDB engine: Moto in this process, made safe to use from several threads.

Moto's tables are plain objects without locks and its numbers follow the thread's Decimal context (28 digits unless
told otherwise), so calls run one at a time and each in a context of DynamoDB's own 38 digits.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import localcontext
from typing import Any
from unittest.mock import patch

from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

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


def _one_at_a_time(stubber: BotocoreStubber, request: Any) -> Any:
    with _one_call, localcontext() as context:
        context.prec = 38
        return _process_request(stubber, request)


@contextmanager
def embedded() -> Iterator[None]:
    """Serve every AWS call of this process from memory while the context lasts."""
    with patch.dict(os.environ, _ENVIRONMENT), patch.object(BotocoreStubber, "process_request", _one_at_a_time):
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            os.environ.pop(name, None)
        with mock_aws():
            yield
