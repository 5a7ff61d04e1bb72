"""Every command of the documents is covered by a test, and the table of these has nothing else."""

from __future__ import annotations

import pytest

from local.template import ROOT
from tests.documents.covers import TABLE, Cover, cover_of
from tests.documents.pages import Command, commands, cut


def test_every_command_has_its_row() -> None:
    assert [str(one) for one in commands() if cover_of(one) is None] == []


@pytest.mark.parametrize("text", ["docker run dynameter", "wget $API", "npm install dynameter", "unheard-of --option"])
def test_a_kind_of_command_that_no_test_runs_has_no_row(text: str) -> None:
    assert cover_of(Command("docs/cli.md", text)) is None


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.pages} {row.begins}")
def test_a_row_has_commands_and_a_test(row: Cover) -> None:
    assert row in map(cover_of, commands())
    assert (ROOT / row.test).exists()


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("make run   # it's here\nmake test\n", ["make run   # it's here", "make test"]),
        ("# what follows\n\na \\\n  b\n", ["a \\\n  b"]),
        ("a -d '\n  {\"b\": 1}'\nc\n", ["a -d '\n  {\"b\": 1}'", "c"]),
        ("for one in a b; do\n  c $one\ndone\nd\n", ["for one in a b; do\n  c $one\ndone", "d"]),
        ("a | python3 -c '[b for b in c]'\nd\n", ["a | python3 -c '[b for b in c]'", "d"]),
    ],
)
def test_a_block_is_cut_into_its_commands(block: str, expected: list[str]) -> None:
    assert list(cut(block)) == expected


def test_a_block_that_ends_within_a_command_is_a_fault() -> None:
    with pytest.raises(ValueError, match="no end"):
        list(cut("curl -d '\n"))
