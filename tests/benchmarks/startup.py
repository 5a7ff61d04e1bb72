"""Start-up: from the first import to a handler that is ready, beside importing boto3 and making a client.

Every start is an interpreter of its own, with the function's folder on its path as Lambda has it.
"""

from __future__ import annotations

import os
import subprocess
import sys

from local.template import ROOT
from tests.benchmarks.cpu import Spread
from tests.benchmarks.service import TEMPLATE

_PROGRAM = """
import time
started = time.process_time_ns()
{ready}
print((time.process_time_ns() - started) / 1e9)
"""
_SIDES = {
    "emit": "import app; assert callable(app.handler)",
    "boto3": "import boto3; boto3.client('dynamodb')",
}


def measure(rounds: int = 15) -> dict[str, Spread]:
    """Seconds of processor time until ``emit`` can answer and until a ``boto3`` client can be called."""
    samples: dict[str, list[float]] = {name: [] for name in _SIDES}
    for number in range(rounds + 1):
        for name in list(_SIDES) if number % 2 else list(_SIDES)[::-1]:
            seconds = _start(_SIDES[name])
            if number:  # the first round compiles and fills the disk's cache
                samples[name].append(seconds)
    return {name: Spread(found) for name, found in samples.items()}


def _start(ready: str) -> float:
    (emit,) = (one for one in TEMPLATE.functions() if one.folder.name == "emit")
    environment = {
        **emit.environment,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "emit",
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(emit.folder),
    }
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(ready=ready)],
        cwd=ROOT / "functions",
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout)
