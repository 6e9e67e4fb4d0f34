"""What an input does beside being read: files it changes, files it writes elsewhere, time it takes.

A process that is stopped for a while, as on a busy machine, has not hung: ticks of a timer are counted,
which do not come while it is stopped, and not the clock.
"""

import contextlib
import hashlib
import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

SECONDS = 2.0
_TICK = 0.05
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    "os.mkdir": (0,), "os.rmdir": (0,), "os.remove": (0,), "os.rename": (0, 1), "os.link": (1,),
    "os.symlink": (1,), "os.truncate": (0,), "os.chmod": (0,), "os.chown": (0,), "shutil.rmtree": (0,),
}  # fmt: skip
_FORBIDDEN = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "socket.connect",
)
Stamps = dict[str, tuple[int, ...]]


class HungError(BaseException):
    """An input took too long; no `except` of the program catches it."""


class _Watch:
    """What is seen while an input is read: one for the process, as its hook cannot be taken out."""

    def __init__(self) -> None:
        self.on = False
        self.installed = False
        self.root = ""
        self.seen: list[str] = []
        self.ticks = 0

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open":
            path, _, flags = arguments
            if (
                isinstance(flags, int)
                and flags & _WRITES
                and isinstance(path, (str, bytes, os.PathLike))
            ):
                self._look(path, "writes")
        elif event in _CHANGES:
            for place in _CHANGES[event]:
                if isinstance(arguments[place], (str, bytes, os.PathLike)):
                    self._look(arguments[place], event)
        elif event in _FORBIDDEN:
            self.seen.append(f"{event} {str(arguments)[:200]}")

    def _look(self, path: str | bytes | os.PathLike[str], what: str) -> None:
        """Adds a change that lies outside of the folder of the input."""
        full = os.path.abspath(os.fsdecode(path))
        if not full.startswith(self.root) and full != os.devnull:
            self.seen.append(f"{what} {full}")

    def tick(self, _number: int, _frame: FrameType | None) -> None:
        self.ticks += 1
        if self.on and self.ticks * _TICK > SECONDS:
            self.on = False
            raise HungError


_WATCH = _Watch()


@contextlib.contextmanager
def watched(root: Path) -> Iterator[list[str]]:
    """Raises HungError in the block after SECONDS; gives what it does outside of `root`."""
    if not _WATCH.installed:
        sys.addaudithook(_WATCH.hook)
        _WATCH.installed = True
    _WATCH.root, _WATCH.seen, _WATCH.ticks = f"{root}{os.sep}", [], 0
    signal.signal(signal.SIGALRM, _WATCH.tick)
    signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
    _WATCH.on = True
    try:
        yield _WATCH.seen
    finally:
        _WATCH.on = False
        signal.setitimer(signal.ITIMER_REAL, 0)


def stamps(root: Path) -> Stamps:
    """What changes with each file and folder below `root`: no program can set its time of change back."""
    found: Stamps = {}
    folders = [str(root)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                is_folder = stat.S_ISDIR(status.st_mode)
                if is_folder:
                    folders.append(entry.path)
                times = (
                    () if is_folder else (status.st_mtime_ns, status.st_ctime_ns, status.st_size)
                )
                found[entry.path] = (status.st_ino, status.st_mode, *times)
    return found


def differences(before: Stamps, after: Stamps) -> list[str]:
    """Paths of the files that came, went or changed; folders come and go with them."""
    changed = (path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return sorted(path for path in changed if len(after.get(path, before.get(path, ()))) > 2)


def digest(root: Path) -> str:
    """SHA-256 of all names and contents below `root`."""
    whole = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        whole.update(os.fsencode(path.relative_to(root)) + b"\0")
        if path.is_symlink():
            whole.update(os.fsencode(os.readlink(path)))
        elif path.is_file():
            whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()
