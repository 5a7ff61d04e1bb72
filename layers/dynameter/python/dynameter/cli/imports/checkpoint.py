"""How far an import has come, kept beside the file so that it can go on after whatever stopped it."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynameter.cli.imports.lines import Position

SUFFIX = ".dynameter-import"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything before ``position`` is settled, with these ``counts``, under the settings of this ``digest``."""

    digest: str
    position: Position
    counts: Mapping[str, int]


def state_path(path: Path) -> Path:
    """Where an import of the file keeps how far it has come."""
    return path.with_name(path.name + SUFFIX)


def read(path: Path) -> Checkpoint | None:
    """What is kept; None where nothing is, or nothing that can be read."""
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] != _VERSION:
            return None
        position = Position(int(found["offset"]), int(found["line"]), str(found["sha256"]))
        counts = {str(name): int(count) for name, count in found["counts"].items()}
        return Checkpoint(str(found["settings"]), position, counts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Keep it, as a whole or not at all. Raises OSError."""
    position = checkpoint.position
    text = json.dumps(
        {
            "version": _VERSION,
            "settings": checkpoint.digest,
            "offset": position.offset,
            "line": position.line,
            "sha256": position.digest,
            "counts": dict(checkpoint.counts),
        }
    )
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(temporary).replace(path)


class Keeper:
    """Keeps how far an import has come, where that can be; ``tell`` hears once that it cannot, and why."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._path = path
        self._tell = tell
        self._works = True

    def keep(self, checkpoint: Checkpoint) -> None:
        """Keep it; an import goes on without."""
        if not self._works:
            return
        try:
            write(self._path, checkpoint)
        except OSError as error:
            self._works = False
            self._tell(f"how far the import is cannot be kept, stopped it would begin at the first line: {error}")

    def forget(self) -> None:
        """The import is done."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
