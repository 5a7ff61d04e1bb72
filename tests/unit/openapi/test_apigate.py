"""What APIGate's documents say again because a reader of attributes has no model."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.dialects.apigate import plans, routes
from dynameter.dialects.apigate.exchanges import read_report
from dynameter.openapi.apigate import plans as documented_plans
from dynameter.openapi.apigate import routes as documented_routes
from dynameter.openapi.apigate.exchanges import Exchange


@pytest.mark.parametrize(
    ("ignored", "shape"),
    [(routes.IGNORED, documented_routes.RouteCreate), (plans.IGNORED, documented_plans.PlanCreate)],
)
def test_attributes_that_are_taken_and_not_kept_are_documented(ignored: frozenset[str], shape: Any) -> None:
    assert ignored - set(shape.__annotations__) == set()


@pytest.mark.parametrize("name", sorted(Exchange.__annotations__))
def test_every_documented_name_of_an_exchange_is_known(name: str) -> None:
    _, faults = read_report({name: None, "path": "/"} if name != "path" else {"path": "/"}, (), "id", str)

    assert faults == ()
