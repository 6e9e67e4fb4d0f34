"""Files that are whole or absent: atomic writes, tolerant reads, disk errors as one sentence."""

import contextlib
import errno
import json
import os
import secrets
import shutil
import stat
from pathlib import Path
from typing import Any

from ict.errors import IctError, InputError
from ict.plain_json import parse_json

FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.EEXIST)
TEMPORARY = ".tmp"
_LONGEST_NAME = 255
MOST_BYTES = 32 << 20  # of a JSON file; the largest study, 20,000 runs, has 6 MiB
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class StoreError(IctError):
    """The disk refused. `errno` says how, so that a worker can wait for space."""

    def __init__(self, sentence: str, code: int | None) -> None:
        super().__init__(sentence)
        self.errno = code


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


def check_writable(path: Path, size: int = 0) -> None:
    """Raises StoreError unless the nearest folder above the file `path` that exists can be written to.

    Asked before long work whose result goes there. `size` bytes must be free; less than that shows only
    when it is written.
    """
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
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain(error, path) from error
    return path


def make_private_folder(path: Path) -> Path:
    """Makes `path` if needed, for its owner alone (0700) whatever the umask, also if it was there.

    Raises StoreError, also for a folder of another user, who could exchange what lies in it.
    """
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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        _write_flushed(temporary, content)
        os.replace(temporary, path)
        if durable:
            _flush_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise explain(error, path) from error


def write_new(path: str | os.PathLike[str], content: bytes, *, overwrite: bool = False) -> Path:
    """`atomic_write_bytes` of a file that a user named; gives its path from the root.

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
    atomic_write_bytes(where, content)
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


def open_regular(path: Path | str) -> int:
    """A descriptor of a regular file, for reading. Never waits, as opening a FIFO would.

    Raises OSError, and InputError for a folder, FIFO, socket or device.
    """
    _check_regular(os.stat(path))  # before the open: opening a device can do something
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        _check_regular(os.fstat(descriptor))  # it may have been replaced in between
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise InputError(f"is {kind}, not a file")


def read_regular(path: Path | str, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file of at most `most` bytes.

    Raises OSError, and InputError for what is no file or too large.
    """
    descriptor = open_regular(path)
    try:
        content = _read_up_to(descriptor, most)
    finally:
        os.close(descriptor)
    if content is None:
        raise InputError(f"has more than {most >> 20} MiB, which no such file has")
    return content


def _read_up_to(descriptor: int, most: int) -> bytes | None:
    """Everything in an open file, None if that is more than `most` bytes; no more is asked for than is there."""
    size = os.fstat(descriptor).st_size
    if size > most:
        return None
    content = os.read(descriptor, size + 1)
    while len(content) != size and (more := os.read(descriptor, 1 << 16)):
        content += more  # it grows, or a network gave less than was asked for
        if len(content) > most:
            return None
    return content


def read_json(path: Path, default: Any = None) -> Any:
    """The JSON document at `path`, or `default` if it is missing, empty, half-written or odd."""
    try:
        return parse_json(read_regular(path))
    except (OSError, ValueError):
        return default


def append_line(path: Path, text: str) -> None:
    """Appends one line in one write; a torn last line (full disk, kill) is ended first."""
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


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file of lines; torn and odd lines are left out."""
    try:
        lines = read_regular(path).splitlines()
    except (OSError, ValueError):
        return []
    rows = []
    for line in lines:
        with contextlib.suppress(ValueError):
            row = parse_json(line)
            if isinstance(row, dict):
                rows.append(row)
    return rows


def remove_file(path: Path) -> None:
    """Removes `path` if it is there; raises StoreError if the disk refuses."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise explain(error, path) from error


def touch(path: Path, document: Any = None) -> None:
    """Writes a marker file; on a full disk an empty one where that still fits."""
    try:
        atomic_write_json(path, document or {})
    except StoreError as error:
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
        except OSError:
            raise error from None


def sweep_temporary(folder: Path) -> None:
    """Removes temporary files whose writer died on this machine; call while holding the lock."""
    for path in folder.rglob(f".*{TEMPORARY}"):
        writer = path.name.split(".")[-3]
        if writer.isdigit() and not Path("/proc", writer).exists():
            path.unlink(missing_ok=True)
