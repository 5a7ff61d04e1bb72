"""The deployment that the smoke test runs against; ``make smoke`` says which by a variable.

DYNAMETER_SMOKE_BUILD=folder   what ``make built`` made, deployed to a ministack of its own
DYNAMETER_SMOKE_STACK=name     a stack of your AWS account, deployed already; it is not removed
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from local.template import ROOT
from tests.integration.deployment.deployed import PROGRAM, SAM, Deployment, OwnDeployment, on_aws, on_ministack
from tests.integration.deployment.metered import Metered

NOTES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def deployment(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """The deployment, with a first key made by ``make first-key``."""
    stack, build = (os.environ.get(f"DYNAMETER_SMOKE_{name}", "") for name in ("STACK", "BUILD"))
    if not stack and not build:
        pytest.skip("make smoke builds, deploys and runs these")
    if stack:
        with on_aws(stack) as found:
            yield found
        return
    folder = ROOT / build
    for needed in (PROGRAM, SAM, folder / "template.yaml"):
        if not needed.exists():
            pytest.skip(f"{needed.relative_to(ROOT)} is missing; make smoke makes it")
    with on_ministack(folder) as found:
        request.config.stash[NOTES] = found.notes
        yield found


@pytest.fixture(scope="session")
def ours(deployment: Deployment) -> OwnDeployment:
    """The deployment, if it was made for the tests."""
    if not isinstance(deployment, OwnDeployment):
        pytest.skip("a stack of yours is not changed, spoiled or removed")
    return deployment


@pytest.fixture(scope="session")
def made_after_its_events(deployment: Deployment) -> Metered:
    """A meter made when its events were stored already; its rebuild waits while other tests run."""
    late = Metered(deployment.api, deployment.api.fresh("late"))
    late.send()
    late.define()
    return late


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the functions wrote."""
    report = yield
    found = getattr(item, "funcargs", {}).get("deployment")
    if report.failed and found is not None:
        report.sections.append(("the functions' logs", found.logs()))
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for note in config.stash.get(NOTES, []):
        terminalreporter.write_line(f"smoke: {note}")
