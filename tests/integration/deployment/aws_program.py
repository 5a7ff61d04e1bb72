"""``aws`` for the runbooks' commands: it reads them as the AWS CLI does, and asks what AWS_ENDPOINT_URL names.

    python -m tests.integration.deployment.aws_program SERVICE OPERATION [OPTIONS]

Only what the pages use: operations, waiters, ``--query`` with ``--output text``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import jmespath  # type: ignore[import-untyped]

from tests.documents import aws_calls
from tests.integration.deployment.account import client


def text(found: Any) -> Iterator[str]:
    """An answer as ``--output text`` prints it: a line a list, scalars between tabs."""
    if isinstance(found, list) and any(isinstance(one, list) for one in found):
        for one in found:
            yield from text(one)
    elif isinstance(found, list):
        yield from ["\t".join(map(str, found))] if found else []
    else:
        yield str(found)


def main(words: Sequence[str]) -> None:
    """Run one command."""
    call = aws_calls.read(words)
    assert call is not None, "a command that is the CLI's own"
    connected = client(call.service, os.environ)
    if words[1] == "wait":
        connected.get_waiter(words[2].replace("-", "_")).wait(**call.parameters)
        return
    answer = getattr(connected, aws_calls.method(call))(**call.parameters)
    if call.query:
        for line in text(jmespath.search(call.query, answer)):
            print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
