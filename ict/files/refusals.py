"""Why nothing is written: the disk refuses, who serves the store has published it, or the folder is another's.

`ICT_READ_ONLY=1` publishes: every function that creates, changes or removes a file, starts a process
that would, or ends one, asks `refuse_published` first (tests/test_published.py holds that). It
is of a process and those that it starts: others go on writing, and who looks sees what they wrote.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from ict.errors import IctError

READ_ONLY = "ICT_READ_ONLY"  # variable of the environment
_OFF = ("", "0", "false", "no", "off")
PUBLISHED = (
    "this store is published read-only (ICT_READ_ONLY=1): nothing is started, written or deleted; "
    "unset ICT_READ_ONLY to change something"
)
FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.EEXIST)


class StoreError(IctError):
    """The disk refused. `errno` says how, so that a worker can wait for space."""

    def __init__(self, sentence: str, code: int | None) -> None:
        super().__init__(sentence)
        self.errno = code


class PublishedError(StoreError):
    """Nothing was tried: this process publishes its store read-only."""

    def __init__(self) -> None:
        super().__init__(PUBLISHED, errno.EROFS)


def is_published() -> bool:
    """Whether $ICT_READ_ONLY is set, to anything but 0, false, no or off."""
    return os.environ.get(READ_ONLY, "").strip().lower() not in _OFF


class LostError(StoreError):
    """What this process works on is gone from its place, or something else has taken the place."""

    def __init__(self, folder: Path) -> None:
        sentence = (
            f"{folder} was removed or replaced while this process worked on it: it writes nothing more; "
            "ask again for what is missing"
        )
        super().__init__(sentence, errno.ENOENT)


def refuse_published() -> None:
    """The gate before each change: raises PublishedError where the store is published read-only.

    Raises LostError where a lock file that this process works under (`only_under`) is not at its place.
    """
    if is_published():
        raise PublishedError
    for path, descriptor in _held:
        if not is_at(path, descriptor):
            raise LostError(path.parent)


_held: list[tuple[Path, int]] = []
"""Lock files, and what they are open as, without which this process changes nothing; seldom more than one."""


@contextlib.contextmanager
def only_under(path: Path, descriptor: int) -> Iterator[None]:
    """For the block, this process changes files only while `path` is what is open as `descriptor`.

    A store that is deleted, moved or replaced takes its lock files along: who trains on would make half
    a store anew, or write into a copy in which the run is another's.
    """
    held = (path, descriptor)
    _held.append(held)
    try:
        yield
    finally:
        _held.remove(held)


def is_at(path: Path, descriptor: int) -> bool:
    """Whether `path` is the file that is open as `descriptor`."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


def explain(error: OSError, path: Path) -> StoreError:
    """The sentence for a write to `path` that the disk refused."""
    if error.errno in FULL:
        sentence = f"{path}: the disk is full; free some space or set ICT_STORE to another disk"
    elif error.errno in _REFUSED:
        sentence = f"{path}: the store cannot be written to; set ICT_STORE to a writable folder"
    elif error.errno in _NO_FOLDER:
        sentence = f"{path}: no folder can be made there; set ICT_STORE to a writable folder"
    elif error.errno == errno.ENOLCK:
        sentence = f"{path}: this file system has no locks; set ICT_STORE to a disk that has"
    else:
        sentence = f"{path}: {error.strerror or error}"
    return StoreError(sentence, error.errno)
