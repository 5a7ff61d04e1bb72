"""schemathesis over every operation, a short run that is always the same; ``make schemathesis`` runs a long one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dynameter.openapi.catalogue import NAMES
from tests.abuse.attack import Attack
from tests.abuse.gate import Gate, gate

SHORT = Attack(examples=1, coverage_of=12)


@pytest.fixture(scope="module")
def service() -> Iterator[Gate]:
    with gate() as found:
        yield found


@pytest.mark.parametrize("dialect", NAMES)
def test_every_operation_answers_as_its_document_says(service: Gate, dialect: str) -> None:
    report = SHORT.run(service, dialect)

    assert report.failures == {}
    assert report.cases >= report.operations


def test_the_same_seed_asks_the_same_again() -> None:
    reports = []
    for _ in range(2):
        with gate() as service:
            reports.append(Attack(examples=5, coverage_of=4).run(service, "amigo"))

    assert reports[0] == reports[1]
