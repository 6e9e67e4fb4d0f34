"""Device slots: how many runs share a device, guarded by byte ranges of one lock file a device.

A run that was given 1 of N slots locks that N-th part of the device. Runs of different N thus never
take more than the whole device together: two processes whose threads exceed the cores are four
times slower than one after the other.
"""

import re
import socket
from dataclasses import dataclass
from pathlib import Path

from ict.store.locks import RunLock, lock_holder
from ict.store.store import Store

_LENGTH = 55440  # bytes of a whole device; divisible by 1 to 12


@dataclass(frozen=True)
class Slot:
    """Slot `index` of `slots` on `device` of this machine."""

    device: str
    slots: int
    index: int

    @property
    def name(self) -> str:
        return f"{re.sub(r'[^A-Za-z0-9]', '', self.device)}-{self.index + 1}of{self.slots}"

    def log_path(self, store: Store) -> Path:
        return machine_dir(store) / f"{self.name}.log"

    def worker_lock(self, store: Store) -> RunLock:
        """Held by the worker of this slot alone: free means that nobody serves it."""
        return RunLock(machine_dir(store) / f"{self.name}.worker")

    def has_worker(self, store: Store) -> bool:
        return lock_holder(machine_dir(store) / f"{self.name}.worker") is not None

    def device_lock(self, store: Store) -> RunLock:
        """This slot's share of the device; inherited by the run, so it outlives the worker."""
        start = self.index * _LENGTH // self.slots
        end = (self.index + 1) * _LENGTH // self.slots
        device = re.sub(r"[^A-Za-z0-9]", "", self.device)
        path = machine_dir(store) / f"{device}.slots"
        return RunLock(path, start=start, length=end - start)


def machine_dir(store: Store) -> Path:
    """Locks and logs of this machine's workers: other machines may share the store."""
    host = re.sub(r"[^A-Za-z0-9.-]", "_", socket.gethostname()) or "localhost"
    return store.workers_dir / host
