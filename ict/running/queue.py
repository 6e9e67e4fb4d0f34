"""The queue of runs for this machine's workers: a `queued` marker in each run folder.

The order is a counter kept under a lock, never a clock, which can jump. Who asks first goes first; of
runs asked for together, where they may go on several devices, those that take longest, so that all
devices end at about the same time. The place is given once: none is overtaken by what is asked later.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ict.documents.names import VTAB_ROOT
from ict.errors import InputError
from ict.files import StoreError, atomic_write_json, make_folder, read_json
from ict.store import transitions
from ict.store.locks import RunLock
from ict.store.run_folder import Run, utc_now
from ict.store.store import Store

LEAST_FREE_BYTES = 8 << 20  # below this no run is started: it could only fail
_LAST = 1 << 62  # place in the queue of a marker whose content was lost


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """One place in the queue. `devices` empty: any. `tries` so far of this submission."""

    run_id: str
    sequence: int = _LAST
    slots: int = 1
    devices: tuple[str, ...] = ()
    tries: int = 0
    data_root: str | None = None
    threads: int | None = None
    """At most, as asked by who submitted; None: the slot's share of the cores."""
    compile: str | None = None
    """`auto`, `on` or `off`; None: as at the run's first start (`ict.running.compile_mode`)."""

    def fits(self, device: str) -> bool:
        return not self.devices or device in self.devices


def enqueue(
    store: Store,
    runs: Sequence[Run],
    *,
    slots: int,
    devices: Sequence[str],
    threads: int | None = None,
    compile: str | None = None,
) -> list[str]:
    """Queues those of `runs` that are not done, running or queued; gives their ids.

    In their order on one device, longest first (`ict.store.run_lengths`) on several. A run that was started before keeps its slots and thereby its threads, so that its numbers stay
    the same. Raises StoreError if the disk is full or refuses.
    """
    if slots < 1:
        raise InputError(f"slots={slots}: choose 1 or more runs a device")
    make_folder(store.workers_dir)
    check_space(store)
    to_queue = [run for run in runs if run.status() not in ("done", "running", "queued")]
    if not to_queue:
        return []
    first = _reserve(store, len(to_queue))
    ordered = to_queue if len(devices) == 1 else _longest_first(store, to_queue)
    for place, run in enumerate(ordered, first):
        earlier = (run.execution() or {}).get("slots")
        ticket = Ticket(
            run_id=run.id,
            sequence=place,
            slots=earlier if isinstance(earlier, int) else slots,
            devices=tuple(devices),
            data_root=data_root(),
            threads=threads,
            compile=compile,
        )
        transitions.queue(run, marker_of(ticket))
    return [run.id for run in to_queue]


def _longest_first(store: Store, runs: Sequence[Run]) -> list[Run]:
    """By the times that the store knows of finished runs."""
    if len(runs) == 1:
        return [*runs]
    from ict.store.run_lengths import (
        longest_first,
    )  # reads tasks and methods: a worker needs neither

    measured = store.table(lambda row: row["status"] == "done")
    by_id = {run.id: run for run in runs}
    return [by_id[i] for i in longest_first({run.id: run.config for run in runs}, measured)]


def data_root() -> str | None:
    """`$ICT_VTAB_ROOT` of who submits, absolute: a run starts elsewhere and later."""
    root = os.environ.get(VTAB_ROOT)
    return os.path.abspath(root) if root else None


def again(run: Run, ticket: Ticket) -> None:
    """Queues a run whose process died at the place that it had."""
    transitions.requeue(run, marker_of(ticket))


def marker_of(ticket: Ticket) -> dict[str, Any]:
    """What the run's marker holds of its ticket, as `read_ticket` reads it."""
    fields = {name: value for name, value in vars(ticket).items() if name != "run_id"}
    return {**fields, "launcher": "local", "at": utc_now()}


def waiting(store: Store, device: str | None = None) -> list[Ticket]:
    """The queue for `device` (or for all), first come first; what is cancelled or held is left out.

    So is a run of another user that this one may not write to: it waits for a worker of its owner. One look at each run folder; only queued ones are read.
    """
    tickets = []
    for name in store.run_ids():
        run = Run(store.runs_dir / name)
        if not run.is_queued or not run.has_config or not _ours(run):
            continue
        ticket = read_ticket(run)
        if ticket is None or not (device is None or ticket.fits(device)):
            continue
        if not run.is_cancelled and run.holder() is None:
            tickets.append(ticket)
    return sorted(tickets, key=lambda ticket: (ticket.sequence, ticket.run_id))


def _ours(run: Run) -> bool:
    """Whether this user may write into the run's folder, and take its lock."""
    lock = run.lock_path
    may = os.access(run.path, os.W_OK | os.X_OK)
    return may and (os.access(lock, os.R_OK | os.W_OK) or not os.path.lexists(lock))


def read_ticket(run: Run) -> Ticket | None:
    """The run's place in the queue; a marker that lost its content waits last, on any device.

    None for a marker of another launcher.
    """
    marker = run.queued()
    if marker.get("launcher", "local") != "local":
        return None
    ticket: dict[str, Any] = {"run_id": run.id}
    for name in ("sequence", "slots", "tries", "threads"):
        if isinstance(marker.get(name), int):
            ticket[name] = marker[name]
    if isinstance(marker.get("devices"), list):
        ticket["devices"] = tuple(map(str, marker["devices"]))
    for name in ("data_root", "compile"):
        if isinstance(marker.get(name), str):
            ticket[name] = marker[name]
    return Ticket(**ticket)


def check_space(store: Store) -> None:
    """Raises StoreError when too little room is left for a run's files."""
    free = free_bytes(store)
    if free < LEAST_FREE_BYTES:
        raise StoreError(
            f"{store.root}: the disk is full ({free >> 10} KiB free); free some space or set "
            "ICT_STORE to another disk",
            None,
        )


def free_bytes(store: Store) -> int:
    return shutil.disk_usage(store.root).free


def _reserve(store: Store, count: int) -> int:
    """The first of `count` new places in the queue."""
    path = store.workers_dir / "sequence.json"
    with RunLock(store.workers_dir / "sequence.lock"):
        last = read_json(path)
        if (
            not isinstance(last, int) or isinstance(last, bool) or not 0 <= last < _LAST - count
        ):  # never written, or lost: go on after what still waits
            places = [ticket.sequence for ticket in waiting(store)]
            last = max((place for place in places if place < _LAST), default=0)
        atomic_write_json(path, last + count)
        return last + 1
