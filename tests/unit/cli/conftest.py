"""The command line in this process, against a scripted service."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dynameter.cli.main import main
from tests.conftest import WORKSPACE, ManualClock
from tests.fake_service import FakeService, fake_service


@dataclass(frozen=True)
class Done:
    """What a command line came to."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out, parse_float=Decimal)


Run = Callable[..., Done]


@pytest.fixture
def service() -> Iterator[FakeService]:
    with fake_service() as found:
        yield found


@pytest.fixture
def env(service: FakeService, tmp_path: Path) -> dict[str, str]:
    return {
        "DYNAMETER_URL": service.url,
        "DYNAMETER_API_KEY": "dm_local_admin",
        "DYNAMETER_WORKSPACE": WORKSPACE,
        "DYNAMETER_CONFIG": str(tmp_path / "config.toml"),
    }


@pytest.fixture
def run(env: dict[str, str], capsys: pytest.CaptureFixture[str], clock: ManualClock) -> Run:
    """Run a command line with the environment ``env``; waiting moves the clock alone."""

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        code = main([str(one) for one in arguments], env, clock)
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run
