"""Batches of records to the service's doors, and its answers back to lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from dynameter.cli.imports.importer import Fate, Outcome
from dynameter.cli.imports.records import Record
from dynameter.client.api import ApiClient, ApiError

EVENTS_PATH = "/api/v1/events"
EVENTS_TYPE = "application/cloudevents-batch+json"

_CONFLICT = "another event is stored under this source and id, and stays"
_ONE_BY_ONE = frozenset({400, 413, 422})


class Sender(ABC):
    """Sends batches to one door."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def __call__(self, records: Sequence[Record]) -> list[Outcome]:
        """Raises ApiError where a request is refused for what is not its records."""
        body = b"[" + b",".join(one.item or b"" for one in records) + b"]"
        try:
            return self._send(records, body)
        except ApiError as error:
            return self._refused(records, error)

    @abstractmethod
    def _send(self, records: Sequence[Record], body: bytes) -> list[Outcome]:
        """One request and its answer."""

    def _refused(self, records: Sequence[Record], error: ApiError) -> list[Outcome]:
        """A batch of only bad records is refused as a whole: then each is asked about alone."""
        if error.status not in _ONE_BY_ONE:
            raise error
        if len(records) == 1:
            return [Outcome(records[0].line, Fate.REJECTED, _on_one_line(error.message))]
        middle = len(records) // 2
        return [*self(records[:middle]), *self(records[middle:])]


class EventSender(Sender):
    """Sends CloudEvents."""

    def _send(self, records: Sequence[Record], body: bytes) -> list[Outcome]:
        prefer = {"Prefer": "handling=lenient, return=representation"}
        answer = self._client.request("POST", EVENTS_PATH, body=body, media_type=EVENTS_TYPE, headers=prefer)
        return [_outcome(records[one["index"]], one) for one in answer.body["results"]]


class ExchangeSender(Sender):
    """Sends exchanges, which the service measures by the workspace's routes."""

    def __init__(self, client: ApiClient, workspace: str) -> None:
        super().__init__(client)
        self._path = f"/v1/{workspace}/exchanges"

    def _send(self, records: Sequence[Record], body: bytes) -> list[Outcome]:
        answer = self._client.request("POST", self._path, body=body, headers={"Prefer": "handling=lenient"})
        told = _told_by_index(answer.body.get("errors", ()))
        return [
            _outcome(record, {**result, "errors": told.get(index, ())})
            for index, (record, result) in enumerate(zip(records, answer.body["data"], strict=True))
        ]


def _told_by_index(errors: Any) -> dict[int, list[dict[str, Any]]]:
    """The errors of each exchange, by the number in their pointers: ``/3/status``."""
    found: dict[int, list[dict[str, Any]]] = {}
    for one in errors:
        pointer = (one.get("source") or {}).get("pointer", "")
        index, _, field = pointer.lstrip("/").partition("/")
        if index.isascii() and index.isdigit():
            found.setdefault(int(index), []).append({"field": field, "reason": one.get("detail")})
    return found


def _outcome(record: Record, result: Mapping[str, Any]) -> Outcome:
    match result["status"]:
        case "accepted":
            return Outcome(record.line, Fate.ACCEPTED)
        case "duplicate":
            return Outcome(record.line, Fate.DUPLICATE)
        case "conflict":
            return Outcome(record.line, Fate.CONFLICT, f"id {record.id}: {_CONFLICT}")
        case _:
            told = (f"{one.get('field') or 'event'}: {one.get('reason')}" for one in result.get("errors", ()))
            return Outcome(record.line, Fate.REJECTED, "; ".join(told) or "refused")


def _on_one_line(message: str) -> str:
    return "; ".join(line.strip() for line in message.splitlines())
