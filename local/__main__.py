"""The local server's command line: ``python -m local``."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from local.engine import Engine, choose
from local.server import PortInUse
from local.service import KEY, TABLE_PREFIX, WORKSPACE, Service, install_local_key, running
from local.template import Template

_HELP = f"""\
Run Dynameter on this machine: template.yaml's routes and stream, with its functions in this process.

environment:
  PORT                 port to listen on (8000); 0 takes any free one
  HOST                 address to listen on (127.0.0.1); the key below is known to all, so mind who can reach it
  DYNAMETER_ENDPOINT   where DynamoDB is:
                         empty               embedded (Moto), in memory, gone when the server stops
                         http://HOST:PORT    another engine, e.g. DynamoDB Local or ministack
                         aws                 AWS's own, with your credentials and region; you pay for its use
  DYNAMETER_TABLE_PREFIX
                       what the tables' names begin with ({TABLE_PREFIX}); they are made if they are not there
  EVENT_WRITES         put or partiql, see template.yaml; put unless DYNAMETER_ENDPOINT=aws. DynamoDB Local does both,
                       the embedded engine and ministack need put
  EVENT_RETENTION_DAYS see template.yaml
  POWERTOOLS_LOG_LEVEL level of the functions' own logs (WARNING)

Workspace {WORKSPACE} and the key {KEY} are ready to use.
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What the environment asks for."""

    host: str
    port: int
    engine: Engine
    table_prefix: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Options:
        """Read the environment; raises ValueError naming the variable that is wrong."""
        port = env.get("PORT") or "8000"
        if not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"PORT must be a number from 0 to 65535, not {port!r}")
        return cls(
            host=env.get("HOST") or "127.0.0.1",
            port=int(port),
            engine=choose(env.get("DYNAMETER_ENDPOINT", "")),
            table_prefix=env.get("DYNAMETER_TABLE_PREFIX") or TABLE_PREFIX,
        )


def main(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Run until SIGTERM or Ctrl-C; answers the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m local", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("local").setLevel(logging.INFO)
    warnings.filterwarnings("ignore", message="No application metrics to publish")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        options = Options.from_env(env)
        template = Template.load()
        with running(
            template,
            options.engine,
            host=options.host,
            port=options.port,
            install_key=install_local_key,
            table_prefix=options.table_prefix,
        ) as service:
            print(banner(service), flush=True)
            stop.wait()
            print("stopping", flush=True)
    except (BotoCoreError, ClientError, FileNotFoundError, PortInUse, ValueError) as error:
        print(f"the local server cannot run: {error}", file=sys.stderr)
        return 1
    return 0


def banner(service: Service) -> str:
    """What is printed once the server answers."""
    engine = {
        "moto": "embedded (Moto), in memory; set DYNAMETER_ENDPOINT for another, see python -m local --help",
        "aws": "AWS's own, with your credentials",
    }.get(service.engine.name, service.engine.name)
    return "\n".join(
        (
            f"Dynameter  {service.url}",
            f"workspace  {WORKSPACE}",
            f"key        {KEY}",
            f"DynamoDB   {engine}",
            "",
            f"  curl {service.url}/api/v1/meters -H 'Authorization: Bearer {KEY}'",
            "",
        )
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
