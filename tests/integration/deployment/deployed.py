"""A deployment that answers: the built template on ministack, put there by ``sam deploy``, or a stack of an account."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from local.pump import StreamPump
from local.shard import Delivery
from local.template import ROOT, Template
from tests.conformance.api import Answer, Api
from tests.integration.deployment.ministack_template import described, for_ministack
from tests.running_ministack import running_ministack

SERVICES = "dynamodb,dynamodbstreams,lambda,apigateway,cloudformation,sqs,s3,iam,sts,logs,events,cloudwatch"
PROGRAM = ROOT / ".venv-smoke" / "bin" / "ministack"
SAM = ROOT / ".venv-sam" / "bin" / "sam"
STACK = "dynameter-smoke"
ARTIFACTS = "dynameter-smoke-artifacts"
PARAMETERS = ("EventWrites=put", "DeletionProtection=false")
"""PartiQL's writes make no stream records on ministack."""
FOLDED_BY = "AggregateFunction"
COMMAND_S = 180
LINES_A_GROUP = 30
INVOCATION_S = 90


@dataclass(frozen=True)
class DeployedApi(Api):
    """The deployed API; ``host`` is the Host header where the address alone does not lead to it."""

    host: str = ""

    def __repr__(self) -> str:
        """Without the key, which would be shown with a failure."""
        return f"DeployedApi({self.url})"

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        headers = {**(options.pop("headers", None) or {}), **({"Host": self.host} if self.host else {})}
        return super().call(method, path, body, headers=headers, **options)


