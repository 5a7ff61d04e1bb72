"""The workspace's routes as this process knows them: fetched in the background, used without waiting."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from threading import Event
from typing import Any

from dynameter.client.api import ApiClient
from dynameter.gateway.matching import RouteTable
from dynameter.gateway.route import MatchType, Metering, MeteringMode, MeteringUnit, Protocol, Route

PATH = "/admin/routes"
PAGE_SIZE = 1_000
PAGES_MAX = 10
_NOT_MODIFIED = 304
_log = logging.getLogger("dynameter.middleware")


class RouteCache:
    """The newest routes fetched; ``table`` is None until the first were."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._tag = ""
        self._known = Event()
        self.table: RouteTable | None = None

    def wait(self, timeout_s: float) -> bool:
        """Wait until routes are known; False when the time is over."""
        return self._known.wait(timeout_s)

    def refresh(self) -> None:
        """Fetch the routes where they have changed. Raises ApiError; the routes stay as they were then."""
        headers = {"If-None-Match": self._tag} if self._tag and self.table is not None else {}
        found: list[Route] = []
        tag = ""
        for number in range(1, PAGES_MAX + 1):
            query = [("page[number]", str(number)), ("page[size]", str(PAGE_SIZE))]
            answer = self._client.request("GET", PATH, query=query, headers=headers if number == 1 else None)
            if answer.status == _NOT_MODIFIED:
                return
            page = list(_resources(answer.body))
            found += [route for one in page if (route := read_route(one)) is not None]
            if number == 1:
                tag = answer.headers.get("etag", "")
            if len(page) < PAGE_SIZE:
                break
        self.table = RouteTable(found)
        # Not before: the tag of a list of which a later page did not come would keep the old routes for good.
        self._tag = tag
        self._known.set()


def read_route(resource: dict[str, Any]) -> Route | None:
    """A route as the service tells it; None, and a line in the log, for one this version does not understand."""
    attributes = resource.get("attributes")
    try:
        if not isinstance(attributes, dict):
            raise TypeError("it has no attributes")
        return Route(
            workspace="",
            id=str(resource["id"]),
            name=str(attributes["name"]),
            path_pattern=str(attributes["path_pattern"]),
            match_type=MatchType(attributes["match_type"]),
            methods=tuple(str(method).upper() for method in attributes.get("methods") or ()),
            priority=int(attributes.get("priority", 0)),
            enabled=bool(attributes.get("enabled", True)),
            metering=Metering(
                mode=MeteringMode(attributes["metering_mode"]),
                expression=str(attributes.get("metering_expr") or ""),
                unit=MeteringUnit(attributes["metering_unit"]),
                protocol=Protocol(attributes["protocol"]),
            ),
            created_at_us=0,
            updated_at_us=0,
        )
    except (KeyError, TypeError, ValueError) as error:
        _log.warning("a route is left out, for this version does not understand it: %r: %r", resource.get("id"), error)
        return None


def _resources(body: Any) -> Iterator[dict[str, Any]]:
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, list):
        raise TypeError("the answer is no list of routes")
    yield from (one for one in data if isinstance(one, dict))
