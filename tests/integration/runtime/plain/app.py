"""What a start-up is held against: boto3 and a client of DynamoDB, and nothing else."""

from __future__ import annotations

from typing import Any

import boto3

CLIENT = boto3.client("dynamodb")


def handler(event: Any, context: Any) -> None:
    """Do nothing: starting was all."""
