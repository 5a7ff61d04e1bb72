"""A DynamoDB that does nothing: a process of its own that answers every call with a fixed, valid answer at once.

An engine's speed would hide that of the code in front of it. Both sides of a comparison call this endpoint, so real
HTTP, signing and parsing are in both, and the engine's processor time is in neither.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from local.template import ROOT

_END_OF_HEADERS = b"\r\n\r\n"
_PREFIX = "DynamoDB_20120810."


@contextmanager
def canned_endpoint(answers: Mapping[str, Mapping[str, Any]] | None = None) -> Iterator[str]:
    """Run the endpoint while the context lasts, the environment pointing the functions and boto3 at it.

    ``answers`` are those of single operations, e.g. ``{"Query": {"Items": [...]}}``, in DynamoDB's JSON; every other
    operation is answered with an empty object, BatchExecuteStatement with an empty one a statement.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.canned"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(answers or {}) + "\n")
        process.stdin.flush()
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        credentials = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
        region = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1"}
        with patch.dict(os.environ, {**credentials, **region, "DYNAMETER_ENDPOINT": url, "AWS_ENDPOINT_URL": url}):
            yield url
    finally:
        process.terminate()
        process.communicate()


class _Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, answers: Mapping[bytes, bytes]) -> None:
        self._answers = answers
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(_END_OF_HEADERS)) >= 0:
            headers = self._received[:end].lower()
            start = end + len(_END_OF_HEADERS)
            length = int(_header(headers, b"content-length") or 0)
            if len(self._received) < start + length:
                return
            body = self._received[start : start + length]
            self._received = self._received[start + length :]
            self._transport.write(self._answer(_header(headers, b"x-amz-target"), body))

    def _answer(self, target: bytes, body: bytes) -> bytes:
        operation = target.rpartition(b".")[2]
        if operation == b"batchexecutestatement":
            # Inside a string the quotes would be escaped, so this counts the statements and nothing else.
            return _message(b'{"Responses":[%s]}' % b",".join([b"{}"] * body.count(b'"Statement"')))
        return self._answers.get(operation) or _message(b"{}")


def _header(headers: bytes, name: bytes) -> bytes:
    found = headers.partition(b"\r\n" + name + b":")[2]
    return found.partition(b"\r\n")[0].strip()


def _message(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nServer: Server\r\nContent-Type: application/x-amz-json-1.0\r\nConnection: keep-alive\r\n"
        b"x-amzn-RequestId: 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEF\r\n"
        b"Date: Wed, 14 Jan 2026 10:00:00 GMT\r\n"
        b"x-amz-crc32: %d\r\nContent-Length: %d\r\n\r\n%s" % (zlib.crc32(body), len(body), body)
    )


async def _serve(answers: Mapping[str, Any]) -> None:
    messages = {name.lower().encode(): _message(json.dumps(answer).encode()) for name, answer in answers.items()}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(messages), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.stdin.readline())))
