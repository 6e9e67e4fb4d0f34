"""What is fuzzed: a parser, valid inputs for it, how they are changed, and where its input lies."""

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

Change = Callable[[Random, bytes], bytes]
"""A valid input, changed once."""
Junk = Callable[[Random, Sequence[bytes]], bytes]
"""Something that nobody wrote, maybe from pieces of the valid inputs."""
SHAPES = ("folder", "FIFO", "device", "loop", "dangling", "link", "giant", "gone")
"""What may lie in the place of a file."""
_GIANT = 3 << 30  # bytes, all of them a hole


@dataclass(frozen=True)
class Given:
    """One input: its content, and `file` or which of SHAPES lies in its place."""

    content: bytes
    shape: str = "file"


@dataclass(frozen=True, kw_only=True)
class Form:
    """How inputs of one kind are changed and made up."""

    change: Change
    junk: Junk
    is_file: bool = True
    """Whether a folder, a FIFO or the like can lie in its place."""


@dataclass(frozen=True, kw_only=True)
class World:
    """A folder in which a parser works: its valid inputs, and what reads one.

    `place` puts an input where `read` finds it. `read` gives the sentences that the parser says about what
    is odd, none for an input that it takes, or raises an IctError.
    """

    root: Path
    samples: Sequence[bytes]
    place: Callable[[Given], None]
    read: Callable[[Given], Sequence[str]]
    may_write: tuple[str, ...] = ()
    """Beginnings of paths below `root` that reading a file that is taken may write."""
    caches: tuple[str, ...] = ()
    """Likewise, whatever comes of it."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A parser: `FILE` or `FILE:FUNCTION,FUNCTION …` name what of it must be reached, branch by branch."""

    name: str
    parser: tuple[str, ...]
    form: Form
    world: Callable[[Path], World]
    share: float = 1.0
    """Of the inputs, against other targets."""


def in_file(path: Path) -> Callable[[Given], None]:
    """Puts each input at `path`, in the place of what was there."""
    number = 0

    def place(given: Given) -> None:
        nonlocal number
        number += 1
        put(path, given)
        if given.shape == "file":  # no two inputs have one stamp
            os.utime(path, ns=(number * 1000, 1_700_000_000_000_000_000 + number * 1000))

    return place


def put(path: Path, given: Given) -> None:
    """Puts an input at `path`, in the place of what was there."""
    clear(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if given.shape == "file":
        path.write_bytes(given.content)
    else:
        _ODD[given.shape](path)


def clear(path: Path) -> None:
    """Removes whatever lies at `path`."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            shutil.rmtree(path)
        else:
            path.unlink()


def _giant(path: Path) -> None:
    path.write_bytes(b"[")
    os.truncate(path, _GIANT)


_ODD: dict[str, Callable[[Path], object]] = {
    "folder": lambda path: path.mkdir(),
    "FIFO": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "loop": lambda path: path.symlink_to(path),
    "dangling": lambda path: path.symlink_to("/nowhere/at/all"),
    "link": lambda path: path.symlink_to("/etc/hostname"),
    "giant": _giant,
    "gone": lambda path: None,
}
