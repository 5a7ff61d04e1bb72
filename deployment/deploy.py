"""Deploys what `make build` has built to an environment of samconfig.toml.

    python -m deployment.deploy --env dev|prod [--stack NAME] [--parameters "A=1 B=2"] [--build FOLDER] [--sam PROGRAM]
        [-- ARGUMENTS]

Parameters given here win over those of samconfig.toml. ARGUMENTS go to ``sam deploy`` as they are.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import boto3
from botocore.exceptions import BotoCoreError, ClientError

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "samconfig.toml"
BUILD = ".aws-sam/build"
LIBRARY = "layers/dynameter/python"
"""What goes to AWS beside the build: the library's layer is taken as it is."""

ONLY_SHOWN = "--no-execute-changeset"
"""The argument of ``sam deploy`` with which nothing is deployed, and a new stack has no outputs yet."""

Run = Callable[[Sequence[str]], int]


class Refused(Exception):
    """Nothing was deployed; the text says why."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    environment: str
    stack: str | None
    parameters: Mapping[str, str]
    build: str
    sam: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The stack to deploy and the command that does it."""

    stack: str
    command: tuple[str, ...]


def read_options(arguments: Sequence[str]) -> Options:
    """Read the command line; exits with a message where it is wrong, as argparse does."""
    parser = argparse.ArgumentParser(prog="deployment.deploy", description="Deploy what make build has built.")
    parser.add_argument("--env", required=True, help="an environment of samconfig.toml")
    parser.add_argument("--stack", help="another stack than the environment's")
    parser.add_argument("--parameters", default="", help='parameters of the template, "A=1 B=2"')
    parser.add_argument("--build", default=BUILD, help="the folder of the build (%(default)s)")
    parser.add_argument("--sam", default="sam", help="the SAM CLI")
    parser.add_argument("arguments", nargs="*", help="for sam deploy")
    found = parser.parse_args(arguments)
    try:
        parameters = read_parameters(shlex.split(found.parameters))
    except ValueError as error:
        parser.error(str(error))
    return Options(found.env, found.stack or None, parameters, found.build, found.sam, tuple(found.arguments))


def read_parameters(texts: Iterable[str]) -> dict[str, str]:
    """``A=1`` as a name and its value. Raises ValueError for another form."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name.isalnum() or not equals:
            raise ValueError(f"a parameter is Name=value, not {text!r}")
        found[name] = value
    return found


def plan(options: Options, config: Mapping[str, Any], code: str) -> Plan:
    """What to run. ``code`` is a hash of what was built. Raises ``Refused`` for an environment that is not there."""
    try:
        settings = config[options.environment]["deploy"]["parameters"]
    except KeyError:
        known = ", ".join(name for name in config if name != "version")
        raise Refused(f"samconfig.toml has no environment {options.environment!r}; it has {known}") from None
    parameters = {**read_parameters(settings["parameter_overrides"]), **options.parameters}
    listed = [f"{name}={_worded(value)}" for name, value in sorted(parameters.items()) if name != "Release"]
    # Functions read parameters when they are published, so a new value has to be a new release.
    release = hashlib.sha256("\n".join([code, *listed]).encode()).hexdigest()
    stack = options.stack or str(settings["stack_name"])
    # Told a template, SAM would look for its configuration beside that.
    where = ["--template-file", f"{options.build}/template.yaml", "--config-file", str(CONFIG)]
    command = [options.sam, "deploy", *where, "--config-env", options.environment, "--stack-name", stack]
    if options.stack:
        command += ["--s3-prefix", stack]
    command += [*options.arguments, "--parameter-overrides", *listed, f"Release={release}"]
    return Plan(stack, tuple(command))


def _worded(value: str) -> str:
    """A value as SAM reads it: it takes no empty one, and drops what comes after a space, unless it is quoted."""
    if value and not re.search(r'[\s"]', value):
        return value
    escaped = value.replace('"', r"\"")
    return f'"{escaped}"'


def code_hash(root: Path = ROOT, build: str = BUILD) -> str:
    """A hash of what goes to AWS. Raises ``Refused`` where nothing has been built."""
    if not (root / build / "template.yaml").is_file():
        raise Refused("nothing is built; make build does it")
    found = hashlib.sha256()
    for folder in (build, LIBRARY):
        for path in sorted(one for one in (root / folder).rglob("*") if one.is_file()):
            found.update(f"{path.relative_to(root)}\0".encode())
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def announce(cloudformation: Any, stack: str, out: TextIO) -> None:
    """Print where the API is and what to do next. Raises LookupError where the stack does not say."""
    (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in described.get("Outputs", [])}
    if "ApiUrl" not in outputs:
        raise LookupError(f"the stack {stack} has no output ApiUrl")
    print(f"\nAPI={outputs['ApiUrl']}", file=out)
    print(f"the first key, with a workspace of its own:  make first-key STACK={stack}", file=out)
    settings = {one["ParameterKey"]: one.get("ParameterValue", "") for one in described.get("Parameters", [])}
    if not settings.get("AlarmTopicArn"):
        print("alarms notify nobody:  make deploy … PARAMETERS=AlarmTopicArn=arn:aws:sns:…", file=out)


def run_command(command: Sequence[str]) -> int:
    """Run a program in the repository; answers its exit code."""
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 (SAM's, with the caller's arguments)


def main(arguments: Sequence[str], out: TextIO, run: Run = run_command, cloudformation: Any = None) -> int:
    """Deploy; answers the process's exit code."""
    options = read_options(arguments)
    try:
        found = plan(options, tomllib.loads(CONFIG.read_text()), code_hash(ROOT, options.build))
        print(shlex.join(found.command), file=out, flush=True)
        failed = run(found.command)
        if failed or ONLY_SHOWN in options.arguments:
            return failed
        announce(cloudformation or boto3.client("cloudformation"), found.stack, out)
    except (BotoCoreError, ClientError, LookupError, OSError, Refused) as error:
        print(f"not deployed as asked: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.environ.setdefault("SAM_CLI_TELEMETRY", "0")
    sys.exit(main(sys.argv[1:], sys.stdout))
