"""What the runbooks' ``aws`` prints is what the AWS CLI prints."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.deployment.aws_program import text


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        ("name", ["name"]),
        (["a", "b"], ["a\tb"]),
        ([["a", "b"], ["c", "d"]], ["a\tb", "c\td"]),
        ([], []),
        (None, ["None"]),
    ],
)
def test_an_answer_is_printed_as_text(found: Any, lines: list[str]) -> None:
    assert list(text(found)) == lines
