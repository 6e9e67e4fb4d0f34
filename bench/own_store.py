"""A store for one bench alone: when the bench ends, however it ends, so do its runs, and the store is gone.

SIGINT, SIGTERM and SIGHUP become an exception, so that the end is the same as that of an error. What
SIGKILL or a lost machine leaves behind, the next bench that starts finds by its free lock and removes.
Processes are known by an environment variable that they inherit: workers and runs are detached, and no
child of a bench.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from ict.errors import IctError
from ict.files import make_folder
from ict.running import local
from ict.store import Store
from ict.store.locks import RunLock

MARK = "ICT_BENCH"  # environment: which bench a process belongs to
_PREFIX = "ict-bench-"
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE_SECONDS = 2.0  # from SIGTERM to SIGKILL
_UNFINISHED = ("queued", "running")


@contextlib.contextmanager
def own_store(kept: Path | None = None) -> Iterator[Store]:
    """An empty store in a folder of its own, which `$ICT_STORE` of this process and its children names.

    `kept` names a store that stays: there only what this bench started ends with it.
    """
    with _stopped_by_signals(), _own_folder() as folder:
        store = Store(kept or make_folder(folder / "store"))
        before = {run.id for run in store.runs() if run.status() in _UNFINISHED} if kept else set()
        with _environment(ICT_STORE=str(store.root), **{MARK: folder.name}):
            try:
                yield store
            finally:
                with _deaf():
                    _end(store, before, mark=folder.name)


def _end(store: Store, before: set[str], *, mark: str) -> None:
    """Cancels what runs and waits in the store beside `before`, and ends what is left of the bench."""
    try:
        local.cancel(store, [run_id for run_id in store.run_ids() if run_id not in before])
    finally:
        end_processes(mark)


def end_processes(mark: str) -> None:
    """Ends every process that carries `mark`, but this one: politely, then not; returns when all are gone."""
    deadline = time.monotonic() + _GRACE_SECONDS
    told: set[int] = set()
    while found := marked_processes(mark):
        late = time.monotonic() > deadline
        for pid in found:
            if late or pid not in told:
                told.add(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        time.sleep(0.02)


def marked_processes(mark: str) -> list[int]:
    """Those of this user whose environment names the bench; zombies have none."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):  # another user's, or gone meanwhile
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found


@contextlib.contextmanager
def _own_folder() -> Iterator[Path]:
    """A new folder, held by a lock beside it that is taken before the folder is there."""
    parent = Path(tempfile.gettempdir())
    remove_abandoned(parent)
    folder = parent / f"{_PREFIX}{secrets.token_hex(6)}"
    with RunLock(_lock_of(folder)):
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            with _deaf():
                _remove(folder)


def remove_abandoned(parent: Path) -> None:
    """Ends and removes what benches left in `parent` that could not do it themselves."""
    for path in sorted(parent.glob(f".{_PREFIX}*.lock")):
        lock = RunLock(path)
        with contextlib.suppress(IctError, OSError):  # another user's, or just removed
            if path.stat().st_uid == os.getuid() and lock.acquire():
                folder = path.with_name(path.stem.removeprefix("."))
                end_processes(folder.name)
                _remove(folder)
        lock.release()


def _remove(folder: Path) -> None:
    """The lock goes last: as long as it is there, the folder will be looked for."""
    shutil.rmtree(folder, ignore_errors=True)
    if not os.path.lexists(folder):
        _lock_of(folder).unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


@contextlib.contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Signals that stop a process raise SystemExit with the code that a shell gives them."""

    def stop(number: int, _frame: FrameType | None) -> None:
        for one in _STOPPING:  # what follows is short, and is not to be stopped half-way
            signal.signal(one, signal.SIG_IGN)
        raise SystemExit(128 + number)

    with _handling(stop):
        yield


@contextlib.contextmanager
def stopped_with_us(words: Sequence[str], **how: Any) -> Iterator[subprocess.Popen[Any]]:
    """A bench as a child process: a signal that stops this process stops it too, and waits for its end."""
    with _stopped_by_signals(), subprocess.Popen(words, **how) as child:
        try:
            yield child
        finally:
            with _deaf():
                if child.poll() is None:
                    child.terminate()
                    child.communicate()


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Without signals that stop: half of a clean-up would leave runs behind."""
    with _handling(signal.SIG_IGN):
        yield


@contextlib.contextmanager
def _handling(handler: "signal._HANDLER") -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _STOPPING}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
