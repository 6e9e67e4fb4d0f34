"""Reading files as they are found: never waiting, never more than a bound, odd content tolerated."""

import contextlib
import os
import stat
from pathlib import Path
from typing import Any

from ict.errors import InputError
from ict.plain_json import parse_json

MOST_BYTES = 32 << 20  # of a JSON file; the largest study, 20,000 runs, has 6 MiB
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


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
