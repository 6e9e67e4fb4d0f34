"""Why nothing is written: the disk refuses, or who serves the store has published it.

`ICT_READ_ONLY=1` publishes: every function that creates, changes or removes a file, starts a process
that would, or ends one, asks `refuse_published` first (tests/test_published.py holds that). It
is of a process and those that it starts: others go on writing, and who looks sees what they wrote.
"""

import errno
import os
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


def refuse_published() -> None:
    """The gate before each change: raises PublishedError where the store is published read-only."""
    if is_published():
        raise PublishedError


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
