"""What ``make built`` left: the functions and layers as Lambda gets them, for this machine."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.template import ROOT, Function, Template
from tests.integration.check_built_functions import layer_folders

BUILD = os.environ.get("DYNAMETER_BUILD", "")
"""The folder of the build; ``make runtime`` sets it."""
WITHOUT_BUILD = "make runtime runs these, on what it has built"


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of one artefact, as they lie on Lambda's disk and as they are uploaded."""

    unpacked: int
    zipped: int


@dataclass(frozen=True)
class Artifacts:
    """A build, and a folder in which its layers are put together as Lambda does in /opt."""

    build: Path
    template: Template
    packages: Path

    @classmethod
    def find(cls, scratch: Path) -> Artifacts:
        """The build that the environment names. ``scratch`` is an empty folder."""
        build = (ROOT / BUILD).resolve()
        packages = scratch / "python"
        packages.mkdir()
        for layer in layer_folders(build):
            for entry in layer.iterdir():
                # Raises FileExistsError where two layers hold a package of the same name.
                (packages / entry.name).symlink_to(entry)
        return cls(build, Template.load(build / "template.yaml"), packages)

    @property
    def functions(self) -> Mapping[str, Function]:
        """Every function by its name in the template."""
        return {one.name: one for one in self.template.functions()}

    def code_of(self, function: Function) -> Path:
        """The folder that becomes /var/task."""
        return self.build / function.name

    def sizes(self) -> Mapping[str, Size]:
        """Of every function and layer."""
        layers = {one.parent.name: one.parent for one in layer_folders(self.build)}
        return {
            **{name: _size([self.code_of(one)]) for name, one in self.functions.items()},
            **{f"layer {name}": _size([folder]) for name, folder in layers.items()},
        }


def _size(folders: Sequence[Path]) -> Size:
    unpacked, packed = 0, io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in folders:
            for path in sorted(path for path in folder.rglob("*") if path.is_file() and not _is_foreign(path)):
                unpacked += path.stat().st_size
                archive.write(path, path.relative_to(folder))
    return Size(unpacked, packed.tell())


def _is_foreign(path: Path) -> bool:
    """Whether another Python than the functions' compiled it since the build, which begins without such files."""
    return path.suffix == ".pyc" and "cpython-313" not in path.name
