"""A stream that gives no more than was allowed, however much a header in it asks for."""

import io
from collections.abc import Callable
from typing import IO

from ict.errors import IctError


class ArchiveError(IctError):
    """The archive is cut off, altered or malicious; nothing of it was installed."""


def _pass(_piece: bytes) -> None:
    """Nothing to check."""


class Guard:
    """A stream that gives at most so many bytes until more are allowed.

    A header states how long its name, its attributes or its map of holes is, or the table of a
    zip, and the standard library reads that at once, and headers one within the other.
    """

    def __init__(self, stream: IO[bytes], refusal: str) -> None:
        self._stream = stream
        self._refusal = refusal
        self._allowed: int | None = 0
        self._left = 0
        self._check: Callable[[bytes], None] = _pass

    def allow(self, size: int | None, check: Callable[[bytes], None] = _pass) -> None:
        """From here `size` bytes, each piece of them checked; None for as many as are asked for."""
        self._allowed, self._left, self._check = size, size or 0, check

    def read(self, size: int = -1) -> bytes:
        if self._allowed is not None:
            self._left -= size if size >= 0 else self._rest()
            if self._left < 0:
                raise ArchiveError(f"{self._refusal} {self._allowed // 1024} KiB")
        piece = self._stream.read(size)
        self._check(piece)
        return piece

    def _rest(self) -> int:
        position = self._stream.tell()
        end = self._stream.seek(0, io.SEEK_END)
        self._stream.seek(position)
        return end - position

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and position < 0:  # of the disk's errors none is the archive's
            raise ValueError("a member lies before its beginning")
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True
