"""Many runs to their end: what `ict study run` waits for."""

import sys
import time
from collections.abc import Callable, Sequence

from tqdm import tqdm

from ict.errors import IctError
from ict.running import local
from ict.running.follow import gone
from ict.running.worker import TRIES
from ict.store.leftovers import sweep
from ict.store.run_folder import TERMINAL, Run
from ict.store.store import Store

_LOOK_SECONDS = 0.5
Submit = Callable[[Sequence[str]], object]


def wait_all(
    store: Store,
    ids: Sequence[str],
    submit: Submit,
    *,
    quiet: bool,
    told: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, str]:
    """Waits until every run has ended; gives its last status.

    `submit(ids)` is called again for runs that were killed, three times each, so that the death of
    a worker, a node or a job does not stop the rest. Draws a bar with the time left on a terminal;
    `told` hears how many have ended, and of how many. Raises IctError for a run whose folder is gone.
    """
    ended: dict[str, str] = {}
    kills: dict[str, int] = {}
    bar = tqdm(total=len(ids), unit=" runs", disable=quiet or not sys.stderr.isatty(), leave=False)
    with bar:
        while True:
            begun = time.monotonic()
            waiting = [run_id for run_id in ids if run_id not in ended]
            killed = _look(store, waiting, ended, kills)
            bar.update(len(ended) - bar.n)
            told(len(ended), len(ids))
            if len(ended) == len(ids):
                sweep(store)
                return ended
            if killed:
                submit(killed)
            else:
                local.start_workers(store)
            time.sleep(max(_LOOK_SECONDS, 3 * (time.monotonic() - begun)))


def _look(
    store: Store, waiting: Sequence[str], ended: dict[str, str], kills: dict[str, int]
) -> list[str]:
    """Notes in `ended` what has ended; gives the killed ones that deserve another start."""
    again = []
    for run_id in waiting:
        run = Run(store.runs_dir / run_id)
        status = run.status()
        if status == "created" and run.is_gone:
            raise IctError(gone(run))
        if status in ("killed", "created") and kills.get(run_id, 0) < TRIES:
            kills[run_id] = kills.get(run_id, 0) + 1
            again.append(run_id)
        elif status in (*TERMINAL, "created"):
            ended[run_id] = status
    return again
