"""Toy runs on the real launcher: their folders, their processes, waiting for something."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from ict.config import FIELDS
from ict.store import Run, Store


def lines(run: Run, name: str) -> list[list[str]]:
    """The words of each line of a file in the run's folder."""
    path = run.path / name
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def toys(store: Store, count: int, *, prefix: str = "toy", **config: object) -> list[Run]:
    """`count` run folders with their own seed, not queued.

    What no real configuration has (steps, seconds, crash, …) stands beside it, under `toy`.
    """
    given = {"task": "toy", "steps": 3, "seconds": 0.0, **config}
    toy = {name: given.pop(name) for name in list(given) if name not in FIELDS}
    return [
        store.create_run(
            {"run_id": f"{prefix}-{i:03d}", "config": {**given, "seed": i}, "toy": toy}
        )
        for i in range(count)
    ]


def processes(store: Store) -> list[int]:
    """Workers and runs of this store, found by their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if str(store.root).encode() in words:
                    found.append(int(entry.name))
    return found


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Waits for `condition`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
