"""A deployment that answers: the built template on ministack, put there by ``make deploy``, or a stack of yours."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from botocore.exceptions import BotoCoreError, ClientError

from local.template import ROOT
from tests.conformance.api import Api
from tests.integration.deployment.account import client, make, stand_in_environment
from tests.integration.deployment.ministack_template import described, for_ministack, with_release, with_settling
from tests.integration.deployment.stream import NOTE, EventStream, brought_by_us
from tests.running_ministack import running_ministack

SERVICES = "dynamodb,dynamodbstreams,lambda,apigateway,cloudformation,sqs,s3,iam,sts,logs,events,cloudwatch"
PROGRAM = ROOT / ".venv-smoke" / "bin" / "ministack"
SAM = ROOT / ".venv-sam" / "bin" / "sam"
STACK = "dynameter"
"""As the pages name theirs."""
DERIVED = ".aws-sam/ministack"
PARAMETERS = {"EventWrites": "put", "Dashboard": "true", "AlarmTopicArn": ""}
"""PartiQL's writes make no stream records on ministack."""
SETTLING_S = 10
"""Longer than any request here, and no index lags."""
SAMS_OWN = "aws-sam-cli-managed-default"
"""How the bucket begins in which SAM keeps packages."""
LINES_A_GROUP = 30


@dataclass(frozen=True)
class DeployedApi(Api):
    """The deployed API."""

    def __repr__(self) -> str:
        """Without the key, which would be shown with a failure."""
        return f"DeployedApi({self.url})"


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What the tests get: the API with a key, the stack, its account's environment, and what to tell the reader."""

    api: DeployedApi
    stack: str
    environment: Mapping[str, str]
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

    def logs(self) -> str:
        """The last lines that its functions wrote; nothing where it is gone."""
        try:
            groups = [physical for name, physical in self.resources().items() if name.endswith("Logs")]
            return "\n".join(line for group in groups for line in self._lines(group))
        except (BotoCoreError, ClientError) as error:
            return str(error)

    def _lines(self, group: str) -> list[str]:
        events = self.client("logs").filter_log_events(logGroupName=group, startTime=self.since_ms)["events"]
        return [f"{group}: {one['message'].rstrip()}" for one in events[-LINES_A_GROUP:]]


@dataclass(frozen=True, kw_only=True)
class OwnDeployment(Deployment):
    """One that was made for the tests, which may change it and take it away."""

    build: Path
    stream: EventStream

    def make(self, target: str, **variables: str) -> str:
        """Run a target of the Makefile on the stack; answers what it prints. Raises RuntimeError where it fails."""
        return make(self.environment, target, STACK=self.stack, **variables)

    def upgrade(self, **parameters: str) -> None:
        """Deploy the build once more, with other parameters."""
        deploy(self.build, self.environment, "1" * 64, **parameters)

    def other_workspace(self) -> DeployedApi:
        """The API with a key of a workspace of its own."""
        return _with_key(self.environment, self.stack, self.api.url)


@contextmanager
def on_ministack(build: Path) -> Iterator[OwnDeployment]:
    """Deploy the built template to a ministack of its own, with what its stream mapping lacks made up for."""
    with running_ministack(PROGRAM, SERVICES) as endpoint:
        environment = stand_in_environment(endpoint)
        notes = deploy(build, environment, "0" * 64)
        api_id = str(urlsplit(_address(environment, STACK)).hostname).partition(".")[0]
        api = _with_key(environment, STACK, f"{endpoint}/_aws/execute-api/{api_id}/$default")
        found = Deployment(api=api, stack=STACK, environment=environment)
        with brought_by_us(found.client, found.resources()) as stream:
            notes.append(NOTE)
            yield OwnDeployment(api=api, stack=STACK, environment=environment, notes=notes, build=build, stream=stream)


@contextmanager
def on_aws(stack: str) -> Iterator[Deployment]:
    """A stack that is deployed already, reached with the caller's credentials. Its key is good for a day."""
    environment = dict(os.environ)
    api = _with_key(environment, stack, _address(environment, stack))
    yield Deployment(api=api, stack=stack, environment=environment)


def deploy(build: Path, environment: Mapping[str, str], release: str, **parameters: str) -> list[str]:
    """Deploy the build with ``make deploy``; answers what to tell of it. Raises RuntimeError with what was printed."""
    template, changes = for_ministack(yaml.safe_load((build / "template.yaml").read_text()))
    folder = ROOT / DERIVED  # as deep as the build, for its paths are relative
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(build, folder, copy_function=os.link, ignore=shutil.ignore_patterns("template.yaml"))
    (folder / "template.yaml").write_text(json.dumps(with_settling(with_release(template, release), SETTLING_S)))
    given = {**PARAMETERS, "Architecture": build.name, **parameters}
    began = time.monotonic()
    settings = {"ENV": "dev", "STACK": STACK, "FOLDER": DERIVED}
    listed = " ".join(f"{name}={value}" for name, value in given.items())
    make(environment, "deploy", as_it_is=["build"], **settings, PARAMETERS=listed)
    return [
        f"deployed {len(template['Resources'])} resources to ministack in {time.monotonic() - began:.0f} s",
        *described(changes),
        f"no index lags there, so jobs read what is {SETTLING_S} s old instead of a minute",
    ]


def _address(environment: Mapping[str, str], stack: str) -> str:
    (found,) = client("cloudformation", environment).describe_stacks(StackName=stack)["Stacks"]
    return str(next(one["OutputValue"] for one in found["Outputs"] if one["OutputKey"] == "ApiUrl"))


def _with_key(environment: Mapping[str, str], stack: str, url: str) -> DeployedApi:
    """The API with a new key of a new workspace."""
    printed = make(environment, "first-key", STACK=stack, ARGS="--days 1 --name smoke")
    workspace, key = (re.search(rf"(?m)^{name}\s+(\S+)$", printed) for name in ("workspace", "key"))
    assert workspace is not None
    assert key is not None
    return DeployedApi(url, key[1], workspace[1])
