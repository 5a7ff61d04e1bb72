"""The whole service behind the local server's HTTP parsing, over DynamoDB in memory; each request finds the same world.

What a request writes is brought to the functions that the streams trigger, then everything is put back, so an answer
depends on nothing but the request.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from unittest.mock import patch

from local.authorizer import Authorizer
from local.functions import FunctionFailed
from local.gateway import Router
from local.requests import RequestsUnderWay
from local.server import Application
from tests.abuse.moment import Moment
from tests.conftest import WORKSPACE
from tests.documented import UNDOCUMENTED
from tests.policies import DENIED
from tests.simulation.world import FUNCTIONS, TEMPLATE, Answer
from tests.unit.http.house import House, house
from tests.unit.http.tenant import Tenant

_OF_REQUEST = re.compile(r": (a body (of|where)|a parameter|the body:)")
"""What is said of requests that were served: schemathesis judges them, by what was wrong with them on purpose."""

_FOLDERS = {one.name: folder for folder, one in FUNCTIONS.items()}


@dataclass
class Gate:
    """The API as a WSGI application for one workspace that has one of everything.

    ``faults`` are what went wrong whatever was answered: a function that raised, one that did what its policies do not
    allow, an answer that stands in no document, a stream that does not come to rest.
    """

    house: House
    tenant: Tenant
    key: str
    faults: list[str] = field(default_factory=list)
    requests: int = 0
    deliveries: int = 0

    def __post_init__(self) -> None:
        self._moment = Moment.of(self.house.world)
        router = Router(TEMPLATE.routes())
        authorizer = Authorizer(TEMPLATE.authorizer(), self._invoke)
        self._application = Application(router, authorizer, self._invoke, lambda: None, RequestsUnderWay())

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer one request, and let be what was before it."""
        self.requests += 1
        target, _, _ = environ["RAW_URI"].partition("?")
        query = environ.get("QUERY_STRING", "")
        sent = {"RAW_URI": f"{target}?{query}" if query else target, "REMOTE_ADDR": "127.0.0.1"}
        try:
            return self._application({**environ, **sent}, start_response)
        finally:
            self._deliver()
            self.faults += [one for one in UNDOCUMENTED if not _OF_REQUEST.search(one)] + DENIED
            UNDOCUMENTED.clear()
            DENIED.clear()
            self.put_back()

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        key: str | None = None,
    ) -> Answer:
        """One request as it came over the wire, nothing in it looked at or mended; by default with the good key."""
        path, _, query = target.partition("?")
        sent = {"authorization": f"Bearer {self.key if key is None else key}", **(headers or {})}
        environ = {
            "REQUEST_METHOD": method,
            "RAW_URI": path,
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": sent.pop("content-type", "application/json"),
            "wsgi.input": BytesIO(body),
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in sent.items()},
        }
        head: list[Any] = []
        text = b"".join(self(environ, lambda status, fields, error=None: head.extend((status, fields))))
        return Answer(int(head[0].split(" ", 1)[0]), dict(head[1]), text.decode())

    def put_back(self) -> None:
        """Let everything be as it was when the gate was opened."""
        self._moment.put_back(self.house.world)

    def take_faults(self) -> list[str]:
        """The faults since they were taken last, each once."""
        found = list(dict.fromkeys(self.faults))
        self.faults.clear()
        return found

    def _invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """Call a function as Lambda does: event and result are JSON."""
        run = self.house.world.fleet.run(_FOLDERS[function], json.loads(json.dumps(event)), may_stall=False)
        if run.error is not None:
            self.faults.append(f"{function} raised {run.error!r}")
            raise FunctionFailed(str(run.error)) from run.error
        return json.loads(json.dumps(run.answer))

    def _deliver(self) -> None:
        world = self.house.world
        if any(one.ready() for one in world.deliveries.values()):
            self.deliveries += 1
            try:
                world.settle()
            except Exception as error:
                self.faults.append(f"a function of a stream raised {error!r}")


@contextmanager
def gate() -> Iterator[Gate]:
    """The gate before a settled workspace, whose key may do everything."""
    with house() as found, patch.object(secrets, "token_bytes", found.world.random.randbytes):
        tenant = Tenant(found, WORKSPACE)
        tenant.settle_in()
        made = tenant.ok("POST /v1/{workspace_id}/api-keys", {"duration_days": 90, "role": "admin"})
        found.world.settle()
        yield Gate(found, tenant, next(one for one in made.values() if str(one).startswith("dm_")))
