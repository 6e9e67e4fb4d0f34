"""The process in which a worker or a Slurm job has its runs executed, one after the other.

It is handed the lock of each run, which its starter took, so that a run outlives its starter.
"""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, BinaryIO

from ict.files import open_log, refuse_published
from ict.machine import choose_threads
from ict.store.live import log
from ict.store.locks import RunLock
from ict.store.run_folder import Run
from ict.store.store import Store

STOPPED_CODE = 143  # of a run that was told to stop (SIGTERM) and left at its last checkpoint
_END_SECONDS = 5.0  # that a process which nobody asks for anything more may take to end
_LOOK_SECONDS = 0.5  # how often a silent process is looked at


def threads_of(run: Run, device: str, limit: int | None, *, slots: int, here: int) -> int:
    """The run's threads (`ict.machine.choose_threads`); its log says where they are more than allowed."""
    chosen = choose_threads(limit, slots=slots, here=here, device=device, begun=run.execution())
    if chosen.note:
        log(run, f"{run.id} {chosen.note}")
    return chosen.count


@dataclass(frozen=True)
class _Needs:
    """What a process is started with: a run that needs anything else gets a process of its own."""

    threads: str
    device: str
    slots: str
    runner: str
    data_root: str | None

    @classmethod
    def of(cls, run: Run, data_root: str | None) -> "_Needs":
        """As execution.json says. ICT_RUNNER names another module than `ict.running.execute`: tests."""
        execution = run.execution() or {}
        threads, device, slots = (str(execution[name]) for name in ("threads", "device", "slots"))
        runner = os.environ.get("ICT_RUNNER", "ict.running.execute")
        return cls(threads, device, slots, runner, data_root)

    def words(self, store: Store, run: Run) -> list[str]:
        """The runner's command line."""
        words = [run.id, "--store", str(store.root), "--threads", self.threads]
        return [*words, "--device", self.device, "--slots", self.slots]


@dataclass
class _Child:
    needs: _Needs
    process: subprocess.Popen[bytes]
    asking: socket.socket

    def heard(self, seconds: float | None = None) -> dict[str, Any] | None:
        """Its next message; None for none within `seconds`, and for one that has ended."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            ended = self.process.poll() is not None
            left = 0.0 if ended else _LOOK_SECONDS
            if deadline is not None:
                left = max(0.0, min(left, deadline - time.monotonic()))
            if select.select([self.asking], [], [], left)[0]:
                with contextlib.suppress(OSError):  # reset: it died with our question unread
                    if message := self.asking.recv(1 << 16):
                        answer: dict[str, Any] = json.loads(message)
                        return answer
                self.process.wait()
                return None
            if ended or (deadline is not None and time.monotonic() >= deadline):
                return None

    def end(self) -> int:
        """Asks it for nothing more; its exit code."""
        self.asking.close()
        try:
            return self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class RunProcess:
    """Executes runs of `store`, in one process as long as each ends well and needs what the last did.

    With `new_session` it survives Ctrl-C and the terminal of its starter.
    """

    def __init__(self, store: Store, *, new_session: bool = True) -> None:
        self._store = store
        self._new_session = new_session
        self._child: _Child | None = None
        self._code: int | None = None  # of a run whose process died before it took the run

    def begin(
        self,
        run: Run,
        *,
        lock: RunLock,
        share: RunLock | None = None,
        data_root: str | None = None,
        job: str | None = None,
        more: bool = True,
    ) -> None:
        """Starts the run as execution.json says; log.txt takes what it prints. `wait` gives its end.

        `more` says that others are to follow, for which it is worth keeping what they may share.
        """
        needs = _Needs.of(run, data_root)
        if self._child is not None and self._child.needs != needs:
            self.end()
        question = {"words": needs.words(self._store, run), "more": more}
        with open_log(run.log_path) as output:
            heirs = [lock.fd, output.fileno(), share.fd if share else None]
            fds = [fd for fd in heirs if fd is not None]
            while True:
                fresh = self._child is None
                child = self._child or self._started(needs, output)
                lock.describe(child.process.pid, job=job)
                if _taken(child, question, fds):
                    return
                code = (
                    self.end()
                )  # by a signal while nothing ran, or its code is no longer that on disk
                if fresh or run.is_cancelled:
                    self._code = code or 1
                    return

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit code of the run, as of a process of its own; None if it goes on after `seconds`."""
        if self._code is not None or self._child is None:
            code, self._code = self._code, None
            return code
        answer = self._child.heard(seconds)
        if answer is None and self._child.process.poll() is None:
            return None
        if answer is None:
            return self.end()
        if not answer["again"]:
            self.end()
        return int(answer["ended"])

    def signal(self, number: int) -> None:
        """Sends a signal to the process, if there is one."""
        refuse_published()
        if self._child is not None:
            self._child.process.send_signal(number)

    def wait_for_end(self, seconds: float) -> None:
        """Until the process, which was told to stop, is gone; also where a signal interrupts `wait`."""
        deadline = time.monotonic() + seconds
        while (child := self._child) is not None and child.process.poll() is None:
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)

    def end(self) -> int:
        """Ends the process once its run has ended, so that the next run starts a new one."""
        child, self._child = self._child, None
        return 0 if child is None else child.end()

    def _started(self, needs: _Needs, output: BinaryIO) -> _Child:
        refuse_published()
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "ict.running.warm", str(self._store.root)]
        with its:
            process = subprocess.Popen(
                [*command, str(its.fileno()), needs.runner],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=self._new_session,
                pass_fds=(its.fileno(),),
                env={
                    **os.environ,
                    **({"ICT_VTAB_ROOT": needs.data_root} if needs.data_root else {}),
                    "ICT_STORE": str(self._store.root),
                    "OMP_NUM_THREADS": needs.threads,
                    "MKL_NUM_THREADS": needs.threads,
                    "PYTHONUNBUFFERED": "1",
                },
            )
        self._child = _Child(needs, process, ours)
        return self._child


def _taken(child: _Child, question: dict[str, Any], fds: list[int]) -> bool:
    """Whether the process took the run; it may have ended."""
    with contextlib.suppress(OSError):
        socket.send_fds(child.asking, [json.dumps(question).encode()], fds)
    return child.heard() is not None
