"""The functions behind their doors, on one engine and one clock: events in, streams drained, usage out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from ulid import ULID

from dynameter import codec
from dynameter.clock import render
from dynameter.meters.meter import Aggregation, Meter
from dynameter.meters.store import MeterStore
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.settings import Settings
from local.engine import EMBEDDED, embedded
from local.pump import lambda_record
from local.service import streams_client
from local.shard import Delivery
from local.template import Template, create_tables
from tests.conftest import LambdaContext, ManualClock, http_event, load_function
from tests.unit.usage.builders import make_meter

SOURCE = "test"
EVERYTHING = {"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}
VOIDS = "/v1/{workspace_id}/voids"
RECOUNT = "/v1/{workspace_id}/meters/{slug}/recount"


class Stream:
    """Reads a table's stream, each record once."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self.arn = arn
        (shard,) = client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        self.shard: str = shard["ShardId"]
        self._iterator = client.get_shard_iterator(StreamArn=arn, ShardId=self.shard, ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]

    def read(self) -> list[dict[str, Any]]:
        answer = self._client.get_records(ShardIterator=self._iterator, Limit=1000)
        self._iterator = answer["NextShardIterator"]
        return [lambda_record(one, self.arn) for one in answer["Records"]]


class Desk:
    """The functions of one engine. A test takes a workspace of its own by ``for_workspace``."""

    def __init__(self, template: Template) -> None:
        settings = Settings.from_env(os.environ)
        self.client: Any = create_client(settings)
        create_tables(self.client, template)
        self.clock = ManualClock()
        self.functions = {name: self._load(name) for name in ("emit", "meters", "aggregate", "rebuild")}
        streams = streams_client(EMBEDDED)
        mappings = {one.function: one for one in template.stream_mappings()}
        self._events, self._jobs = (
            Stream(streams, self.client.describe_table(TableName=name)["Table"]["LatestStreamArn"])
            for name in (mappings["AggregateFunction"].table, mappings["RebuildFunction"].table)
        )
        self._filter = Delivery.of(mappings["RebuildFunction"].properties).filter

    def _load(self, name: str) -> ModuleType:
        module = load_function(name)
        for clock in ("_clock", "CLOCK"):
            if clock in module.__dict__:
                module.__dict__[clock] = self.clock
        module.__dict__["SystemClock"] = lambda: self.clock
        return module

    def aggregate(self) -> bool:
        """Fold what the events' stream brings; whether there was anything."""
        records = self._events.read()
        if records:
            self.functions["aggregate"].handler({"Records": records, "shardId": self._events.shard}, LambdaContext())
        return bool(records)

    def work(self) -> bool:
        """Run the jobs that the catalog's stream brings; whether there were any."""
        records = [one for one in self._jobs.read() if self._filter.admits(one)]
        for record in records:
            self.functions["rebuild"].handler({"Records": [record]}, LambdaContext(remaining_ms=900_000))
        return bool(records)

    def drain(self) -> None:
        """Go on until everything stored is counted and every job is done."""
        while self.aggregate() | self.work():
            pass


@contextmanager
def open_desk() -> Iterator[Desk]:
    """A desk with empty tables while the context lasts."""
    template = Template.load()
    with pytest.MonkeyPatch.context() as patch, embedded():
        for name, value in template.functions()[0].environment.items():
            patch.setenv(name, value)
        for name, value in EMBEDDED.variables.items():
            patch.setenv(name, value)
        yield Desk(template)


