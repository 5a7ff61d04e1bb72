"""Error bodies of every dialect as one kind of sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.client.refusals import explain

BODIES: dict[str, tuple[Any, str]] = {
    "openmeter v1": (
        {"title": "Bad Request", "detail": "invalid meter", "extensions": {"validationErrors": [
            {"field": "slug", "message": "is too long"}]}},
        "invalid meter\n  slug: is too long",
    ),
    "openmeter v3 names the field in its detail already": (
        {"detail": "Bad Request: slug [max]: is too long", "invalid_parameters": [
            {"field": "slug", "reason": "is too long"}, {"field": "key", "reason": "is taken"}]},
        "Bad Request: slug [max]: is too long\n  slug: is too long\n  key: is taken",
    ),
    "json:api": (
        {"errors": [{"status": "422", "code": "invalid", "title": "Invalid", "detail": "no such name",
                     "source": {"pointer": "/data/attributes/metering_expr"}}]},
        "/data/attributes/metering_expr: no such name",
    ),
    "fastapi": (
        {"detail": [{"loc": ["body", "duration_days"], "msg": "Field required", "type": "missing"}]},
        "body.duration_days: Field required",
    ),
    "amigo": ({"detail": "no such key", "error_code": None}, "no such key"),
    "api gateway": ({"message": "Forbidden"}, "Forbidden"),
    "nothing": (None, "418 I'm a Teapot"),
    "a proxy's page": ("<html>bad gateway</html>\n", "<html>bad gateway</html>"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_each_dialect_is_understood(name: str) -> None:
    body, sentence = BODIES[name]

    assert explain(418, body) == sentence


def test_of_many_wrong_fields_some_are_told_and_the_rest_counted() -> None:
    body = {"detail": "no", "invalid_parameters": [{"field": f"f{n}", "reason": "x"} for n in range(30)]}

    lines = explain(400, body).splitlines()

    assert (len(lines), lines[-1]) == (22, "  and 10 more")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["detail", "message", "errors", "source", "loc", "extensions", "validationErrors", "field"]),
        inner,
    ),
    max_leaves=8,
)  # fmt: skip


@given(st.integers(0, 999), _json)
def test_no_body_makes_it_fail(status: int, body: Any) -> None:
    assert isinstance(explain(status, body), str)
