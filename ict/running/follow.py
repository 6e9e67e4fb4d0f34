"""Following a run to its end: what `ict train --wait` and `ict resume --wait` share.

`wait(store, run_id, quiet=…)` attaches to a queued, running or finished run, draws a bar with the
time left on a terminal, and raises IctError if the run did not end well; `result_document(run)` is
what `--json` prints then.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

from ict.errors import IctError
from ict.running import local
from ict.store.run_folder import TERMINAL, Run
from ict.store.store import Store

_LOOK_SECONDS = 0.2
_WORKER_SECONDS = 2.0  # how often a queued run is given a worker again, should its own have died


def wait(store: Store, run_id: str, *, quiet: bool = False) -> Run:
    """Waits until the run is done and gives it; raises IctError with its error otherwise."""
    run = store.run(run_id)
    bar = RunBar(run.id, shown=not quiet and sys.stderr.isatty())
    try:
        status = until_ended(store, run, bar)
    finally:
        bar.close()
    if status != "done":
        raise IctError(ending(run, status))
    return run


def until_ended(store: Store, run: Run, show: Callable[[Run, str], None] | None = None) -> str:
    """Looks at the run until it has ended and gives its last status; `show(run, status)` each time.

    While it is queued, a dead worker is replaced.
    """
    served = time.monotonic()
    while (status := run.status()) not in (*TERMINAL, "created"):
        if show is not None:
            show(run, status)
        if status == "queued" and time.monotonic() - served > _WORKER_SECONDS:
            local.start_workers(store)
            served = time.monotonic()
        time.sleep(_LOOK_SECONDS)
    return status


def ending(run: Run, status: str) -> str:
    """One sentence on why `run` has no result."""
    error = (run.error() or {}).get("message")
    if status == "created" and run.is_gone:
        return gone(run)
    if status == "failed" and error:
        return f"run {run.id} failed: {error}"
    if status == "killed":
        return f"run {run.id} was killed; `ict resume {run.id}` goes on from its last checkpoint"
    if status == "cancelled":
        return f"run {run.id} was cancelled; `ict resume {run.id}` goes on from its last checkpoint"
    return f"run {run.id} is {status} and has no result"


def gone(run: Run) -> str:
    """The sentence of a run that was waited for and whose folder is not there any more."""
    return (
        f"run {run.id} is gone: {run.path} or its store was removed or moved while it was waited for; "
        "ask for it again"
    )


def result_document(run: Run) -> dict[str, Any]:
    """run_id, path, status and config; of a finished run also everything in result.json."""
    result = run.result()
    return {
        **(result.to_dict() if result else {}),
        "run_id": run.id,
        "path": str(run.path),
        "status": run.status(),
        "config": run.config,
    }


class RunBar:
    """A bar of what a run does now, from its live.json; nothing when not `shown`."""

    def __init__(self, label: str, *, shown: bool) -> None:
        self._bar = tqdm(
            total=1,
            disable=not shown,
            leave=False,
            file=sys.stderr,
            bar_format="{desc} |{bar:24}| {percentage:3.0f} %{postfix}",
        )
        self._label = label

    def __call__(self, run: Run, status: str) -> None:
        live = run.live() if status == "running" else None
        if live is None:
            self._bar.set_description_str(f"{self._label} {status}")
            return
        total = live.get("total") or 1
        self._bar.total, self._bar.n = total, min(live.get("done") or 0, total)
        self._bar.set_description_str(f"{self._label} {_phase(live)}")
        seconds = live.get("eta_seconds")
        left = f"{tqdm.format_interval(seconds)} left" if seconds is not None else ""
        self._bar.set_postfix_str(left, refresh=True)

    def close(self) -> None:
        self._bar.close()


def _phase(live: dict[str, Any]) -> str:
    phase = str(live.get("phase") or "running")
    if live.get("epoch") is None or live.get("epochs") is None:
        return phase
    return f"{phase} epoch {live['epoch']}/{live['epochs']}"
