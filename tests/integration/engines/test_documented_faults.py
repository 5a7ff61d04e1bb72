"""docs/engines.md lists the known faults, and the faults are of tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

from local.template import ROOT
from tests.integration.engines.faults import FAULTS

PAGE = (ROOT / "docs" / "engines.md").read_text()


def test_the_page_lists_the_table_of_faults() -> None:
    rows = re.findall(r"(?m)^\| ([\w ]+) \| (.+) \| (`test_.+`) \|$", PAGE)

    listed = [(engine, what, test) for engine, what, tests in rows for test in re.findall(r"`(\w+)`", tests)]
    assert listed == [(one.engine, one.what, one.test) for one in FAULTS]


def test_every_fault_is_shown_by_a_test() -> None:
    sources = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))

    assert [one.test for one in FAULTS if f"def {one.test}(" not in sources] == []
