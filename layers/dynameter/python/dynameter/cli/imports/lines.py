"""Reading a file line by line while knowing where one is and what was read."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

MAX_LINE_BYTES = 1_000_000
"""No event that the service takes is longer; the rest of such a line is skipped."""

_BOM = b"\xef\xbb\xbf"
_CHUNK_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading stands: bytes and lines before it, and the SHA-256 of those bytes."""

    offset: int
    line: int
    digest: str


class Lines:
    """The lines of a binary stream as text, bytes that are no UTF-8 as lone surrogates.

    ``raw`` collects the lines as they were since ``mark`` was called, unless nobody wants them. ``overlong`` is set
    by a line past the limit.
    """

    def __init__(self, stream: IO[bytes], *, collect: bool = True) -> None:
        self._stream = stream
        self._collect = collect
        self._hash = hashlib.sha256()
        self.offset = 0
        self.number = 0
        self.overlong = False
        self._raw = bytearray()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        read = self._read()
        if not read:
            raise StopIteration
        self.number += 1
        text = read if self.number > 1 else read.removeprefix(_BOM)
        if self._collect:
            self._raw += text
        return text.decode("utf-8", "surrogateescape")

    def mark(self) -> None:
        """Start collecting ``raw`` anew."""
        self._raw = bytearray()
        self.overlong = False

    @property
    def raw(self) -> bytes:
        """The lines since the mark, as they were."""
        return bytes(self._raw)

    @property
    def position(self) -> Position:
        """Where reading stands now."""
        return Position(self.offset, self.number, self._hash.hexdigest())

    def skip_to(self, position: Position) -> bool:
        """Read on to a position of before; False where what lies before it is not what was read then."""
        while self.offset < position.offset:
            chunk = self._stream.read(min(_CHUNK_BYTES, position.offset - self.offset))
            if not chunk:
                return False
            self._took(chunk)
        self.number = position.line
        return self.position == position

    def _read(self) -> bytes:
        read = self._stream.readline(MAX_LINE_BYTES)
        self._took(read)
        if len(read) == MAX_LINE_BYTES and not read.endswith(b"\n"):
            self.overlong = True
            while (rest := self._stream.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                self._took(rest)
            self._took(rest)
        return read

    def _took(self, read: bytes) -> None:
        self.offset += len(read)
        self._hash.update(read)


def open_file(path: Path) -> IO[bytes]:
    """The file's content, unpacked where it is gzip. Raises OSError."""
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
    if packed:
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def stable_name(path: Path) -> str:
    """The file's name wherever it lies and whether it is packed or not."""
    return path.name.removesuffix(".gz")
