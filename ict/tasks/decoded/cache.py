"""The folder of decoded sets in the user's cache: bounded, the one that was used longest ago goes first.

It may be deleted, torn or filled by several processes at any time; nothing that is wrong with it fails
what reads images. No file is removed while a process has it mapped, on any machine that shares the
folder, where the file system has locks.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ict.documents.bounded import whole_number
from ict.errors import InputError, quoted
from ict.files import (
    FULL,
    TEMPORARY,
    StoreError,
    is_published,
    make_private_folder,
    refuse_published,
    user_cache,
)
from ict.tasks.decoded.pixel_file import (
    SUFFIX,
    Description,
    OddFileError,
    Pixels,
    PixelWriter,
    describe,
    lock,
    open_pixels,
)
from ict.tasks.decoded.tally import Tally

BOUND = "ICT_DECODED_CACHE_BYTES"
MOST_BYTES = 20_000_000_000
"""All of VTAB-1K's training images at 224 pixels are 3 GB, its test images 59 GB."""
_SHARE = (
    10  # of what would be free without the cache: a tenth, so that the cache never fills a disk
)
_ABANDONED_SECONDS = 24 * 3600  # where no lock tells
_WRITE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Kept:
    """A decoded set in the folder; `used` in seconds since 1970."""

    about: Description
    path: Path
    bytes: int
    used: float


def folder() -> Path:
    return user_cache() / "decoded"


def bound_bytes() -> int:
    """What the folder may hold: $ICT_DECODED_CACHE_BYTES, else a tenth of the disk's room, at most 20 GB.

    0 for no cache. Raises InputError for what is no number of bytes.
    """
    asked = _asked_bytes()
    return min(MOST_BYTES, (_free_bytes() + bytes_of_files()) // _SHARE) if asked is None else asked


def is_off() -> bool:
    """Whether no cache is asked for. Raises InputError as `bound_bytes` does."""
    return _asked_bytes() == 0


def _asked_bytes() -> int | None:
    asked = os.environ.get(BOUND, "").strip()
    if not asked:
        return None
    most = whole_number(asked)
    if most is None or most < 0:
        raise InputError(f"{BOUND}={quoted(asked)}: give whole bytes, 0 for no cache")
    return most


def _free_bytes() -> int:
    """Of the disk that the folder is, or would be, on."""
    at = folder()
    while not at.is_dir() and at != at.parent:
        at = at.parent
    try:
        return shutil.disk_usage(at).free
    except OSError:
        return 0


def find(key: str) -> Pixels | None:
    """The decoded set of that key, if it is there and sound; one that is not is removed."""
    path = folder() / f"{key}{SUFFIX}"
    try:
        return open_pixels(path, key)
    except BlockingIOError:  # it is being removed
        return None
    except (OddFileError, InputError):
        discard(path)
    except OSError:
        return None
    return None


def discard(path: Path) -> None:
    """Removes a file of the folder that is not to be used, if the folder is the user's."""
    if _is_own() and not is_published():
        with contextlib.suppress(OSError):
            path.unlink()


def keep(
    about: Description, parts: Iterator[np.ndarray], tally: Tally, *, sound: Callable[[], bool]
) -> None:
    """Writes a new set, its images given in `parts`, unless they are not `sound` when all are written.

    No part is asked for where there is no room, or who publishes a store writes nothing; what the disk
    refuses is noted.
    """
    if is_published():
        return
    at, bound = folder(), bound_bytes()
    try:
        if os.path.lexists(at) and not _is_own():
            tally.note(_not_kept(f"{at} belongs to another user"))
        elif about.bytes > bound or not _make_room(bound - about.bytes):
            if about.bytes > _free_bytes():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            tally.leave_out(
                f"the {about.images:,} decoded images of {about.task} {about.split} ({_gb(about.bytes)}) are "
                f"not kept: {at} may hold {_gb(bound)} ({BOUND} sets it)"
            )
        else:
            with PixelWriter.open(make_private_folder(at), about) as writer:
                for part in parts:
                    writer.add(part)
                if sound():
                    writer.finish()
    except (OSError, StoreError) as error:
        full = error.errno in FULL
        why = f"the disk of {at} is full" if full else f"{at} cannot be written to"
        tally.note(_not_kept(why, "free some space, " if full else ""))


def _not_kept(why: str, first: str = "") -> str:
    remedy = f"set XDG_CACHE_HOME to a folder of another disk, or {BOUND}=0 for no cache"
    return f"decoded images are not kept, as {why}: {first}{remedy}"


def _is_own() -> bool:
    """Whether the folder, and the link that leads to it if it is one, are of this user."""
    with contextlib.suppress(OSError):
        owners = {os.lstat(folder()).st_uid, os.stat(folder()).st_uid}
        return owners == {os.geteuid()}
    return False


def _files() -> list[tuple[Path, os.stat_result]]:
    """The files of the folder that are of a decoded set, whole or being written."""
    found = []
    with contextlib.suppress(OSError), os.scandir(folder()) as entries:
        for entry in entries:
            if entry.name.endswith((SUFFIX, TEMPORARY)):
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        found.append((Path(entry.path), status))
    return found


def kept() -> list[Kept]:
    """The sets in the folder, the last used first."""
    sets = []
    for path, status in _files():
        if path.name.endswith(SUFFIX):
            with contextlib.suppress(OSError, OddFileError, InputError):
                sets.append(Kept(describe(path), path, status.st_size, status.st_mtime))
    return sorted(sets, key=lambda one: -one.used)


def bytes_of_files() -> int:
    """What the folder takes, with sets that are being written."""
    return sum(status.st_size for _, status in _files())


def clear() -> tuple[int, int]:
    """Removes every file that no process has mapped or writes; the bytes that went, and that stayed."""
    refuse_published()
    if not _is_own():
        return 0, 0
    gone = _remove(_files())
    return gone, bytes_of_files()


def _make_room(most: int) -> bool:
    """Removes what was used longest ago until `most` bytes are left. If that cannot be, removes nothing."""
    files = sorted(_files(), key=lambda one: one[1].st_mtime)
    _remove(one for one in files if one[0].name.endswith(TEMPORARY))
    files = [one for one in files if one[0].exists()]
    excess = sum(status.st_size for _, status in files) - most
    with contextlib.ExitStack() as held:
        chosen = []
        for path, status in files:
            if excess <= 0:
                break
            if not path.name.endswith(TEMPORARY) and held.enter_context(_unused(path, status)):
                chosen.append(path)
                excess -= status.st_size
        if excess > 0:
            return False
        for path in chosen:
            path.unlink(missing_ok=True)
    return True


def _remove(files: Iterable[tuple[Path, os.stat_result]]) -> int:
    """Removes those of the files that nobody uses; gives their bytes."""
    gone = 0
    for path, status in files:
        with _unused(path, status) as free:
            if free:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
                    gone += status.st_size
    return gone


@contextlib.contextmanager
def _unused(path: Path, status: os.stat_result) -> Iterator[bool]:
    """Whether no process uses the file; none can begin to for the block."""
    try:
        descriptor = os.open(path, _WRITE)
    except OSError:
        yield False
        return
    try:
        told = lock(descriptor, fcntl.LOCK_EX) or path.name.endswith(SUFFIX)
        yield told or time.time() - status.st_mtime > _ABANDONED_SECONDS
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
