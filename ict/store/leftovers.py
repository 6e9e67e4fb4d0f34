"""What processes that were killed left in a store, removed by who starts runs there."""

import contextlib

from ict.files import StoreError, sweep_temporary
from ict.store import names, transitions
from ict.store.base import BaseStore
from ict.store.run_folder import Run

_OF_RUNS = ("runs", "trash")  # thousands of folders: what is in one is swept when its run begins


def sweep(store: BaseStore) -> None:
    """Removes temporary files that nobody will rename any more, and states of runs that are done.

    Of the temporary files only those of this machine: on a shared disk others may be writing theirs.
    Nothing that anybody reads is removed, and a disk that refuses is no failure.
    """
    with contextlib.suppress(OSError, StoreError):
        sweep_temporary(store.root, locked=False, below=False)
        for folder in store.root.iterdir():
            if folder.is_dir() and folder.name not in _OF_RUNS:
                sweep_temporary(folder, locked=False)
        for run in (Run(store.runs_dir / one) for one in store.run_ids()):
            if (run.is_resumable or run.marked(names.LIVE)) and run.is_done:
                transitions.tidy(run)
