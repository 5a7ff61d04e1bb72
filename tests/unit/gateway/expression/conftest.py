"""How the tests of the language run an expression."""

from collections.abc import Callable
from typing import Any

import pytest

from dynameter import codec
from dynameter.gateway.exchange import ABSENT, Exchange
from dynameter.gateway.expression import compile_expression

Run = Callable[..., Any]


@pytest.fixture
def run() -> Run:
    """Runs an expression over a response, or over a stream's data; ``body`` is JSON text."""

    def evaluate(text: str, body: str | None = None, *, data: bytes | None = None, now_us: int | None = None) -> Any:
        exchange = Exchange(
            200,
            method="POST",
            path="/v1/chat",
            request_bytes=10,
            response_bytes=1536,
            response_body=ABSENT if body is None else codec.decode(body),
            streaming=data is not None,
            all_data=data or b"",
            last_chunk=(data or b"")[-10:],
            user_id="ada",
        )
        return compile_expression(text, streaming=data is not None).evaluate(exchange, now_us=now_us)

    return evaluate
