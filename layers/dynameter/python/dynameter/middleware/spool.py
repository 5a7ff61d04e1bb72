"""A folder of events that could not be sent: nothing is lost by an outage or the end of a process.

A file is written whole under another name first, so whoever finds one may send it: several processes may share the
folder, and should two of them send the same file, the events' ids keep them from counting twice.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path

SUFFIX = ".events"
REJECTED_SUFFIX = ".rejected"
REJECTED_FILES_MAX = 1_000
"""Refused events that are kept, each in a file of its own; the log has all of them."""
_names = itertools.count()


class Spool:
    """Events, one JSON text a line, in files that are read oldest first."""

    def __init__(self, folder: Path, bytes_max: int) -> None:
        """Raises OSError where the folder cannot be made."""
        self.folder = folder
        self._bytes_max = bytes_max
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, events: Sequence[bytes]) -> None:
        """Keep the events; on disk when this returns. Raises OSError, also for a spool that is full."""
        content = b"".join(event + b"\n" for event in events)
        if self.size() + len(content) > self._bytes_max:
            raise OSError(f"the spool {self.folder} holds its {self._bytes_max} bytes")
        self._write(content, SUFFIX)

    def reject(self, event: bytes, reason: str) -> None:
        """Keep an event that the service refused, with the reason, for somebody to look at. Raises OSError."""
        if sum(1 for _ in self.folder.glob(f"*{REJECTED_SUFFIX}")) < REJECTED_FILES_MAX:
            self._write(
                event + b"\n# " + reason.encode("utf-8", "replace").replace(b"\n", b" ") + b"\n", REJECTED_SUFFIX
            )

    def files(self) -> list[Path]:
        """The files of events, the oldest first."""
        return sorted(self.folder.glob(f"*{SUFFIX}"))

    def read(self, file: Path) -> list[bytes]:
        """The events of a file; none of one that another process has sent meanwhile."""
        try:
            return file.read_bytes().splitlines()
        except FileNotFoundError:
            return []

    def remove(self, file: Path) -> None:
        """The events of the file were sent."""
        file.unlink(missing_ok=True)

    def size(self) -> int:
        """The bytes of all files."""
        found = 0
        for file in self.files():
            with contextlib.suppress(FileNotFoundError):
                found += file.stat().st_size
        return found

    def _write(self, content: bytes, suffix: str) -> None:
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(_names)}"
        unfinished = self.folder / f"{name}.part"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.folder / f"{name}{suffix}")
        except OSError:
            # Nobody would send it or count it, and a disk that is full must not stay so for it.
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise
