"""Files that are whole or absent: atomic writes, tolerant reads, disk errors as one sentence.

Who publishes a store writes nothing (`ict.files.refusals`).
"""

import contextlib
import errno
import functools
import hashlib
import json
import os
import secrets
import shutil
import socket
from pathlib import Path
from typing import Any, BinaryIO

from ict.errors import InputError
from ict.files.reading import (
    MOST_BYTES,
    open_regular,
    read_json,
    read_json_lines,
    read_regular,
)
from ict.files.refusals import (
    FULL,
    PUBLISHED,
    READ_ONLY,
    LostError,
    PublishedError,
    StoreError,
    explain,
    is_at,
    is_published,
    only_under,
    refuse_published,
)

__all__ = [
    "FULL", "MOST_BYTES", "PUBLISHED", "READ_ONLY", "TEMPORARY", "LostError", "PublishedError", "StoreError", "absolute",
    "append_line", "atomic_write_bytes", "atomic_write_json", "check_writable", "explain", "is_at", "is_published",
    "make_folder", "make_output_folder", "make_private_folder", "only_under", "open_log", "open_regular", "read_json", "read_json_lines",
    "read_regular", "refuse_published", "remove_file", "remove_folder", "rename", "store_root",
    "sweep_temporary", "touch", "user_cache", "write_new", "write_output",
]  # fmt: skip

TEMPORARY = ".tmp"
_LONGEST_NAME = 255


def absolute(path: str | os.PathLike[str]) -> Path:
    """`path` from the root, `~` read as a home.

    Raises InputError for the home of nobody, and for a name longer than file systems have.
    """
    try:
        full = Path(path).expanduser().absolute()
    except RuntimeError:
        raise InputError(f"{path}: there is no such home folder; write the path in full") from None
    longest = max(len(os.fsencode(part)) for part in full.parts)
    if longest > _LONGEST_NAME:
        raise InputError(f"{path}: a name of {longest} bytes; file systems have {_LONGEST_NAME}")
    return full


def store_root() -> Path:
    """The store that `$ICT_STORE` names, `./ict_store` without it; absolute, and maybe not there yet."""
    return absolute(os.environ.get("ICT_STORE") or "ict_store")


def check_writable(path: Path, size: int = 0) -> None:
    """Raises StoreError unless the nearest folder above the file `path` that exists can be written to.

    Asked before long work whose result goes there; a published store takes none. `size` bytes must be free; less than that shows only
    when it is written.
    """
    refuse_published()
    there = path.parent  # a file that is there already is replaced by a rename within its folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise explain(OSError(errno.EACCES, os.strerror(errno.EACCES)), path)
    if size and size > (free := shutil.disk_usage(there).free):
        sentence = f"{path}: {size / 1e6:.0f} MB will be written, and {free / 1e6:.0f} MB of the disk are free"
        raise StoreError(f"{sentence}; free some, or set ICT_STORE to another disk", errno.ENOSPC)


def make_folder(path: Path) -> Path:
    """Makes `path` and its parents if needed; raises StoreError."""
    refuse_published()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain(error, path) from error
    return path


def make_private_folder(path: Path) -> Path:
    """Makes `path` if needed, for its owner alone (0700) whatever the umask, also if it was there.

    Raises StoreError, also for a folder of another user, who could exchange what lies in it.
    """
    refuse_published()
    make_folder(path)
    try:
        if os.stat(path).st_mode & 0o777 != 0o700:
            os.chmod(path, 0o700)
    except OSError as error:
        raise explain(error, path) from error
    return path


