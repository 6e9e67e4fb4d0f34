"""What a running run tells the outside: `live.json` and the lines of `log.txt`."""

import contextlib
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

from ict.files import StoreError, append_line, atomic_write_json
from ict.store.run_folder import Run, utc_now


class Live:
    """`live.json`: what a running run is doing, written at most every half second.

    A report that the disk refuses is left out: a run does not fail for it.
    """

    def __init__(self, path: Path, epochs: int | None) -> None:
        self.path = path
        self.epochs = epochs
        self._last = 0.0

    def report(
        self,
        phase: str,
        done: int,
        total: int,
        *,
        unit: str = "images",
        epoch: int | None = None,
        rate: float | None = None,
        eta: float | None = None,
    ) -> None:
        now = time.monotonic()
        if now - self._last < 0.5 and 0 < done < total:
            return
        self._last = now
        document = {
            "phase": phase,
            "done": done,
            "total": total,
            "unit": unit,
            "epoch": epoch,
            "epochs": self.epochs,
            "images_per_second": rate,
            "eta_seconds": eta,
            "memory_bytes": resident_bytes(),
            "pid": os.getpid(),
            "updated_at": utc_now(),
        }
        with contextlib.suppress(StoreError):
            atomic_write_json(self.path, document)

    def phase(self, name: str) -> Callable[[int, int], None]:
        return lambda done, total: self.report(name, done, total)


def log(run: Run, line: str) -> None:
    """Appends a line to `log.txt`, where the disk takes it: a run does not fail for its log."""
    with contextlib.suppress(StoreError):
        append_line(run.log_path, f"{utc_now()} {line}")


def resident_bytes() -> int | None:
    """Resident memory of this process; None where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return None
