"""A local server for the walkthroughs and the official clients."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.api import Api
from tests.running_server import Server, running_server

NODE = Path(__file__).parent / "node"
INSTALL_S = 180


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The local server in a process of its own, on the embedded engine."""
    with running_server() as found:
        yield found


@pytest.fixture(scope="session")
def server_api(server: Server) -> Api:
    """A plain HTTP client of the server, with its key."""
    return Api(server.url, server.key, server.workspace)


@pytest.fixture
def api(server_api: Api) -> Api:
    """The same, for tests that stand alone; names come from ``fresh``, for all of them share the server."""
    return server_api


@pytest.fixture(scope="session")
def node_folder() -> Path:
    """The folder of node scripts with the official SDK installed; skips where that cannot be."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    if not (NODE / "node_modules" / "@openmeter" / "sdk").is_dir():
        command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
        done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        if done.returncode:
            pytest.skip(f"npm could not install @openmeter/sdk: {done.stderr.strip()[-200:]}")
    return NODE