class _OneByOne:
    """A client whose transactions are single writes: Moto copies all tables for a real one."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803 (boto3's name)
        for action in TransactItems:
            for kind, arguments in action.items():
                getattr(self._client, f"{kind.lower()}_item")(**arguments)


class Customer:
    """Calls the functions for one workspace."""

    def __init__(self, desk: Desk, workspace: str) -> None:
        self.desk = desk
        self.workspace = workspace

    # ---- doors

    def call(self, route: str, function: str = "meters", **sent: Any) -> tuple[int, Any]:
        path = {"workspace_id": self.workspace} | sent.pop("path", {})
        path = {name: value for name, value in path.items() if "{" + name + "}" in route}
        event = http_event(route, path=path, **({"workspace": self.workspace} | sent))
        answer = self.desk.functions[function].handler(event, LambdaContext())
        return answer["statusCode"], codec.decode(answer["body"]) if answer["body"] else None

    def meter(self, slug: str, aggregation: str, group_by: Mapping[str, str] | None = None, **more: Any) -> None:
        body = {"slug": slug, "eventType": "request", "aggregation": aggregation, "groupBy": group_by or {}, **more}
        if aggregation != "COUNT":
            body["valueProperty"] = "$.value"
        status, answer = self.call("POST /api/v1/meters", body=body)
        assert status == 201, answer

    def live_meter(self, slug: str, aggregation: str, group_by: Mapping[str, str] | None = None, **more: Any) -> Meter:
        """A meter that is there already and has nothing to rebuild: made without its jobs, and fast."""
        client: Any = _OneByOne(self.desk.client)
        meter = make_meter(
            Aggregation(aggregation),
            workspace=self.workspace,
            id=str(ULID()),
            slug=slug,
            group_by=dict(sorted((group_by or {}).items())),
            **more,
        )
        MeterStore(client, "CatalogTable").insert(meter)
        return meter

    def send(self, *events: tuple[str, str, Any], subject: str = "a", type: str = "request", model: str = "") -> None:
        """Store events: id, time on 14 January 2026, value."""
        body = [
            {
                "specversion": "1.0",
                "id": id_,
                "source": SOURCE,
                "type": type,
                "subject": subject,
                "time": f"2026-01-14T{time}Z",
                "data": {"value": value, "model": model},
            }
            for id_, time, value in events
        ]
        headers = {"content-type": "application/cloudevents-batch+json"}
        status, answer = self.call("POST /api/v1/events", "emit", body=codec.encode(body), headers=headers)
        assert status == 204, answer
        self.desk.clock.now += 1

    # ---- usage

    def usage(self, slug: str, **query: Any) -> str | None:
        """The one value that the query answers, as text."""
        rows = self.rows(slug, **query)
        assert len(rows) <= 1
        return rows[0] if rows else None

    def rows(self, slug: str, **query: Any) -> list[str]:
        body = {"from": EVERYTHING["from"], "to": EVERYTHING["to"], **query}
        status, answer = self.call("POST /api/v1/meters/{meterIdOrSlug}/query", path={"meterIdOrSlug": slug}, body=body)
        assert status == 200, answer
        return [str(row["value"]) for row in answer["data"]]

    # ---- corrections

    def void(self, *ids: str, **more: Any) -> tuple[int, Any]:
        events = [{"source": SOURCE, "id": id_} for id_ in ids]
        return self.call(f"POST {VOIDS}", body={"events": events, **more})

    def void_where(self, dry_run: bool = False, **conditions: Any) -> tuple[int, Any]:
        if "since" in conditions:
            conditions["from"] = conditions.pop("since")
        return self.call(f"POST {VOIDS}", body={"filter": conditions, "dry_run": dry_run})

    def undo(self, void_id: str) -> tuple[int, Any]:
        return self.call(f"DELETE {VOIDS}/{{void_id}}", path={"void_id": void_id})

    def get_void(self, void_id: str) -> tuple[int, Any]:
        return self.call(f"GET {VOIDS}/{{void_id}}", path={"void_id": void_id})

    def recount(self, slug: str, **body: Any) -> tuple[int, Any]:
        return self.call(f"POST {RECOUNT}", path={"slug": slug}, body={**EVERYTHING, **body})

    @property
    def now(self) -> str:
        return render(self.desk.clock.now)
