"""What `bench.faults` changes in the processes of a fault: the clock, or the locks of the file system.

Python imports this before anything else where this folder is on PYTHONPATH. Nothing happens without
the variables: `ICT_BENCH_CLOCK` names a file with the seconds by which the clock is off, which is
read each time that somebody asks; `ICT_BENCH_NO_LOCKS` is the errno that every lock is refused with
while the file that it names after a colon is there.
"""

import datetime
import fcntl
import os
import time
from typing import Any

CLOCK, NO_LOCKS = "ICT_BENCH_CLOCK", "ICT_BENCH_NO_LOCKS"


def jump_clock(path: str) -> None:
    """time.time, time.time_ns, datetime.now and the times of files that are renamed into place."""
    true_time, true_replace = time.time, os.replace

    def offset() -> float:
        try:
            with open(path) as file:
                return float(file.read() or 0)
        except (OSError, ValueError):
            return 0.0

    class Jumped(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)

    def replace(source: Any, target: Any, **how: Any) -> None:
        true_replace(source, target, **how)
        if off := offset():
            os.utime(target, (true_time() + off, true_time() + off))

    time.time = lambda: true_time() + offset()
    time.time_ns = lambda: int(time.time() * 1e9)
    os.replace = replace  # type: ignore[assignment]
    datetime.datetime = Jumped  # type: ignore[misc]


def refuse_locks(number: int, while_there: str) -> None:
    """flock, lockf and the locks of open files, as a network disk without a lock service does."""
    true_fcntl = fcntl.fcntl
    locking = {getattr(fcntl, f"F_OFD_{name}", None) for name in ("SETLK", "SETLKW", "GETLK")}

    def refused() -> bool:
        return os.path.exists(while_there)

    def checked(descriptor: Any, command: int, *rest: Any) -> Any:
        if command in locking and refused():
            raise OSError(number, os.strerror(number))
        return true_fcntl(descriptor, command, *rest)

    def refusing(true: Any) -> Any:
        def lock(*given: Any, **named: Any) -> Any:
            if refused():
                raise OSError(number, os.strerror(number))
            return true(*given, **named)

        return lock

    fcntl.fcntl = checked  # type: ignore[assignment]
    fcntl.flock, fcntl.lockf = refusing(fcntl.flock), refusing(fcntl.lockf)


if CLOCK in os.environ:
    jump_clock(os.environ[CLOCK])
if NO_LOCKS in os.environ:
    code, _, place = os.environ[NO_LOCKS].partition(":")
    refuse_locks(int(code), place)
