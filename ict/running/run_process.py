"""The process of one run, as a worker and as a Slurm job start it.

It inherits the run's lock, which its starter took, and sets no state of its own outside the folder.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

from ict.files import explain
from ict.machine import choose_threads
from ict.store.live import log
from ict.store.locks import LOCK_FD, SLOT_FD, RunLock
from ict.store.run_folder import Run
from ict.store.store import Store

STOPPED_CODE = 143  # of a run that was told to stop (SIGTERM) and left at its last checkpoint


def threads_of(run: Run, device: str, limit: int | None, *, slots: int, here: int) -> int:
    """The run's threads (`ict.machine.choose_threads`); its log says where they are more than allowed."""
    chosen = choose_threads(limit, slots=slots, here=here, device=device, begun=run.execution())
    if chosen.note:
        log(run, f"{run.id} {chosen.note}")
    return chosen.count


def start(
    store: Store,
    run: Run,
    *,
    lock: RunLock,
    share: RunLock | None = None,
    new_session: bool = True,
    data_root: str | None = None,
) -> subprocess.Popen[bytes]:
    """Starts the run as execution.json says; log.txt takes what it prints.

    The environment variable ICT_RUNNER names another module than `ict.running.execute`, which tests use.
    """
    execution = run.execution() or {}
    threads, device, slots = (str(execution[name]) for name in ("threads", "device", "slots"))
    runner = os.environ.get("ICT_RUNNER", "ict.run")
    command = [sys.executable, "-m", runner, run.id, "--store", str(store.root)]
    command += ["--threads", threads, "--device", device, "--slots", slots]
    handed_down = {LOCK_FD: lock.fd, SLOT_FD: share.fd if share else None}
    heirs = {name: fd for name, fd in handed_down.items() if fd is not None}
    with _open_log(run.log_path) as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=new_session,
            pass_fds=tuple(heirs.values()),
            env={
                **os.environ,
                **({"ICT_VTAB_ROOT": data_root} if data_root else {}),
                "ICT_STORE": str(store.root),
                "OMP_NUM_THREADS": threads,
                "MKL_NUM_THREADS": threads,
                "PYTHONUNBUFFERED": "1",
                **{name: str(fd) for name, fd in heirs.items()},
            },
        )


def _open_log(path: Path) -> BinaryIO:
    try:
        return open(path, "ab")
    except OSError as error:
        raise explain(error, path) from error
