"""Every step of a run from one state to the next, as files of its folder that are written or removed.

    created ── queue ──► queued ── begin ──► running ── finish ──► done
                           ▲                    ├────── fail ────► failed
                           └───── requeue ──────┤
                                                └─ its process ends ► killed
    mark_cancelled: whatever has not ended ► cancelled; queue: whatever is not done ► queued

No state is stored. `Run.status` derives it from the files that are there and from one OS lock, which
dies with its holder: running is whoever holds it, killed whoever began and holds it no more. Each
function writes or removes whole files, in an order in which a stop between any two leaves a true
state, from which the run can be asked for again: what was trained is kept until its result stands.
`queue` and `mark_cancelled` are called without the run's lock, the others by who holds it.
"""

import contextlib
import os
import shutil
import socket
from collections.abc import Mapping
from typing import Any

from ict.errors import InputError
from ict.files import (
    StoreError,
    atomic_write_json,
    make_folder,
    refuse_published,
    remove_file,
    remove_folder,
    rename,
    sweep_temporary,
    touch,
)
from ict.store.locks import RunLock
from ict.store.run_folder import Run, utc_now

Document = Mapping[str, Any]


def create(run: Run, record: Document) -> None:
    """Nothing ► created. config.json comes first of all files: without it a folder is no run.

    Where it finds no space no folder stays, which would be one that nobody can read.
    """
    refuse_published()
    make_folder(run.path)
    try:
        atomic_write_json(run.config_path, record)
    except StoreError:
        with contextlib.suppress(OSError):
            run.path.rmdir()
        raise


def queue(run: Run, marker: Document) -> None:
    """Created, killed, failed or cancelled ► queued, as `marker` says.

    What an earlier try left goes first and the marker comes last: a queued run has no old error.
    """
    for path in (run.cancelled_path, run.error_path, run.job_path):
        remove_file(path)
    requeue(run, marker)


def requeue(run: Run, marker: Document) -> None:
    """Running ► queued again, once the lock is let go: for a run whose process died."""
    atomic_write_json(run.queued_path, marker)


def assign_job(run: Run, job: Document) -> None:
    """Queued stays queued: which Slurm job it waits as, so that a dead one is found out."""
    atomic_write_json(run.job_path, job)


def leave_job(run: Run) -> None:
    """Running ► killed, by who holds the lock: its Slurm job lives on without it."""
    remove_file(run.job_path)


def withdraw(run: Run) -> None:
    """Queued ► what it was before."""
    remove_file(run.queued_path)


def still_wanted(run: Run) -> bool:
    """Whether a run taken from the queue is to begin; looked at under its lock.

    Another may have taken, finished or cancelled it meanwhile; of the last two the marker goes.
    """
    return not dropped(run) and run.is_queued and run.has_config


def dropped(run: Run) -> bool:
    """Whether a run is done or cancelled; then it leaves the queue."""
    if not (run.is_done or run.is_cancelled):
        return False
    withdraw(run)
    return True


def take_back_cancel(run: Run) -> None:
    """Cancelled ► what it was before: for who asks for this very run, here and now."""
    remove_file(run.cancelled_path)


def begin(run: Run, execution: Document) -> dict[str, Any]:
    """Queued ► running, by who holds the lock; gives what execution.json then holds.

    It is written first, so that a run that left the queue has begun: a stop in between leaves it
    queued, and one after it killed, never forgotten. A cancel since the lock was taken stands.
    """
    document = {
        **(run.execution() or {}),
        **execution,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started_at": utc_now(),
    }
    atomic_write_json(run.execution_path, document)
    remove_file(run.error_path)
    withdraw(run)
    sweep_temporary(run.path)
    return document


def note_execution(run: Run, known: Document) -> None:
    """Running stays running: what is known of this execution only now."""
    atomic_write_json(run.execution_path, {**(run.execution() or {}), **known})


def finish(run: Run, result: Document) -> None:
    """Running ► done. The result is on disk, flushed, before the checkpoint goes: it is all there is."""
    atomic_write_json(run.result_path, result, durable=True)
    tidy(run)


def tidy(run: Run) -> None:
    """Done stays done: removes what only an unfinished run needs.

    Never fails: the result stands, whatever is left behind.
    """
    refuse_published()
    shutil.rmtree(run.checkpoint_path, ignore_errors=True)
    with contextlib.suppress(StoreError):
        remove_file(run.live_path)


def fail(run: Run, error: Document) -> None:
    """Running ► failed, once the lock is let go. The checkpoint stays: asked for again, it goes on.

    On a full disk the error takes the place of live.json, which a failed run needs no more. Raises
    StoreError where there is no room even so.
    """
    try:
        atomic_write_json(run.error_path, error)
    except StoreError:
        with contextlib.suppress(StoreError):
            remove_file(run.live_path)
        atomic_write_json(run.error_path, error)


def give_up(run: Run, error: Document) -> None:
    """Queued ► failed: a run that cannot begin leaves the queue, so that it does not block the others."""
    fail(run, error)
    withdraw(run)


def mark_cancelled(run: Run) -> None:
    """Whatever has not ended ► cancelled: nobody wants the run any more, a worker passes it over."""
    try:
        touch(run.cancelled_path, {"at": utc_now()})
    finally:
        withdraw(run)


def remove(run: Run) -> None:
    """Any state but running ► gone; raises InputError while it runs.

    The folder is renamed first, under the run's lock: no reader meets half of it.
    """
    lock = RunLock(run.lock_path)
    if not lock.acquire():
        raise InputError(f"run {run.id} is running; cancel it first: ict cancel {run.id}")
    try:
        gone = run.path.with_name(f".removed-{run.id}-{os.getpid()}")
        rename(run.path, gone)
        remove_folder(gone)
    finally:
        lock.release()
