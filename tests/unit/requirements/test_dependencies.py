"""What the project needs is declared, locked by version and hash, and the same wherever it is installed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import metadata, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local.template import ROOT

LIBRARY = ROOT / "layers/dynameter/python/dynameter"
LAYER_LOCK = ROOT / "layers/dependencies/requirements.txt"
FOLDER = ROOT / "requirements"
LOCKS = [LAYER_LOCK, *sorted(FOLDER.glob("*.txt"))]
OWN = {"dynameter", *(folder.name for folder in ROOT.iterdir() if folder.is_dir())}
# Environments beside the project's own.
OTHERS = sorted({path.stem for path in FOLDER.glob("*.in")} - {"build"})
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Declared though nothing imports it, and why.
UNIMPORTED = {
    "py-partiql-parser": "Moto imports it; among Moto's own requirements it stands in an extra with more than that",
    "tzdata": "zoneinfo reads it where a machine, such as Lambda's, has no time zones",
}
# Every release that is supported, on the systems that developers and Lambda have.
MACHINES = [
    {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_machine": machine,
    }
    for python in ("3.11", "3.12", "3.13", "3.14")
    for system, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def entries(lock: Path) -> list[str]:
    """A lock's requirements with their hashes, each as one line."""
    text = re.sub(r"(?m)^\s*#.*\n", "", lock.read_text()).replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("--")]


def requirements(lock: Path) -> list[Requirement]:
    return [Requirement(entry.partition(" --hash")[0].strip()) for entry in entries(lock)]


def versions(lock: Path) -> dict[str, set[str]]:
    """The versions that a lock has of each package: one, or one a marker."""
    found: dict[str, set[str]] = {}
    for one in requirements(lock):
        found.setdefault(canonicalize_name(one.name), set()).add(str(one.specifier).removeprefix("=="))
    return found


def declared(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for, with these extras."""
    lines = [*PROJECT["dependencies"], *(line for one in extras for line in PROJECT["optional-dependencies"][one])]
    return [Requirement(line) for line in lines]


def listed(file: str) -> list[Requirement]:
    lines = (FOLDER / file).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


class Imports(ast.NodeVisitor):
    """The top-level packages that a module imports when it runs."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found |= {alias.name.partition(".")[0] for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module and not node.level:
            self.found.add(node.module.partition(".")[0])


def modules(folder: Path, *, without: str = "") -> Iterator[Path]:
    return (path for path in folder.rglob("*.py") if not (without and path.is_relative_to(folder / without)))


def imported(paths: Iterator[Path]) -> set[str]:
    """The distributions that these modules import, by their canonical names."""
    visitor = Imports()
    for path in paths:
        visitor.visit(ast.parse(path.read_text()))
    third_party = visitor.found - sys.stdlib_module_names - OWN
    distributions = packages_distributions()
    return {canonicalize_name(one) for package in third_party for one in distributions.get(package, [package])}


def names(wanted: list[Requirement]) -> set[str]:
    return {str(canonicalize_name(one.name)) for one in wanted}


@pytest.mark.parametrize("lock", LOCKS, ids=name)
def test_a_lock_has_a_version_and_hashes_for_every_package(lock: Path) -> None:
    pinned = re.compile(r"[A-Za-z0-9._-]+(\[[^\]]+\])?==[^ ;*]+ +(;[^#]+? +)?(--hash=sha256:[0-9a-f]{64} *)+")

    assert [entry for entry in entries(lock) if not pinned.fullmatch(entry)] == []
    assert entries(lock)


@pytest.mark.parametrize("lock", LOCKS, ids=name)
def test_a_lock_takes_wheels_alone_and_names_no_index(lock: Path) -> None:
    options = [line for line in lock.read_text().splitlines() if line.startswith("-")]

    assert options == ["--only-binary :all:"]
    assert "://" not in lock.read_text()


@pytest.mark.parametrize("lock", LOCKS, ids=name)
def test_a_lock_has_one_version_of_a_package_for_each_machine(lock: Path) -> None:
    for machine in MACHINES:
        wanted = [one.name for one in requirements(lock) if one.marker is None or one.marker.evaluate(machine)]

        assert len(wanted) == len(set(wanted))


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        (LAYER_LOCK, declared()),
        (FOLDER / "run.txt", [*declared("local", "cli"), *listed("build.in")]),
        (FOLDER / "test.txt", [*declared(*PROJECT["optional-dependencies"]), *listed("build.in")]),
        *((FOLDER / f"{one}.txt", listed(f"{one}.in")) for one in OTHERS),
    ],
    ids=lambda value: name(value) if isinstance(value, Path) else "",
)
def test_a_lock_holds_what_is_asked_for(lock: Path, wanted: list[Requirement]) -> None:
    locked = versions(lock)
    missing = [
        str(one)
        for one in wanted
        if not all(one.specifier.contains(v, prereleases=True) for v in locked.get(canonicalize_name(one.name), {"0"}))
    ]

    assert missing == [], "make lock brings them in"


