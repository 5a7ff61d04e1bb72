"""Keys that are none: the authorizer denies each, raises for none and compares secrets in constant time."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.access import key as keys
from tests.abuse.fuzz.effort import effort
from tests.abuse.fuzz.oddities import lines, texts
from tests.abuse.gate import Gate, gate

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
PREFIXES = ("Bearer ", "bearer  ", "BEARER\t", "Bearer", "", "Basic ", " Bearer ", "Bearer Bearer ", "Bearer\u00a0")


@pytest.fixture(scope="module")
def service() -> Iterator[Gate]:
    with gate() as found:
        yield found


def judged(service: Gate, **event: Any) -> Any:
    run = service.house.world.fleet.run("authorize", {"version": "2.0", "type": "REQUEST", **event}, may_stall=False)
    assert run.error is None, run.error
    return run.answer


@st.composite
def malformed(draw: st.DrawFn, good: str) -> str:
    """The good key with a few characters replaced, put in or taken out."""
    letters = list(good)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(letters)))
        letters[at : at + draw(st.integers(0, 2))] = draw(st.text("dm_aB0é \n\x00ß\ud800", max_size=2))
    return "".join(letters)


@given(st.data())
@effort(500)
def test_a_key_that_is_not_the_key_is_denied(service: Gate, data: st.DataObject) -> None:
    prefix = data.draw(st.sampled_from(PREFIXES))
    text = prefix + data.draw(malformed(service.key) | lines | texts | texts.map("dm_{}".format))

    granted = judged(service, identitySource=[text])["isAuthorized"]

    assert not granted or (text.split()[0].lower(), text.split()[1:]) == ("bearer", [service.key])


@given(ANYTHING, ANYTHING)
@effort(200)
def test_an_event_of_any_form_is_denied(service: Gate, source: Any, headers: Any) -> None:
    assert judged(service, identitySource=source, headers=headers) == {"isAuthorized": False, "context": {}}


@pytest.mark.parametrize("length", [129, 161, 10_000, 1_000_000])
def test_a_key_that_is_too_long_is_not_looked_up(service: Gate, length: int) -> None:
    calls = service.house.world.memory.calls

    answer = judged(service, identitySource=["Bearer dm_" + "a" * length])

    assert (answer["isAuthorized"], service.house.world.memory.calls) == (False, calls)


@pytest.mark.parametrize("id_", ["aaaaaaaaaaaa", "{known}"], ids=["of nobody", "of somebody"])
@pytest.mark.parametrize("secret", ["a" * 40, "{near}"], ids=["far", "near"])
def test_every_refusal_of_a_well_formed_key_costs_one_lookup_and_one_comparison(
    service: Gate, id_: str, secret: str
) -> None:
    _, known, good = service.key.split("_")
    near = good[:-1] + ("a" if good[-1] != "a" else "b")
    text = keys.compose(id_.format(known=known), secret.format(near=near))
    memory = service.house.world.memory
    calls = memory.calls

    with patch.object(hmac, "compare_digest", wraps=hmac.compare_digest) as compared:
        answer = judged(service, identitySource=[f"Bearer {text}"])

    assert answer["isAuthorized"] is False
    assert (compared.call_count, memory.calls - calls) == (1, 1)
