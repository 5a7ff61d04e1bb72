"""How each command of the documents is covered. One without a row fails, and so does a row without a command.

A row says which commands it is about (the beginning of their keys, see ``pages.Command.key``, on some pages or on all)
and which test runs them. Tests of this folder run every command that has their name here, whatever the pages say.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch

from tests.documents.pages import Command, commands

README = "tests/documents/test_readme.py"
CLI = "tests/documents/test_cli.py"
REQUESTS = "tests/documents/test_requests.py"
AWS = "tests/documents/test_aws.py"
MAKE = "tests/documents/test_make.py"
TOOLS = "tests/documents/test_tools.py"
OPERATORS = "tests/integration/deployment/test_operators.py"


@dataclass(frozen=True)
class Cover:
    """Commands, and the test that covers them."""

    begins: str
    test: str
    how: str
    pages: str = "*"

    def is_about(self, command: Command) -> bool:
        """Whether this row is the command's."""
        return fnmatch(command.page, self.pages) and (command.key + " ").startswith(self.begins + " ")


TABLE = (
    Cover("API=http://127.0.0.1:8000", README, "set in a shell that goes on", "README.md"),
    Cover("curl", README, "sent to what make run has started", "README.md"),
    Cover("export", README, "set in a shell that goes on", "README.md"),
    Cover("printf", README, "run", "README.md"),
    Cover("dynameter", README, "run against what make run has started", "README.md"),
    Cover("dynameter cost", "tests/unit/cost/test_documented_examples.py", "prints what is shown", "docs/cost.md"),
    Cover("dynameter", CLI, "run against a local server, in the page's order; what a sentence names is parsed"),
    Cover("curl", REQUESTS, "sent to a local server, page after page"),
    Cover("aws", AWS, "run in a shell; what it asks is held against the models; a restore's on a deployed stack, too"),
    Cover("errors", AWS, "the same: a function of the page", "docs/operations.md"),
    Cover("state", AWS, "the same: a function of the page", "docs/operations.md"),
    Cover("export", OPERATORS, "set before what follows, on a deployed stack", "docs/backup.md"),
    Cover("export", AWS, "set before each command", "docs/operations.md"),
    Cover("jq", AWS, "run on a failed batch", "docs/operations.md"),
    Cover("sed", "tests/unit/test_operations.py", "run on a copy of the template", "docs/backup.md"),
    Cover("make", MAKE, "see the table there"),
    Cover("pip install", TOOLS, "run without an index, installing nothing"),
    Cover("python", "tests/limits/test_page.py", "held to what the page has, without writing it", "docs/limits.md"),
    Cover("python", TOOLS, "run"),
    Cover("sam local invoke", "tests/unit/test_local_invoke.py", "a line a payload; make runtime sends each"),
    Cover("sam deploy", "tests/integration/deployment/test_smoke.py", "make smoke deploys by it, to ministack"),
)


def cover_of(command: Command) -> Cover | None:
    """The first row that is about a command."""
    return next((one for one in TABLE if one.is_about(command)), None)


def covered_by(test: str) -> list[Command]:
    """All commands that a test covers."""
    return [one for one in commands() if (found := cover_of(one)) is not None and found.test == test]