@pytest.mark.parametrize(("smaller", "larger"), [("../layers/dependencies/requirements", "run"), ("run", "test")])
def test_what_runs_and_is_tested_here_has_the_versions_that_are_deployed(smaller: str, larger: str) -> None:
    inner, outer = versions(FOLDER / f"{smaller}.txt"), versions(FOLDER / f"{larger}.txt")

    assert {package: outer.get(package) for package in inner} == inner


def test_make_installs_from_locks_alone() -> None:
    commands = re.findall(r"\bpip\b +(?:install|download)\b[^\n]*", (ROOT / "Makefile").read_text())
    unlocked = [one for one in commands if "--require-hashes" not in one]

    assert len(commands) > len(unlocked)
    # The project itself, with a build backend that is locked too.
    assert unlocked == ["pip install -q --no-deps --no-build-isolation -e ."]


def test_the_library_and_the_functions_import_what_is_declared() -> None:
    assert imported(modules(LIBRARY, without="cli")) | imported(modules(ROOT / "functions")) <= names(declared())


def test_the_command_line_imports_what_is_declared() -> None:
    assert imported(modules(LIBRARY / "cli")) <= names(declared("cli"))


def test_the_local_server_imports_what_is_declared() -> None:
    assert imported(modules(ROOT / "local")) <= names(declared("local"))


def test_the_tests_import_what_is_declared() -> None:
    undeclared = imported(modules(ROOT / "tests")) - names(declared(*PROJECT["optional-dependencies"]))

    assert undeclared == set(), "name them in pyproject.toml, then make lock"


def test_what_is_declared_is_imported() -> None:
    used = imported(modules(LIBRARY)) | imported(modules(ROOT / "functions")) | imported(modules(ROOT / "local"))

    assert names(declared("cli", "local")) - used == set(UNIMPORTED)


def licence_rows() -> dict[str, str]:
    """The table of docs/development.md: package to licence."""
    page = (ROOT / "docs/development.md").read_text()
    return dict(re.findall(r"(?m)^\| `([a-z0-9-]+)` \| ([^|]+?) \|", page))


def test_the_table_of_licences_has_what_is_deployed() -> None:
    assert set(licence_rows()) == set(versions(LAYER_LOCK))


@pytest.mark.parametrize("package", versions(LAYER_LOCK))
def test_a_package_has_the_licence_that_the_table_says(package: str) -> None:
    about = metadata(package)
    classifiers = [one for one in about.get_all("Classifier", []) if one.startswith("License")]
    said = " ".join([*about.get_all("License-Expression", []), *about.get_all("License", []), *classifiers])

    for licence in licence_rows()[package].split(" or "):
        family = licence.partition("-")[0]
        assert re.search(rf"\b{family}\b", said), said
