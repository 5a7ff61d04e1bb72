"""A cursor says where a page ends, not whose page it is: another workspace's opens nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import OTHER_WORKSPACE, WORKSPACE
from tests.simulation.world import Answer
from tests.unit.http.conftest import Settled
from tests.unit.http.house import Ask
from tests.unit.http.test_every_route import betrayed

NEXT = "dynameter-next-cursor"
VOIDS = "/v1/{workspace_id}/voids"


def in_next(answer: Answer) -> Any:
    """v3: where the next page begins."""
    return answer.json()["meta"]["page"]["next"]


LISTS: dict[str, tuple[tuple[str, str], str, Callable[[Answer], Any]]] = {
    "GET /api/v1/events": (("limit", "1"), "cursor", lambda answer: answer.headers[NEXT]),
    "GET /api/v2/events": (("limit", "1"), "cursor", lambda answer: answer.json()["nextCursor"]),
    "GET /api/v3/openmeter/events": (("page[size]", "1"), "page[after]", in_next),
    "GET /v3/openmeter/events": (("page[size]", "1"), "page[after]", in_next),
    "GET /api/v1/subjects": (("limit", "1"), "cursor", lambda answer: answer.headers[NEXT]),
    f"GET {VOIDS}": (("limit", "1"), "cursor", lambda answer: answer.json()["next_cursor"]),
}
"""Lists with cursors: how to ask for a page of one, the parameter that goes on, and where an answer has its value."""


@pytest.mark.parametrize("route", LISTS)
def test_a_cursor_of_another_workspace_opens_nothing(route: str, untouched: Settled) -> None:
    one, parameter, read = LISTS[route]
    tenant, house = untouched.tenant, untouched.house
    second = [{"key": "alpha-second"}]
    tenant.ok("POST /api/v1/subjects", second)
    # The DynamoDB in memory goes on only behind what is there; AWS's would not mind.
    house.send("POST /api/v1/subjects", Ask(second), OTHER_WORKSPACE, {})
    tenant.ok(f"POST {VOIDS}", {"events": [{"source": "alpha-source", "id": "alpha-event-2"}]})
    first = house.send(route, Ask(query=(one,)), WORKSPACE, tenant.path(route))
    following = (one, (parameter, str(read(first))))
    assert betrayed(tenant, house.send(route, Ask(query=following), WORKSPACE, tenant.path(route)), following)

    answer = house.send(route, Ask(query=following), OTHER_WORKSPACE, tenant.path(route, workspace_id=OTHER_WORKSPACE))

    assert answer.status == 200
    assert betrayed(tenant, answer, following) == set()