def atomic_write_bytes(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Writes a temporary name beside `path`, flushes and renames it: readers see old or new.

    `durable` also flushes the folder, so that the name survives a power cut. Raises StoreError;
    then `path` is as it was.
    """
    refuse_published()
    _replace(path, content, durable=durable)


def _replace(path: Path, content: bytes, *, durable: bool = False) -> None:
    mark = f"{_of_machine()}{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{mark}{TEMPORARY}")
    try:
        _write_flushed(temporary, content)
        os.replace(temporary, path)
        if durable:
            _flush_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise explain(error, path) from error


def write_output(path: Path, content: bytes) -> None:
    """`atomic_write_bytes` of a file that a user named, with its folders: from a published store, too.

    Then it must lie outside of the store and of the user's cache. Raises StoreError.
    """
    make_output_folder(path)
    _replace(path, content)


def make_output_folder(path: Path) -> None:
    """Makes the folders above an output `path`, as `write_output` does, before long work."""
    if is_published() and _is_ours(path):
        raise PublishedError
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain(error, path.parent) from error


def _is_ours(path: Path) -> bool:
    """Whether `path` lies in the store or in the user's cache, wherever links lead."""
    real = os.path.realpath(path)
    ours = (os.path.realpath(one) for one in (store_root(), user_cache()))
    return any(os.path.commonpath((real, one)) == one for one in ours)


def write_new(path: str | os.PathLike[str], content: bytes, *, overwrite: bool = False) -> Path:
    """`write_output` of a file that is new; gives its path from the root.

    Raises InputError, before anything is written, for a name that is taken unless `overwrite` is
    set, and for a folder that is not there.
    """
    where = absolute(path)
    if where.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file")
    if where.exists() and not overwrite:
        raise InputError(f"{path} exists; choose another name, or overwrite=True")
    if not where.parent.is_dir():
        raise InputError(f"{path}: there is no folder {where.parent}; make it first")
    write_output(where, content)
    return where


def _write_flushed(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def atomic_write_json(path: Path, document: Any, *, durable: bool = False) -> None:
    """`atomic_write_bytes` of a JSON document; NumPy values and paths are made plain."""
    text = json.dumps(document, indent=1, default=_plain)
    atomic_write_bytes(path, text.encode(), durable=durable)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def user_cache() -> Path:
    """The folder for what can be made anew; one that cannot be written to where there is no home."""
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "ict"
    try:
        return Path.home() / ".cache" / "ict"
    except RuntimeError:
        return Path(os.devnull) / "ict"


def append_line(path: Path, text: str) -> None:
    """Appends one line in one write; a torn last line (full disk, kill) is ended first."""
    refuse_published()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            line = ("\n" if torn else "") + text + "\n"
            if os.write(descriptor, line.encode()) < len(line.encode()):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise explain(error, path) from error


def remove_file(path: Path) -> None:
    """Removes `path` if it is there; raises StoreError if the disk refuses."""
    refuse_published()
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise explain(error, path) from error


def rename(source: Path, target: Path) -> None:
    """Renames a file or folder on its disk; raises StoreError if the disk refuses."""
    refuse_published()
    try:
        os.replace(source, target)
    except OSError as error:
        raise explain(error, source) from error


def remove_folder(path: Path) -> None:
    """Removes a folder with all that is in it; raises StoreError if the disk refuses."""
    refuse_published()
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise explain(error, path) from error


def open_log(path: Path) -> BinaryIO:
    """A file that what a process says is appended to; raises StoreError."""
    refuse_published()
    try:
        return open(path, "ab")
    except OSError as error:
        raise explain(error, path) from error


def touch(path: Path, document: Any = None) -> None:
    """Writes a marker file; on a full disk an empty one where that still fits."""
    refuse_published()
    try:
        atomic_write_json(path, document or {})
    except StoreError as error:
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
        except OSError:
            raise error from None


def sweep_temporary(folder: Path, *, locked: bool = True, below: bool = True) -> None:
    """Removes temporary files in `folder`, and `below` it, whose writer died on this machine.

    `locked`: the caller holds the folder's lock, so that no other machine writes there; otherwise what
    others wrote is let alone.
    """
    refuse_published()
    pattern = f".*{TEMPORARY}"
    for path in folder.rglob(pattern) if below else folder.glob(pattern):
        writer, mark = path.name.split(".")[-3:-1]
        ours = locked or mark.startswith(_of_machine())
        if ours and writer.isdigit() and not Path("/proc", writer).exists():
            path.unlink(missing_ok=True)


@functools.cache
def _of_machine() -> str:
    """Eight digits that tell this machine's temporary files from those of others on a shared disk."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
