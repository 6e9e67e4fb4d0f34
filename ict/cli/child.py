"""A child process that ends when its parent is asked to end, with everything in its process group."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any

_ENDING = ("SIGTERM", "SIGINT", "SIGHUP")  # by name: not every system has all
GRACE_SECONDS = 10.0  # between the wish that it ends and its end without being asked


class Child:
    """One command, run to its end; a signal that ends us ends it first.

    The child leads a process group of its own, which is ended with it: what it starts in a session
    of its own, as a run's worker does, goes on. It is asked with SIGTERM, whatever came, and after
    GRACE_SECONDS killed.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command, self._environment = command, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._came: list[int] = []

    def run(self) -> int:
        """Gives its exit code, or 128 + n once signal n has ended us; raises KeyboardInterrupt after SIGINT."""
        before = {number: signal.signal(number, self._on_signal) for number in _heard()}
        try:
            self._process = subprocess.Popen(self._command, env=self._environment, process_group=0)
            if self._came:  # while it was started, and nothing was there to be asked
                self._ask(self._process)
            code = self._process.wait()
        finally:
            self._kill_group()
            for number, handler in before.items():
                signal.signal(number, handler)
        return self._exit_code(code)

    def _on_signal(self, number: int, _frame: Any) -> None:
        self._came.append(number)
        if self._process is not None:
            self._ask(self._process)

    def _ask(self, process: "subprocess.Popen[bytes]") -> None:
        """Asks the child to end, and kills it where it does not; a second wish changes nothing."""
        process.terminate()
        if len(self._came) == 1:
            timer = threading.Timer(GRACE_SECONDS, self._kill_group)
            timer.daemon = True
            timer.start()

    def _kill_group(self) -> None:
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return  # all of them had ended by themselves

    def _exit_code(self, code: int) -> int:
        if not self._came:
            return code if code >= 0 else 128 - code
        if self._came[0] == signal.SIGINT:
            raise KeyboardInterrupt
        return 128 + self._came[0]


def _heard() -> list[signal.Signals]:
    """The signals to act on: not those that we were started to ignore, as by nohup or a shell's `&`."""
    ending = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    return [number for number in ending if signal.getsignal(number) != signal.SIG_IGN]
