"""A plain HTTP client of the service, as a program without an SDK would write it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Answer:
    """Status, lower-case headers and body of an answer."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        """The body, numbers with a fraction as Decimal."""
        return json.loads(self.text, parse_float=Decimal)


@dataclass(frozen=True)
class Api:
    """The service at ``url``, called with ``key``."""

    url: str
    key: str
    workspace: str

    def fresh(self, stem: str) -> str:
        """A name that no other test uses, good as slug and as event type."""
        return f"{stem}_{uuid.uuid4().hex[:8]}"

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        key: str | None = None,
        media_type: str = "application/json",
    ) -> Answer:
        sent = {"Content-Type": media_type, **(headers or {})}
        if key != "":
            sent["Authorization"] = f"Bearer {key or self.key}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return Answer(response.status, _lower(response.headers.items()), response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _lower(error.headers.items()), error.read().decode())

    def get(self, path: str, **options: Any) -> Answer:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any, **options: Any) -> Answer:
        return self.call("POST", path, body, **options)

    def put(self, path: str, body: Any, **options: Any) -> Answer:
        return self.call("PUT", path, body, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.call("DELETE", path, **options)


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}
