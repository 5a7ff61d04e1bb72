"""A real DynamoDB client whose every attempt is answered from a script, on a clock of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ReadTimeoutError

from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.settings import EventWrites, Settings
from tests.conftest import ManualClock

SETTINGS = Settings("Events", "Usage", "Catalog", EventWrites.PUT, 0, 0, "http://storage.test")

Answer = tuple[int, dict[str, Any]] | Exception


def error(code: str, status: int = 400, **more: Any) -> Answer:
    """DynamoDB's refusal."""
    return status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code, **more}


def done(**answer: Any) -> Answer:
    """A call that succeeded."""
    return 200, answer


THROTTLED = error("ThrottlingException")
LOST = ReadTimeoutError(endpoint_url="http://storage.test")


@dataclass
class Attempt:
    """One attempt as it reached the network."""

    operation: str
    arguments: dict[str, Any]
    at_us: int
    read_timeout: float | None


@dataclass
class Storage:
    """In the place of botocore's HTTP session. ``answer`` says what an attempt gets, ``takes_s`` how long it takes."""

    clock: ManualClock
    answer: Callable[[Attempt], Answer] = lambda _: THROTTLED
    takes_s: float = 0.01
    attempts: list[Attempt] = field(default_factory=list)

    def send(self, request: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        context = request.context
        attempt = Attempt(operation, json.loads(request.body), self.clock.now_us(), context.get("read_timeout"))
        self.attempts.append(attempt)
        self.clock.advance(self.takes_s)
        answer = self.answer(attempt)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        response = AWSResponse(request.url, status, HeadersDict(), None)  # type: ignore[arg-type]
        response._content = json.dumps(body).encode()  # type: ignore[attr-defined]
        return response

    def script(self, *answers: Answer) -> None:
        """Answer the next attempts so, the last of them for ever."""
        waiting = list(answers)
        self.answer = lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def client(self) -> Any:
        """A client as the functions make theirs, talking to this storage."""
        client: Any = create_client(SETTINGS, clock=self.clock)
        client._endpoint.http_session = self
        return client
