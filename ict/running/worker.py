"""One worker serves one device slot: it runs what is queued, in its order, and ends when nothing is.

Runs are executed in a child process, one after the other as long as they end well
(`ict.running.run_process`). It holds the run's lock and the slot's share of the device as well: when the
worker dies, the run goes on, stays locked and keeps its slot. Started by `ict.running.local` as
`python -m ict.running.worker STORE DEVICE SLOTS INDEX`.
"""

import contextlib
import dataclasses
import signal
import sys
import time
from pathlib import Path

from ict.files import FULL, StoreError
from ict.machine import MOST_THREADS, cores
from ict.running import queue
from ict.running import run_process as child
from ict.running.compile_mode import at_start
from ict.running.local import start_workers
from ict.running.queue import LEAST_FREE_BYTES, Ticket
from ict.running.slots import Slot
from ict.store import transitions
from ict.store.leftovers import sweep
from ict.store.locks import RunLock
from ict.store.run_folder import Run, utc_now
from ict.store.store import Store

TRIES = 3
STOPPED = (
    child.STOPPED_CODE,
    -signal.SIGTERM,
)  # told to stop: wrote its checkpoint, or had not begun
_PAUSE_SECONDS = 0.1
_LOOK_SECONDS = 1.0  # how often the queue is read again while the device is busy


def serve(store: Store, slot: Slot) -> None:
    """Runs the queue of `slot` until it is empty, unless another worker serves this slot.

    The queue is looked at once more after the lock is gone: a run submitted in that moment saw a
    worker and started none.
    """
    process = child.RunProcess(store)
    while True:
        lock = slot.worker_lock(store)
        if not lock.acquire():
            break
        try:
            _serve_queue(store, slot, process, lock)
        finally:
            lock.release()
        if not _own(queue.waiting(store, slot.device), slot):
            break
    process.end()
    sweep(store)


def _own(tickets: list[Ticket], slot: Slot) -> list[Ticket]:
    return [ticket for ticket in tickets if ticket.slots == slot.slots]


def _serve_queue(store: Store, slot: Slot, process: child.RunProcess, lock: RunLock) -> None:
    """Until nothing waits, or another store took the place of ours: it has workers of its own."""
    while lock.stands() and _own(tickets := queue.waiting(store, slot.device), slot):
        if tickets[0].slots != slot.slots:  # earlier ones that divide the device otherwise go first
            process.end()
            start_workers(store)
            time.sleep(_LOOK_SECONDS / 2)
        elif queue.free_bytes(store) < LEAST_FREE_BYTES:
            _log(f"the disk of {store.root} is full; waiting for space")
            time.sleep(_LOOK_SECONDS)
        else:
            _take_one(store, slot, tickets, process)


def _take_one(store: Store, slot: Slot, tickets: list[Ticket], process: child.RunProcess) -> None:
    """Runs the first ticket that nobody else takes, once this slot's share of the device is free.

    What waits for long keeps no memory from whoever has the device.
    """
    share = slot.device_lock(store)
    give_up = time.monotonic() + _LOOK_SECONDS
    while not share.acquire():
        if time.monotonic() > give_up:
            process.end()
            return
        time.sleep(_PAUSE_SECONDS)
    try:
        for ticket in tickets:
            if ticket.slots != slot.slots or _run_ticket(
                store, slot, ticket, share=share, process=process, more=len(tickets) > 1
            ):
                return
    finally:
        share.release()


def _run_ticket(
    store: Store,
    slot: Slot,
    ticket: Ticket,
    *,
    share: RunLock,
    process: child.RunProcess,
    more: bool,
) -> bool:
    """Runs one ticket to its end; False if someone else has it or it is no longer wanted."""
    run = Run(store.runs_dir / ticket.run_id)
    lock = RunLock(run.lock_path)
    try:
        if not lock.acquire():
            return False
        if not transitions.still_wanted(run):
            return False
        with lock.guard():
            _run_locked(slot, ticket, run, lock=lock, share=share, process=process, more=more)
    except StoreError as error:
        _log(f"{run.id}: {error}")
        if error.errno in FULL:
            time.sleep(_LOOK_SECONDS)
        elif lock.fd is None or lock.stands():
            _give_up(run, error)
    finally:
        lock.release()
    return True


def _run_locked(
    slot: Slot,
    ticket: Ticket,
    run: Run,
    *,
    lock: RunLock,
    share: RunLock,
    process: child.RunProcess,
    more: bool,
) -> None:
    """Begins a run whose lock this worker holds, and waits for its end."""
    lock.describe(None)
    ticket = dataclasses.replace(ticket, tries=ticket.tries + 1)
    sharing = slot.slots * max(1, len(ticket.devices))
    limit = MOST_THREADS if ticket.threads is None else ticket.threads  # not this worker's own
    execution = {
        "threads": child.threads_of(run, slot.device, limit, slots=sharing, here=cores()),
        "device": slot.device,
        "slots": slot.slots,
        "tries": ticket.tries,
        "launcher": "local",
        **at_start(run, ticket.compile),
    }
    transitions.begin(run, execution)
    root = ticket.data_root
    process.begin(run, lock=lock, share=share, data_root=root, more=more)
    _settle(run, ticket, _ended(run, lock, process))


def _ended(run: Run, lock: RunLock, process: child.RunProcess) -> int:
    """Waits for the run's end; its exit code. No signal that is meant for it reaches the next run.

    Who cancels marks the run first and then reads whom to signal: whoever read it before it was
    taken back here has marked the run by now, and the process takes no other.
    """
    code = process.wait()
    lock.describe(None)
    if run.is_cancelled:
        process.end()
    return 0 if code is None else code


def _settle(run: Run, ticket: Ticket, code: int) -> None:
    """After the child's end: a run that crashed is tried again, three times in all."""
    if transitions.dropped(run) or run.has_failed or code in STOPPED:
        return
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    _log(f"{run.id} {how}, try {ticket.tries} of {TRIES}")
    if ticket.tries < TRIES:
        queue.again(run, ticket)
    else:
        killed = " (the system does so where memory ends)" if code == -signal.SIGKILL else ""
        message = f"the run {how}, {TRIES} times{killed}; log.txt ends with what it said last"
        error = {"type": "Crash", "message": message, "traceback": run.log_tail(20)}
        transitions.fail(run, error)


def _give_up(run: Run, error: StoreError) -> None:
    """A run that cannot be started leaves the queue with its error: it must not block the others."""
    document = {"type": type(error).__name__, "message": str(error), "traceback": ""}
    try:
        transitions.give_up(run, document)
    except StoreError:
        time.sleep(_LOOK_SECONDS)  # looked at again; one that may not be written to is not waiting


def _log(text: str) -> None:
    with contextlib.suppress(OSError):
        print(f"{utc_now()} {text}", flush=True)


def main(arguments: list[str]) -> None:
    root, device, slots, index = arguments
    store = Store(Path(root))
    try:
        serve(store, Slot(device, int(slots), int(index)))
    except FileNotFoundError as error:
        _log(f"the store is gone: {error}")
    except StoreError as error:
        _log(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
