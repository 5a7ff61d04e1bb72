"""How an operator's commands reach a deployed stack, and what they learn from it."""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config


def connect_tables(parallel: int = 1) -> Any:
    """DynamoDB's client for that many threads. It asks patiently: no caller waits for an answer."""
    config = Config(retries={"mode": "adaptive", "max_attempts": 20}, max_pool_connections=parallel)
    return boto3.client("dynamodb", endpoint_url=os.environ.get("DYNAMETER_ENDPOINT") or None, config=config)


def read_outputs(cloudformation: Any, stack: str, *names: str) -> dict[str, str]:
    """The stack's outputs of these names. Raises LookupError where it lacks one."""
    found = {
        output["OutputKey"]: str(output["OutputValue"])
        for one in cloudformation.describe_stacks(StackName=stack)["Stacks"]
        for output in one.get("Outputs", [])
    }
    for name in names:
        if name not in found:
            raise LookupError(f"the stack {stack} has no output {name}: is it a Dynameter stack, fully deployed?")
    return {name: found[name] for name in names}
