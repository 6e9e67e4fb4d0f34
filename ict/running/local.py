"""Runs on this machine: submit, cancel, alive. No daemon; workers start on demand and end by themselves.

A worker serves one slot of a device (`ict.running.worker`). It is detached: it survives Ctrl-C, the
terminal and the app. Nothing here imports torch.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence

from ict.errors import InputError
from ict.files import make_folder, open_log, refuse_published
from ict.machine import choose_devices, thread_limit
from ict.running import queue
from ict.running.slots import Slot, machine_dir
from ict.store.locks import RunLock
from ict.store.run_folder import Run, holder_process
from ict.store.store import Store
from ict.store.transitions import mark_cancelled

GRACE_SECONDS = 0.7  # from SIGTERM to SIGKILL: what is drawn after it fits into two seconds, too


def submit(
    store: Store,
    ids: Iterable[str],
    *,
    slots: int | None = None,
    device: str | Sequence[str] | None = None,
    threads: int | None = None,
    compile: str | None = None,
) -> list[str]:
    """Queues the runs and returns at once; gives the ids that were not done, running or queued.

    `slots` runs share a device (default 1) and divide the cores. `device` is one, several, or None
    for all of this machine. `threads` are the most CPU threads of a run (default: OMP_NUM_THREADS of
    who submits); a run that was started before keeps its own. `compile` is `auto`, `on` or `off`, None as at
    its first start. Asking twice, also from many processes at once, runs once.
    """
    if slots is not None and slots < 1:
        raise InputError(f"slots={slots}: choose 1 or more runs a device")
    refuse_published()
    runs = [store.run(run_id) for run_id in dict.fromkeys(ids)]
    by_devices: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        begun = run.execution() if run.is_resumable else None
        by_devices.setdefault(choose_devices(device, begun=begun), []).append(run)
    queued = []
    for chosen, members in by_devices.items():
        queued += queue.enqueue(
            store,
            members,
            slots=1 if slots is None else slots,
            devices=chosen,
            threads=thread_limit() if threads is None else threads,
            compile=compile,
        )
    start_workers(store)
    return queued


def start_workers(store: Store) -> int:
    """Starts the workers that the queue needs and that are not there; gives how many.

    Safe to call at any time: a worker that finds its slot served ends at once.
    """
    refuse_published()
    tickets = queue.waiting(store)
    if not tickets:
        return 0
    needed: dict[tuple[str, int], int] = {}
    for ticket in tickets:
        for device in choose_devices(ticket.devices):
            key = (device, ticket.slots)
            needed[key] = min(needed.get(key, 0) + 1, ticket.slots)
    missing = [
        slot
        for (device, slots), count in needed.items()
        for slot in [Slot(device, slots, index) for index in range(count)]
        if not slot.has_worker(store)
    ]
    if missing:
        _check_locks(store)
    for slot in missing:
        _start_worker(store, slot)
    return len(missing)


def _check_locks(store: Store) -> None:
    """Raises StoreError where the store's disk has no locks: a worker could only end, and nobody would hear."""
    probe = RunLock(make_folder(machine_dir(store)) / "probe.lock")
    probe.acquire()
    probe.release()


def _start_worker(store: Store, slot: Slot) -> None:
    command = [sys.executable, "-m", "ict.launch.worker", str(store.root)]
    command += [slot.device, str(slot.slots), str(slot.index)]
    refuse_published()
    with open_log(slot.log_path(store)) as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "ICT_STORE": str(store.root)},
        )
    # A served app lives long: wait for the worker, so that no zombie stays behind.
    threading.Thread(target=process.wait, daemon=True).start()


def cancel(store: Store, ids: Iterable[str]) -> list[str]:
    """Takes the runs out of the queue and stops running ones, within two seconds; gives their ids.

    A running one gets SIGTERM, writes its checkpoint, and gets SIGKILL if it is still there after
    0.7 s. Runs that are done, failed or cancelled already are left alone.
    """
    refuse_published()
    runs = [store.run(run_id) for run_id in dict.fromkeys(ids)]
    unfinished = [run for run in runs if run.status() in ("queued", "running", "killed", "created")]
    for run in unfinished:
        mark_cancelled(run)
    stop(unfinished)
    for run in unfinished:  # one that was just starting takes its markers away
        if run.status() == "killed":
            mark_cancelled(run)
    return [run.id for run in unfinished]


def stop(runs: Sequence[Run]) -> None:
    """Ends the processes of `runs` on this machine: politely, then not."""
    deadline = time.monotonic() + GRACE_SECONDS
    signalled: set[str] = set()
    left = list(runs)
    while left and time.monotonic() < deadline:
        for run in left:
            if run.id not in signalled and (pid := holder_process(run)) is not None:
                signalled.add(run.id)
                _signal(pid, signal.SIGTERM)
        time.sleep(0.02)
        left = [run for run in left if run.holder() is not None]
    for run in left:
        if (pid := holder_process(run)) is not None:
            _signal(pid, signal.SIGKILL)
    while any(run.holder() is not None for run in left) and time.monotonic() < deadline + 0.6:
        time.sleep(0.02)


def _signal(pid: int, number: signal.Signals) -> None:
    """SIGTERM to the run alone, so that it can still use its helpers; SIGKILL to its whole group."""
    refuse_published()
    try:
        if number == signal.SIGKILL and os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        pass


def alive(store: Store, ids: Iterable[str]) -> set[str]:
    """Those of `ids` whose process lives."""
    return {run_id for run_id in ids if store.run(run_id).status() == "running"}
