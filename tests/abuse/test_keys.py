"""Who has no key of the workspace gets nowhere, at any operation."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from werkzeug.test import Client

from tests.abuse.gate import Gate, gate
from tests.documented import operations

WRONG = {
    "none": None,
    "of another kind": "Basic YWRtaW46YWRtaW4=",
    "malformed": "Bearer dm_",
    "of nobody": "Bearer dm_aaaaaaaaaaaa_" + "a" * 40,
    "with another secret": "Bearer {id}_" + "a" * 40,
    "cut short": "Bearer {short}",
    "twice": "Bearer {key} {key}",
    "not ASCII": "Bearer {key}é",
    "of the local server": "Bearer dm_local_admin",
}


@pytest.fixture(scope="module")
def service() -> Iterator[Gate]:
    with gate() as found:
        yield found


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_key_opens_no_operation(service: Gate, kind: str) -> None:
    key, client = service.key, Client(service)
    wrong = WRONG[kind]
    text = wrong and wrong.format(key=key, short=key[:-1], id=key.rsplit("_", 1)[0])
    before = service.house.state()
    statuses = set()
    for route in operations():
        method, pattern = route.split(" ", 1)
        path = re.sub(r"\{(\w+)\}", lambda found: service.tenant.parameters()[found[1]][0], pattern)
        answer = client.open(path, method=method, headers={} if text is None else {"Authorization": text}, json={})
        statuses.add(answer.status_code)

    assert statuses == ({401} if text is None else {403})
    assert service.take_faults() == []
    assert service.house.state() == before
