"""What a command has done and how long the rest takes, in the file that $ICT_PROGRESS names.

The file has the form of a run's `live.json`: phase, done, total, unit, images_per_second, eta_seconds.
"""

import os
import time
from pathlib import Path

PROGRESS = "ICT_PROGRESS"


class ProgressFile:
    """A callable (done, total) that writes the file, at most every half second; nothing where none is named."""

    def __init__(self, label: str, unit: str = "images") -> None:
        self._label, self._unit = label, unit
        path = os.environ.get(PROGRESS)
        self._began: tuple[float, int] | None = None
        self._live = None
        if path:
            from ict.store.live import Live

            self._live = Live(Path(path), None)

    def __call__(self, done: int, total: int) -> None:
        if self._live is None:
            return
        now = time.monotonic()
        if self._began is None or done < self._began[1]:
            self._began = now, done
        since, first = self._began
        rate = (done - first) / (now - since) if done > first and now > since else None
        left = (total - done) / rate if rate else None
        self._live.report(self._label, done, total, unit=self._unit, rate=rate, eta=left)
