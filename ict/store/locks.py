"""Locks that die with their holder and can be asked for without being taken.

Open-file-description locks (`F_OFD_SETLK`, Linux) belong to an open file, not to a process: a child
that inherits the descriptor keeps the lock when its parent dies. Who holds one is asked with
`F_OFD_GETLK`; finding out by taking an flock for a moment made a quarter of real attempts fail.
A lock file is never deleted while its folder lives. Helper processes must be spawned, not forked:
a forked child would keep the lock after its parent let go.
"""

import contextlib
import errno
import fcntl
import json
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from ict.errors import IctError, InputError
from ict.files import explain, is_at, only_under, read_json, refuse_published

LOCK_FD = "ICT_LOCK_FD"  # environment: descriptor of the run's lock, inherited from the worker
SLOT_FD = "ICT_SLOT_FD"  # environment: descriptor of the device slot, kept while the run lives
# what a kernel, NFS without a lock service, FUSE and sandboxes say where there are no such locks
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_FLOCK = "hhqqi4x"  # l_type, l_whence, l_start, l_len, l_pid (0 for OFD); 64-bit Linux


def _control(descriptor: int, command: str, kind: int, start: int, length: int) -> int:
    """Runs one OFD lock command; gives the l_type that the kernel wrote back."""
    number = getattr(fcntl, command, None)
    if number is None:
        raise IctError("runs need Linux: this system has no open-file-description locks")
    request = struct.pack(_FLOCK, kind, os.SEEK_SET, start, length, 0)
    return int(struct.unpack(_FLOCK, fcntl.fcntl(descriptor, number, request))[0])


class RunLock:
    """An exclusive lock on `path`, or on bytes `start` … `start + length` of it (0: all).

    `release` only closes our descriptor: a child that inherited it keeps the lock.
    """

    def __init__(self, path: Path | str, *, start: int = 0, length: int = 0) -> None:
        self.path = Path(path)
        self.fd: int | None = None
        self._start, self._length = start, length

    def acquire(self, blocking: bool = False) -> bool:
        """Takes the lock. False: someone else has it, or there is no such folder.

        Raises StoreError where the store cannot be written to or its file system has no locks, PublishedError
        where it is published.
        """
        refuse_published()
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise explain(error, self.path) from error
        command = "F_OFD_SETLKW" if blocking else "F_OFD_SETLK"
        try:
            _control(descriptor, command, fcntl.F_WRLCK, self._start, self._length)
            same_file = os.stat(self.path).st_ino == os.fstat(descriptor).st_ino
        except (BlockingIOError, PermissionError, FileNotFoundError):
            same_file = False
        except OSError as error:
            os.close(descriptor)
            if error.errno in _NO_LOCKS:
                error = OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
            raise explain(error, self.path) from error
        except BaseException:
            os.close(descriptor)
            raise
        if not same_file:  # taken, or the folder was removed while we opened it
            os.close(descriptor)
            return False
        self.fd = descriptor
        return True

    def describe(self, pid: int | None, *, job: str | None = None) -> None:
        """Writes host, pid and job into the lock file, for cancel and for people; in place.

        A full disk may leave it empty: the lock holds all the same.
        """
        if self.fd is None:
            raise ValueError(f"{self.path}: describe a lock after taking it")
        holder = {"host": socket.gethostname(), "pid": pid, "job": job}
        if pid is not None:
            holder["start_ticks"] = start_ticks(pid)
        with contextlib.suppress(OSError):
            os.ftruncate(self.fd, 0)
            os.pwrite(self.fd, json.dumps(holder).encode(), 0)

    def stands(self) -> bool:
        """Whether the file that we hold is still at its place: its folder may be gone, or another."""
        return self.fd is not None and is_at(self.path, self.fd)

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """For the block, this process changes files only while `stands`; needs a lock that is held."""
        if self.fd is None:
            raise ValueError(f"{self.path}: take a lock before working under it")
        with only_under(self.path, self.fd):
            yield

    def release(self) -> None:
        """Closes our descriptor; without heirs the lock is free."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def __enter__(self) -> Self:
        if self.fd is None:
            self.acquire(blocking=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @classmethod
    def inherited(cls, path: Path | str, variable: str = LOCK_FD) -> "RunLock | None":
        """The lock whose descriptor a worker handed down in `variable`, or None.

        The descriptor is closed to our own children and the variable removed, so that no
        grandchild keeps the run alive.
        """
        text = os.environ.pop(variable, "")
        if not text.isdigit():
            return None
        try:
            same = os.fstat(int(text)).st_ino == os.stat(path).st_ino
        except OSError:
            return None
        if not same:
            return None
        os.set_inheritable(int(text), False)
        lock = cls(path)
        lock.fd = int(text)
        return lock


def lock_holder(path: Path | str, *, start: int = 0, length: int = 0) -> dict[str, Any] | None:
    """Who holds the lock (host, pid, job; all None if unwritten), or None when it is free.

    Asks the kernel and never takes the lock, so that looking disturbs nobody.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if _control(descriptor, "F_OFD_GETLK", fcntl.F_WRLCK, start, length) == fcntl.F_UNLCK:
            return None
        return written_holder(path)
    except OSError:  # a file system without locks: no run can have been started on it
        return None
    finally:
        os.close(descriptor)


def written_holder(path: Path | str) -> dict[str, Any]:
    """What the last holder wrote into the lock file; says nothing about whether it still holds."""
    from ict.documents.shapes import fields, text, whole

    check = fields({}, {"host": text, "pid": whole(), "job": text, "start_ticks": whole()})
    holder: dict[str, Any] = {"host": None, "pid": None, "job": None}
    written = read_json(Path(path))
    with contextlib.suppress(InputError):
        check(written, "")
        holder |= written
    return holder


def start_ticks(pid: int) -> int | None:
    """When process `pid` of this machine started, in kernel ticks: tells a reused pid apart."""
    try:
        stat = Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def is_process(holder: dict[str, Any]) -> bool:
    """Whether the process that `holder` names is alive on this machine."""
    pid = holder.get("pid")
    if not isinstance(pid, int) or holder.get("host") != socket.gethostname():
        return False
    return start_ticks(pid) == holder.get("start_ticks") is not None
