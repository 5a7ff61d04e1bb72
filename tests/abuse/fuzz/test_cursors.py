"""Cursors that nobody gave: 400, or a page of the asking workspace's own; never a fault, never another's things."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.abuse.fuzz.effort import effort
from tests.abuse.fuzz.oddities import texts
from tests.abuse.gate import Gate, gate
from tests.conftest import OTHER_WORKSPACE, WORKSPACE
from tests.unit.http.house import Ask
from tests.unit.http.test_cursors import LISTS, VOIDS
from tests.unit.http.test_every_route import betrayed

ALPHABET = "ABCXYZabcxyz0189-_=+/.~ {}"


@pytest.fixture(scope="module")
def service() -> Iterator[Gate]:
    with gate() as found:
        yield found


@pytest.fixture(scope="module")
def cursors(service: Gate) -> dict[str, str]:
    """A good cursor of each list."""
    tenant, house = service.tenant, service.house
    for number in range(3):
        tenant.ok("POST /api/v1/subjects", [{"key": f"alpha-more-{number}"}])
    tenant.ok(f"POST {VOIDS}", {"events": [{"source": "alpha-source", "id": "alpha-event-2"}]})
    return {
        route: str(read(house.send(route, Ask(query=(one,)), WORKSPACE, tenant.path(route))))
        for route, (one, _, read) in LISTS.items()
    }


@st.composite
def changed(draw: st.DrawFn, good: str) -> str:
    """The cursor with a few characters replaced, put in or taken out, in its text or in what the text encodes."""
    plain = base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)).decode("latin-1")
    inside = draw(st.booleans())
    letters = list(plain if inside else good)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(letters)))
        letters[at : at + draw(st.integers(0, 2))] = draw(st.text(ALPHABET, max_size=2))
    text = "".join(letters)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=") if inside else text


@given(st.data())
@effort(400)
def test_a_cursor_that_nobody_gave_opens_nothing(service: Gate, cursors: dict[str, str], data: st.DataObject) -> None:
    route = data.draw(st.sampled_from(sorted(LISTS)))
    (one, parameter, _), good = LISTS[route], data.draw(st.sampled_from(sorted(cursors.values())))
    cursor = data.draw(texts | changed(good) | changed(cursors[route])).encode("utf-8", "replace").decode()
    following = (one, (parameter, cursor))

    for workspace in (WORKSPACE, OTHER_WORKSPACE):
        path = service.tenant.path(route, workspace_id=workspace)
        answer = service.house.send(route, Ask(query=following), workspace, path)

        assert answer.status in (200, 400), answer.text
        if workspace == OTHER_WORKSPACE:
            assert betrayed(service.tenant, answer, following) == set()
