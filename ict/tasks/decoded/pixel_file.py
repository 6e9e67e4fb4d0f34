"""One file of a decoded set: written under another name and renamed, checked before it is used.

    header  4096 bytes: b"ictpix1\\n", the SHA-256 of the rest of the header, JSON padded with blanks
    pixels  (N, 3, S, S) uint8
    checks  (N,) uint32, little-endian: the CRC-32 of each image

A file is used if it is the user's own and nobody else may write it, if its header has that digest and
the key that was asked for, its length follows from the header, the checks have the digest in the
header, and every image that is used has its check. The checks take 0.25 s a GB of one core; so a
file need not be flushed when it is written, as one that a power cut tore is found out.
"""

import contextlib
import fcntl
import hashlib
import json
import mmap
import os
import secrets
import stat
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from ict.files import TEMPORARY, is_published, refuse_published
from ict.plain_json import parse_json

SUFFIX = ".pixels"
_MAGIC = b"ictpix1\n"
_HEADER = 4096
_DIGEST = 32
_MOST_SIDE, _MOST_IMAGES = 1 << 14, 1 << 32
_LONGEST_NAME = 200
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class OddFileError(ValueError):
    """The file is not to be used: torn, altered, of another set or of another user."""


@dataclass(frozen=True)
class Description:
    """What a decoded set is: the `key` tells it from any other, the names are for people."""

    key: str
    task: str
    split: str
    images: int
    size: int
    """Pixels a side."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.images, 3, self.size, self.size

    @property
    def bytes(self) -> int:
        """Of the whole file."""
        return _HEADER + self.images * (3 * self.size**2 + 4)


@dataclass(frozen=True, eq=False)
class Pixels:
    """A decoded set in a file that is mapped into memory; valid also when the file is removed.

    While this lives, the file is locked as one that is in use.
    """

    about: Description
    path: Path
    images: np.ndarray
    """(N, 3, S, S) uint8, unchecked yet; what is written into it reaches no file."""
    checks: np.ndarray

    def part(self, start: int, stop: int) -> np.ndarray:
        """Images `start` to `stop` (excluded), checked. Raises OddFileError for one that is altered."""
        chosen = self.images[start:stop]
        for index, image in enumerate(chosen, start=start):
            if zlib.crc32(image) != self.checks[index]:
                raise OddFileError(f"image {index} of {self.path} is not what was written")
        return chosen


def open_pixels(path: Path, key: str) -> Pixels:
    """The decoded set in `path`. Raises OSError and OddFileError."""
    descriptor = os.open(path, _READ)
    try:
        about, digest = _described(descriptor, key)
        lock(descriptor, fcntl.LOCK_SH)
        content = mmap.mmap(descriptor, about.bytes, access=mmap.ACCESS_COPY)  # holds the lock
        if not is_published():
            with contextlib.suppress(OSError):  # a disk that is only read
                os.utime(descriptor)  # used now; times of reading are often not kept
    finally:
        os.close(descriptor)
    images = np.frombuffer(content, np.uint8, about.images * 3 * about.size**2, _HEADER)
    checks = np.frombuffer(content, "<u4", about.images, _HEADER + images.nbytes)
    if hashlib.sha256(checks.data).hexdigest() != digest:
        raise OddFileError(f"the checks of {path} are not those in its header")
    return Pixels(about, path, images.reshape(about.shape), checks)


def describe(path: Path) -> Description:
    """What the file says of itself. Raises OSError and OddFileError."""
    descriptor = os.open(path, _READ)
    try:
        return _described(descriptor, path.name.removesuffix(SUFFIX))[0]
    finally:
        os.close(descriptor)


def _described(descriptor: int, key: str) -> tuple[Description, str]:
    """What an open file holds, and the digest of its checks, if the user's own and of the right length."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise OddFileError("it is no file of this user alone")
    about, digest = _parsed(os.pread(descriptor, _HEADER, 0))
    if about.key != key or about.bytes != status.st_size:
        raise OddFileError("it is of another set, or not whole")
    return about, digest


def _header(about: Description, checks: np.ndarray) -> bytes:
    document = asdict(about) | {"checks": hashlib.sha256(checks.data).hexdigest()}
    rest = json.dumps(document).encode().ljust(_HEADER - len(_MAGIC) - _DIGEST)
    return _MAGIC + hashlib.sha256(rest).digest() + rest


def _parsed(header: bytes) -> tuple[Description, str]:
    start = len(_MAGIC) + _DIGEST
    said, rest = header[len(_MAGIC) : start], header[start:]
    if header[: len(_MAGIC)] != _MAGIC or hashlib.sha256(rest).digest() != said:
        raise OddFileError("it has no header of this kind")
    document: Any = parse_json(rest)
    if not isinstance(document, dict):
        raise OddFileError("its header is no table")
    key, task, split, checks = (document.get(name) for name in ("key", "task", "split", "checks"))
    images, size = document.get("images"), document.get("size")
    texts = all(isinstance(one, str) for one in (key, task, split, checks))
    if not texts or type(images) is not int or type(size) is not int:
        raise OddFileError("its header is of another form")
    if not (0 < images < _MOST_IMAGES and 0 < size < _MOST_SIDE):
        raise OddFileError("its header is of another form")
    return Description(str(key), str(task), str(split), images, size), str(checks)


class PixelWriter:
    """A new file of a decoded set: images are added in order, `finish` gives it its name.

    Its temporary file is locked, which tells it from that of a process that died. Raises OSError.
    """

    def __init__(self, folder: Path, about: Description) -> None:
        refuse_published()
        self.about = about
        self.path = folder / f"{about.key}{SUFFIX}"
        self._temporary = folder / f".{about.key}.{os.getpid()}.{secrets.token_hex(4)}{TEMPORARY}"
        self._file = open(self._temporary, "wb", opener=lambda path, _: os.open(path, _NEW, 0o600))  # noqa: SIM115
        self._checks: list[int] = []
        lock(self._file.fileno(), fcntl.LOCK_EX)
        self._file.seek(_HEADER)

    def add(self, images: np.ndarray) -> None:
        """The next images, (n, 3, S, S) uint8."""
        pixels = np.ascontiguousarray(images)
        self._file.write(pixels.data)
        self._checks += [zlib.crc32(image) for image in pixels]

    def finish(self) -> None:
        """The header, written last, and the name: others see the whole file or none."""
        checks = np.array(self._checks, "<u4")
        if len(checks) != self.about.images:
            raise ValueError(f"{len(checks)} of {self.about.images} images were added")
        self._file.write(checks.data)
        self._file.seek(0)
        self._file.write(_header(self.about, checks))
        self._file.flush()
        refuse_published()
        self._temporary.rename(self.path)
        try:
            self._file.close()
        except OSError:  # a network disk may say only now that it is full
            self.path.unlink(missing_ok=True)
            raise

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path, about: Description) -> Iterator[Self]:
        """A writer for the block; without `finish` nothing is left of it."""
        writer = cls(folder, about)
        try:
            yield writer
        finally:
            with contextlib.suppress(OSError):
                writer._file.close()
            with contextlib.suppress(OSError):
                writer._temporary.unlink(missing_ok=True)


def lock(descriptor: int, kind: int) -> bool:
    """Locks an open file, or raises BlockingIOError at once; False where the file system has no locks."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


def named(text: str) -> str:
    """A name for a description, cut where it is too long for a header."""
    return text[:_LONGEST_NAME]
