"""The local server put together: engine, tables, functions, gateway, pumps and the key that it hands out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import boto3
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider
from botocore.config import Config

from dynameter.access.known_key import ensure_key
from dynameter.access.store import KeyStore
from dynameter.billing.thresholds import eventbridge
from dynameter.clock import SystemClock
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.observability import metrics
from dynameter.runtime.settings import Settings
from local.authorizer import Authorizer
from local.bus import LocalBus
from local.engine import Engine, connected, forget_iterator
from local.functions import Functions, merged_environment
from local.gateway import Router
from local.pump import StreamPump
from local.requests import RequestsUnderWay
from local.server import Application, listening
from local.shard import Delivery
from local.template import Template, create_tables

WORKSPACE = "00000000-0000-4000-8000-000000000001"
KEY = "dm_local_admin"
TABLE_PREFIX = "dynameter-local-"

_OVERRIDABLE = ("EVENT_WRITES", "EVENT_RETENTION_DAYS", "POWERTOOLS_LOG_LEVEL")
"""Variables of the functions that the caller's environment may set."""
JOBS_TABLE = "CatalogTable"
"""The table whose stream brings jobs."""

InstallKey = Callable[[Settings], None]


@dataclass(frozen=True, slots=True)
class Service:
    """A local server that runs."""

    url: str
    engine: Engine
    pumps: tuple[StreamPump, ...]


@contextmanager
def running(
    template: Template,
    engine: Engine,
    *,
    host: str,
    port: int,
    install_key: InstallKey,
    table_prefix: str = TABLE_PREFIX,
) -> Iterator[Service]:
    """Run everything while the context lasts. Raises ``PortInUse`` and whatever stops a start."""
    with ExitStack() as stack:
        stack.enter_context(connected(engine))
        environment = functions_environment(template, engine, os.environ, table_prefix)
        stack.enter_context(patch.dict(os.environ, environment))
        settings = Settings.from_env(os.environ)
        client = create_client(settings)
        create_tables(client, template, table_prefix)
        stack.enter_context(_no_metrics())
        functions = Functions(template.functions())
        bus = LocalBus(template.bus_rules(), functions.invoke)
        stack.callback(bus.stop)
        stack.enter_context(patch.object(eventbridge, "create_client", lambda: bus))
        install_key(settings)
        under_way = RequestsUnderWay()
        pumps = tuple(_pumps(template, engine, client, functions, under_way, table_prefix))

        def nudge() -> None:
            for pump in pumps:
                pump.nudge()

        authorizer = Authorizer(template.authorizer(), functions.invoke)
        application = Application(Router(template.routes()), authorizer, functions.invoke, nudge, under_way)
        url = stack.enter_context(listening(application, host, port))
        for pump in pumps:
            pump.start()
            stack.callback(pump.stop)
        yield Service(url, engine, pumps)


def functions_environment(
    template: Template, engine: Engine, environ: Mapping[str, str], table_prefix: str
) -> dict[str, str]:
    """The functions' variables: the template's, the engine's over them, what the caller may set over both."""
    variables = {**merged_environment(template.functions()), **engine.variables}
    tables = {definition["TableName"] for definition in template.table_definitions()}
    variables |= {name: table_prefix + value for name, value in variables.items() if value in tables}
    variables["POWERTOOLS_LOG_LEVEL"] = "WARNING"
    return variables | {name: environ[name] for name in _OVERRIDABLE if environ.get(name)}


def install_local_key(settings: Settings) -> None:
    """Put the local server's own key in place; the authorizer refuses it on Lambda."""
    clock = SystemClock()
    store = KeyStore(create_client(settings), settings.catalog_table, clock)
    ensure_key(store, clock, WORKSPACE, KEY, ("*",))


@contextmanager
def _no_metrics() -> Iterator[None]:
    """Nobody reads metrics here, and Powertools keeps one set a process: calls that overlap would share it."""

    def nothing(*_: Any, **__: Any) -> None:
        pass

    provider = AmazonCloudWatchEMFProvider(namespace="Dynameter", service="local")
    with (
        patch.object(provider, "add_metric", nothing),
        patch.object(provider, "flush_metrics", nothing),
        patch.object(metrics, "provider", provider),
    ):
        yield


def _pumps(
    template: Template,
    engine: Engine,
    client: Any,
    functions: Functions,
    under_way: RequestsUnderWay,
    table_prefix: str,
) -> Iterator[StreamPump]:
    streams = streams_client(engine)
    for mapping in template.stream_mappings():
        if template.resolve(mapping.properties.get("Enabled", "true")) == "false":
            continue
        table = client.describe_table(TableName=table_prefix + mapping.table)["Table"]
        invoke = partial(functions.invoke, mapping.function)
        yield StreamPump(
            streams,
            table["LatestStreamArn"],
            Delivery.of(mapping.properties),
            under_way.settled(invoke) if mapping.table == JOBS_TABLE else invoke,
            idle_poll_s=engine.idle_poll_s,
            forget_iterator=forget_iterator if engine.is_embedded else lambda _: None,
        )


def streams_client(engine: Engine) -> Any:
    """A DynamoDB streams client at the engine."""
    config = Config(account_id_endpoint_mode="disabled", connect_timeout=2, read_timeout=10)
    return boto3.client("dynamodbstreams", endpoint_url=engine.endpoint, config=config)
