"""How the tests reach an account, or what stands in for one: clients, the Makefile's targets, programs beside them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local.template import ROOT

COMMAND_S = 300
INVOCATION_S = 310
"""A job waits within its invocation, which lasts five minutes at the most."""


def client(service: str, environment: Mapping[str, str]) -> Any:
    """A client in the environment's region, at its endpoint and with its credentials, or else the caller's own."""
    config = Config(account_id_endpoint_mode="disabled", read_timeout=INVOCATION_S, retries={"total_max_attempts": 1})
    endpoint = environment.get("AWS_ENDPOINT_URL")
    connect: Any = boto3.client
    named = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    given = {name: environment[name.upper()] for name in named if name.upper() in environment}
    region = environment.get("AWS_DEFAULT_REGION")
    return connect(service, endpoint_url=endpoint, region_name=region, config=config, **given)


def without_make(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what a make around the tests hands down, which would have another make do as it does."""
    return {name: value for name, value in environment.items() if not name.startswith(("MAKE", "MFLAGS"))}


def run(environment: Mapping[str, str], *command: str | Path) -> str:
    """Run a command of the Makefile's kind in the repository; answers what it prints. Raises RuntimeError."""
    done = subprocess.run(
        command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, timeout=COMMAND_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command[:3]))} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def make(environment: Mapping[str, str], target: str, *, as_it_is: Sequence[str] = (), **variables: str) -> str:
    """Run a target of the Makefile as its reader would; ``as_it_is`` are those that it needs and that were made."""
    made = [word for one in as_it_is for word in ("-o", one)]
    set_to = [f"{name}={value}" for name, value in variables.items()]
    return run(without_make(environment), "make", "-s", *made, target, *set_to)


def stand_in_environment(endpoint: str) -> dict[str, str]:
    """An environment in which no command can reach an AWS account."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return mine | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SAM_CLI_TELEMETRY": "0",
    }
