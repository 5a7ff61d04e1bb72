"""The documents' commands: every fenced block of a shell, cut into commands, and every command within a sentence."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from local.template import ROOT

DOCUMENTS = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))
PROGRAMS = (
    "make",
    "sam",
    "dynameter",
    "curl",
    "aws",
    "python",
    "python3",
    "pip",
    "jq",
    "pytest",
    "docker",
    "git",
    "npm",
)

METHODS = "(?:GET|POST|PUT|PATCH|DELETE)"
_DEPTH = {"make": 1, "sam": 2, "dynameter": 2, "aws": 2, "pip": 1}
"""How many words after a program say what it does."""

_FENCE = re.compile(r"(?ms)^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^ *```")
_INLINE = re.compile(r"`([^`]+)`")
_ASSIGNMENTS = r"(?:[A-Z_]+=\S+ +)*"
_COMMAND = re.compile(rf"{_ASSIGNMENTS}(?:[\w./-]*/)?({'|'.join(PROGRAMS)})\s")
_OPENING = ("for", "while", "until", "if", "case")
_CLOSING = ("done", "fi", "esac")


@dataclass(frozen=True)
class Command:
    """A command as a page has it: in a block, to be copied, or ``inline`` in a sentence."""

    page: str
    text: str
    inline: bool = False

    @property
    def key(self) -> str:
        """The program and what it is to do: ``make deploy``, ``aws dynamodb scan``, ``dynameter meters list``.

        Of a loop, a pipe or a function it is the first program that the page's reader did not define; else the word.
        """
        found = re.search(rf"(?:^|[\s(/])({'|'.join(PROGRAMS)})(?= |$)(.*)", self.text, re.DOTALL)
        if found is None:
            return self.text.split()[0]
        depth = _DEPTH.get(found[1], 0)
        words = itertools.takewhile(re.compile(r"[a-z][a-z0-9-]*$").match, found[2].split())
        return " ".join([found[1].replace("python3", "python"), *itertools.islice(words, depth)])

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def name(document: Path) -> str:
    """A document's name within the repository."""
    return str(document.relative_to(ROOT))


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", text)


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language, without the indentation of the list that they stand in."""
    found = []
    for one in _FENCE.finditer((ROOT / page).read_text()):
        if one["language"] == language:
            found.append(re.sub(rf"(?m)^{one['indent']}", "", one["body"]))
    return found


def cut(block: str) -> Iterator[str]:
    """A shell's commands one by one: each ends with the line at which nothing is open."""
    held = ""
    for line in block.splitlines():
        held = f"{held}\n{line}" if held else line
        if not held.strip() or held.lstrip().startswith("#"):
            held = ""
        elif _is_whole(held):
            yield held
            held = ""
    if held:
        raise ValueError(f"a command has no end: {held}")


def _is_whole(text: str) -> bool:
    if text.endswith(("\\", "|", "&&")):
        return False
    try:
        words = [word.rstrip(";") for word in shlex.split(text, comments=True)]
    except ValueError:  # a quotation is open
        return False
    opened, closed = ([word for word in words if word in kind] for kind in (_OPENING, _CLOSING))
    return len(opened) == len(closed)


@cache
def commands() -> tuple[Command, ...]:
    """All commands of all documents, in their order; what a page says twice is there once."""
    found: dict[Command, None] = {}
    for document in DOCUMENTS:
        page = name(document)
        for block in blocks(page, "sh"):
            found.update((Command(page, one), None) for one in cut(block))
        for block in blocks(page, "console"):
            lines = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
            found.update((Command(page, one), None) for one in lines)
        for one in _INLINE.findall(prose(document.read_text())):
            if _COMMAND.match(one):
                found[Command(page, re.sub(r"\s+", " ", one), inline=True)] = None
    return tuple(found)