@dataclass(frozen=True)
class Deployment:
    """What the tests get: the API with a key, the stack, its account's environment, and what to tell the reader."""

    api: DeployedApi
    stack: str
    environment: Mapping[str, str]
    is_ours: bool
    """Whether it was deployed for the tests, which may then remove it."""
    notes: list[str] = field(default_factory=list)
    since_ms: int = field(default_factory=lambda: int(time.time() * 1000))

    def client(self, service: str) -> Any:
        """A client of the stack's account."""
        return client(service, self.environment)

    def resources(self) -> dict[str, str]:
        """The stack's resources, from logical id to physical."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.stack)
        found = (one for page in pages for one in page["StackResourceSummaries"])
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}

    def remove(self) -> None:
        """Remove it with its data, by the Makefile. Raises RuntimeError with what was printed."""
        make(self.environment, "remove", STACK=self.stack, CONFIRM=self.stack, DATA="delete")

    def logs(self) -> str:
        """The last lines that its functions wrote; nothing where it is gone."""
        try:
            groups = [physical for name, physical in self.resources().items() if name.endswith("Logs")]
            return "\n".join(line for group in groups for line in self._lines(group))
        except ClientError as error:
            return str(error)

    def _lines(self, group: str) -> list[str]:
        events = self.client("logs").filter_log_events(logGroupName=group, startTime=self.since_ms)["events"]
        return [f"{group}: {one['message'].rstrip()}" for one in events[-LINES_A_GROUP:]]


def client(service: str, environment: Mapping[str, str]) -> Any:
    """A client in the environment's region, at its endpoint and with its credentials, or else the caller's own."""
    config = Config(account_id_endpoint_mode="disabled", read_timeout=INVOCATION_S, retries={"total_max_attempts": 1})
    endpoint = environment.get("AWS_ENDPOINT_URL")
    connect: Any = boto3.client
    named = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    given = {name: environment[name.upper()] for name in named if name.upper() in environment}
    region = environment.get("AWS_DEFAULT_REGION")
    return connect(service, endpoint_url=endpoint, region_name=region, config=config, **given)


def run(environment: Mapping[str, str], *command: str | Path) -> str:
    """Run a command of the Makefile's kind in the repository; answers what it prints. Raises RuntimeError."""
    done = subprocess.run(
        command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, timeout=COMMAND_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command[:3]))} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def make(environment: Mapping[str, str], target: str, **variables: str) -> str:
    """Run a target of the Makefile as its reader would."""
    inherited = {name: value for name, value in environment.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return run(inherited, "make", "-s", target, *(f"{name}={value}" for name, value in variables.items()))


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


@contextmanager
def on_ministack(build: Path) -> Iterator[Deployment]:
    """Deploy the built template to a ministack of its own, with what its stream mapping lacks made up for."""
    with running_ministack(PROGRAM, SERVICES) as endpoint:
        environment = stand_in_environment(endpoint)
        notes = deploy(build, environment)
        found = _reached(STACK, environment, endpoint, notes)
        with _events_brought_by_us(found):
            yield found


@contextmanager
def on_aws(stack: str) -> Iterator[Deployment]:
    """A stack that is deployed already, reached with the caller's credentials. Its key is good for a day."""
    yield _reached(stack, dict(os.environ))


def deploy(build: Path, environment: Mapping[str, str]) -> list[str]:
    """Deploy the build; answers what to tell of it. Raises RuntimeError with what sam printed."""
    template, changes = for_ministack(yaml.safe_load((build / "template.yaml").read_text()))
    derived = build / "ministack.json"  # beside the built one, for its paths are relative
    derived.write_text(json.dumps(template))
    client("s3", environment).create_bucket(Bucket=ARTIFACTS)
    began = time.monotonic()
    capabilities = ("--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
    parameters = ("--parameter-overrides", *PARAMETERS, f"Architecture={build.name}")
    where = ("--stack-name", STACK, "--s3-bucket", ARTIFACTS, "--no-confirm-changeset")
    run(environment, SAM, "deploy", "--template-file", derived, *where, *capabilities, *parameters)
    return [
        f"deployed {len(template['Resources'])} resources to ministack in {time.monotonic() - began:.0f} s",
        *described(changes),
    ]


def _reached(stack: str, environment: Mapping[str, str], ministack: str = "", notes: Sequence[str] = ()) -> Deployment:
    """The stack with a new key; ``ministack`` is the address of the one that it was deployed to."""
    (found,) = client("cloudformation", environment).describe_stacks(StackName=stack)["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}
    url, host = outputs["ApiUrl"], ""
    if ministack:
        api_id = str(urlsplit(url).hostname).partition(".")[0]
        url, host = ministack, f"{api_id}.execute-api.localhost:{urlsplit(ministack).port}"
    printed = make(environment, "first-key", STACK=stack, ARGS="--days 1 --name smoke")
    workspace, key = (re.search(rf"(?m)^{name}\s+(\S+)$", printed) for name in ("workspace", "key"))
    assert workspace is not None
    assert key is not None
    api = DeployedApi(url, key[1], workspace[1], host)
    return Deployment(api, stack, environment, is_ours=bool(ministack), notes=list(notes))


@contextmanager
def _events_brought_by_us(deployment: Deployment) -> Iterator[None]:
    """Bring the events stream to the deployed function as Lambda's tumbling window does, shardId and all.

    ministack's own mapping knows no windows; the function refuses its batches, as it must, and they would come again
    for ever, so that mapping is switched off. The other streams need no window and stay with ministack.
    """
    template = Template.load()
    mapping = next(one for one in template.stream_mappings() if one.function == FOLDED_BY)
    physical = deployment.resources()
    function = physical[FOLDED_BY]
    invoke = partial(_invoke, deployment.client("lambda"), f"{function}:live")
    _switch_off(deployment.client("lambda"), f"{function}:live")
    table = deployment.client("dynamodb").describe_table(TableName=physical[mapping.table])["Table"]
    streams = deployment.client("dynamodbstreams")
    pump = StreamPump(streams, table["LatestStreamArn"], Delivery.of(mapping.properties), invoke)
    deployment.notes.append(
        f"the events stream was brought to {FOLDED_BY} by the test: ministack's mapping has no tumbling window"
    )
    pump.start()
    try:
        yield
    finally:
        pump.stop()


def _switch_off(lambda_: Any, function: str) -> None:
    for one in lambda_.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]:
        lambda_.update_event_source_mapping(UUID=one["UUID"], Enabled=False)


def _invoke(lambda_: Any, function: str, event: dict[str, Any]) -> Any:
    """Invoke as Lambda's poller does. Raises RuntimeError where the function did, so that the batch comes again."""
    answer = lambda_.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    payload = answer["Payload"].read()
    if "FunctionError" in answer:
        raise RuntimeError(payload.decode()[:1000])
    return json.loads(payload)
