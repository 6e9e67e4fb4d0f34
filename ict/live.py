"""What a running run tells the outside: `live.json` and the lines of `log.txt`."""

import resource
import time
from collections.abc import Callable
from pathlib import Path

from ict.files import append_line, atomic_write_json
from ict.store import Run, utc_now


class Live:
    """`live.json`: what a running run is doing, written at most every half second."""

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
        atomic_write_json(
            self.path,
            {
                "phase": phase,
                "done": done,
                "total": total,
                "unit": unit,
                "epoch": epoch,
                "epochs": self.epochs,
                "images_per_second": rate,
                "eta_seconds": eta,
                "memory_bytes": _memory_now(),
                "updated_at": utc_now(),
            },
        )

    def phase(self, name: str) -> Callable[[int, int], None]:
        return lambda done, total: self.report(name, done, total)


def log(run: Run, line: str) -> None:
    append_line(run.path / "log.txt", f"{utc_now()} {line}")


def _memory_now() -> int:
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return 0
