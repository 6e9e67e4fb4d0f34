"""A process that takes one run after the other: `python -m ict.running.warm STORE SOCKET RUNNER`.

A worker or a Slurm job starts it (`ict.running.run_process`) and asks for each run on the socket, with the
descriptors of the run's lock, of its log and, from a worker, of the slot's share of the device: such
locks belong to the open file, so they outlive whoever asked. What runs have in common stays: imports,
the device's context, what `ict.running.kept` keeps. All else is put back (`ict.running.pristine`), and after a run that
did not end as done, or left too much memory behind, the process ends. So it does once nobody asks.

Messages are JSON. Asked: `words` of the runner's command line, and whether `more` will follow. Answered: `begun`, then `ended` with the
exit code that a process of its own would have had, and whether this one goes on (`again`).
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from ict.machine import calm_threads, thread_limit
from ict.running import pristine
from ict.store.live import resident_bytes
from ict.store.locks import LOCK_FD

if TYPE_CHECKING:
    from ict.running.kept import Kept

MOST_MESSAGE = 1 << 16
_STOPPED_CODE = 143
_ROOM = 256 << 20  # bytes by which memory may grow, however little the first run left


class Runner(Protocol):
    """A module that executes a run: `ict.running.execute`, or one of the tests."""

    def main(self, arguments: Sequence[str], kept: "Kept | None" = None) -> int: ...

    def start_up(self) -> "Kept | None":
        """Imports what every run needs; gives what is kept between runs."""


def serve(asking: socket.socket, runner: Runner) -> None:
    """Runs what is asked for, until one is the last."""
    host = _Host(runner)
    again = True
    while again:
        message, fds, _, _ = socket.recv_fds(asking, MOST_MESSAGE, 3, socket.MSG_CMSG_CLOEXEC)
        if not message or not host.fit:  # nobody asks any more, or the code on disk is another now
            return
        _answer(asking, begun=True)
        question = json.loads(message)
        code = host.run(question["words"], *fds, more=question["more"])
        again = code == 0 and host.clean()
        _answer(asking, ended=code, again=again)


class _Host:
    """What this process is and has, from one run to the next."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._kept: Kept | None = None
        self._pristine: pristine.Pristine | None = None
        self._code: dict[str, tuple[int, int]] = {}
        self._first_bytes: int | None = None

    @property
    def fit(self) -> bool:
        """Whether the code that is imported is still the code on disk."""
        now = pristine.code_stamp()
        return all(now.get(path) == stamp for path, stamp in self._code.items())

    def run(self, words: Sequence[str], lock: int, log: int, *share: int, more: bool) -> int:
        """Executes one run and gives its exit code; the descriptors are closed then.

        `more`: others are expected to follow.
        """
        os.environ[LOCK_FD] = str(lock)
        locked = os.fstat(lock)
        with _output_to(log):
            code = self._executed(words, more)
        with contextlib.suppress(OSError):  # a run that began has closed its lock
            if os.path.samestat(os.fstat(lock), locked):
                os.close(lock)
        for descriptor in (log, *share):
            os.close(descriptor)
        return code

    def _executed(self, words: Sequence[str], more: bool) -> int:
        try:
            if self._pristine is None:
                self._start()
            if self._kept is not None:
                self._kept.growing = more
            return int(self._runner.main(words, self._kept))
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
            return 1
        finally:
            signal.signal(signal.SIGTERM, _leave)

    def _start(self) -> None:
        with contextlib.suppress(ImportError):  # the run meets it again, and says so
            self._kept = self._runner.start_up()
        gc.collect()
        gc.freeze()  # what is imported stays: without it each look for garbage takes half a second
        self._pristine = pristine.Pristine()

    def clean(self) -> bool:
        """Puts back what the run changed; whether the process may take another run."""
        if self._pristine is None:
            return False
        self._pristine.restore()
        self._code = pristine.code_stamp() | self._code
        held = _held_bytes() - (self._kept.bytes if self._kept else 0)
        if self._first_bytes is None:
            self._first_bytes = held
        return not outgrown(self._first_bytes, held)


def outgrown(first: int, now: int) -> bool:
    """Whether a process holds too much: twice what its first run left behind, or 256 MiB more.

    Bytes without those that are kept on purpose, which have their own bound.
    """
    return now > max(2 * first, first + _ROOM)


def _held_bytes() -> int:
    """Memory of this process, resident and on GPUs, once nobody holds what a run left."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return resident_bytes() or 0
    gpus = range(torch.cuda.device_count())
    return (resident_bytes() or 0) + sum(torch.cuda.memory_reserved(gpu) for gpu in gpus)


@contextlib.contextmanager
def _output_to(log: int) -> Iterator[None]:
    """What is printed goes to the run's log; between runs it goes nowhere."""
    _point_output(log)
    try:
        yield
    finally:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        _point_output(nowhere)
        os.close(nowhere)


def _point_output(to: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os.dup2(to, 1)
    os.dup2(to, 2)


def _answer(asking: socket.socket, **answer: Any) -> None:
    with contextlib.suppress(OSError):  # who asked is dead; the run goes on, and is the last
        asking.send(json.dumps(answer).encode())


def _leave(_number: int, _frame: object) -> None:
    """SIGTERM while nothing is computed: nothing is to be saved."""
    os._exit(_STOPPED_CODE)


def main(arguments: Sequence[str]) -> None:
    signal.signal(signal.SIGTERM, _leave)
    _store, descriptor, runner = arguments
    if threads := thread_limit():
        calm_threads(threads)
    asking = socket.socket(fileno=int(descriptor))
    os.set_inheritable(asking.fileno(), False)
    serve(asking, cast(Runner, importlib.import_module(runner)))
    os._exit(0)  # at once, whatever threads a run left


if __name__ == "__main__":
    main(sys.argv[1:])
