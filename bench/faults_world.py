"""What each fault of `bench.faults` works with: a store of its own, commands, processes, the undisturbed study.

A fault is tried several times; each try ends in a few words, which are counted. What must not happen
raises `BrokenError`, whose sentence is counted among the outcomes and shows in the table.
"""

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.own_store import marked_processes
from ict.files import TEMPORARY
from ict.store import Run, Store
from ict.store.locks import lock_holder
from tests.running.outcomes import outcome

LIMIT, EPOCHS = 20, 2
UNDISTURBED = "ended once, as undisturbed"
SAID = "one sentence; then as undisturbed"
_STUDY = """name = "{name}"
[base]
task = "digits"
limit = {limit}
epochs = {epochs}
batch_size = 8
[grid]
seed = {seeds}
"""
_LOCKS = ("*lock", "*.worker", "*.slots", "*.turn")
_PATIENCE = 240.0  # seconds that anything may take before it counts as hanging


class BrokenError(Exception):
    """Something that must hold does not; a sentence."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row of the table, before it is tried."""

    name: str
    what: str
    how: str
    must: str
    times: int
    """Tries of a full bench."""
    quick: int
    """Tries with --quick; 0: left out."""
    make: "Callable[[World, int], list[str]]"
    """Tries it so many times; gives the outcomes."""


@dataclass(frozen=True)
class World:
    """Where faults are made; `dice` is seeded for each fault."""

    folder: Path
    quiet: Store
    """Holds the runs of the study, as they end when nothing disturbs them."""
    seeds: range
    """Of the study."""
    dice: random.Random = field(default_factory=random.Random)

    def store(self, name: str) -> Store:
        """An empty store."""
        place = self.folder / f"{name}-{self.dice.randrange(1 << 32):08x}"
        return Store(place)

    def study_file(self, seeds: Sequence[int], name: str = "faults") -> str:
        path = self.folder / f"{name}-{len(seeds)}.toml"
        path.write_text(_STUDY.format(name=name, limit=LIMIT, epochs=EPOCHS, seeds=list(seeds)))
        return str(path)


def train_words(seed: int) -> list[str]:
    """`ict` words for the run of the study that has this seed."""
    words = ["train", "digits", "--limit", str(LIMIT), "--seed", str(seed)]
    return [*words, "--set", f"epochs={EPOCHS}", "--set", "batch_size=8"]


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    def sentence(self, *parts: str) -> str:
        """The one sentence of a command that failed; BrokenError unless it is one, and names all `parts`."""
        if self.code == 0:
            raise BrokenError(f"a command that had to fail ended well: {self.out[:200]}")
        if "Traceback" in self.out + self.err:
            raise BrokenError(f"a traceback: {self.err.strip().splitlines()[-1][:200]}")
        try:
            error = str(self.document["error"])
        except (ValueError, KeyError, TypeError):
            raise BrokenError(f"no sentence: {(self.out + self.err)[:200]!r}") from None
        if "\n" in error or (missing := [part for part in parts if part not in error]):
            raise BrokenError(f"{error!r} does not say {missing if parts else 'it in one line'}")
        return error


def begin(store: Store, *words: str, **environment: str) -> "subprocess.Popen[str]":
    """Starts `ict WORDS --json` on a store, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "ict", *words, "--json"],
        env={**os.environ, "ICT_STORE": str(store.root), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end(process: "subprocess.Popen[str]") -> Said:
    """Waits for a command that was begun; BrokenError if it hangs."""
    try:
        out, err = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise BrokenError(f"it hung for {_PATIENCE:.0f} s") from None
    return Said(process.returncode, out, err)


def ask(store: Store, *words: str, **environment: str) -> Said:
    return end(begin(store, *words, **environment))


def processes(store: Store) -> dict[int, str]:
    """Process id → `study`, `worker`, `run` or `other`, of what works on the store for this bench."""
    found = {}
    for pid in marked_processes(os.environ["ICT_BENCH"]):
        with contextlib.suppress(OSError):
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if f"ICT_STORE={store.root}".encode() in environment:
                found[pid] = _kind(words)
    return found


def _kind(words: Sequence[bytes]) -> str:
    if any(word.endswith(b".worker") for word in words):
        return "worker"
    if b"ict.running.warm" in words:
        return "run"
    return "study" if b"study" in words else "other"


def kill(pids: Sequence[int]) -> bool:
    """SIGKILL to each; whether there was one."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(pids)


def until(condition: Callable[[], bool], what: str, seconds: float = _PATIENCE) -> None:
    """Waits for `condition`; BrokenError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise BrokenError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


def until_training(store: Store, count: int = 1) -> Run:
    """Waits until `count` runs have begun and one trains; gives that one."""
    training: list[Run] = []

    def trains() -> bool:
        runs = [run for run in map(store.run, store.run_ids()) if run.execution()]
        if len(runs) >= count:
            training[:] = [one for one in runs if (one.live() or {}).get("phase") == "training"]
            training[:] = [one for one in training if one.status() == "running"]
        return bool(training)

    until(trains, "a run trains")
    return training[0]


def settle(store: Store) -> None:
    """Waits until no process works on the store any more, and no lock of it is held.

    A process that is just being started shows neither its words nor its environment.
    """
    quiet = lambda: not processes(store) and not held(store)  # noqa: E731
    until(quiet, f"all processes of the store end; held: {held(store)[:2]}")


def held(store: Store) -> list[Path]:
    """The lock files of a store that somebody holds."""
    try:
        locks = [path for kind in _LOCKS for path in store.root.rglob(kind)]
    except OSError:  # a folder went while it was looked through
        return [store.root]
    return [path for path in locks if lock_holder(path) is not None]


def check_runs(world: World, store: Store, seeds: Sequence[int]) -> list[str]:
    """One outcome for each run of the study: BrokenError unless it ended once and as in the quiet store."""
    by_seed = {run.config["seed"]: run for run in world.quiet.runs()}
    found = []
    for seed in seeds:
        run = store.run(by_seed[seed].id)
        if (status := run.status()) != "done":
            raise BrokenError(f"seed {seed} is {status}: {run.error() or run.log_tail(3)}")
        if (ends := run.log_path.read_text().count("done in ")) > 1:  # 0: killed before it said so
            raise BrokenError(f"seed {seed} ended {ends} times")
        if outcome(run) != outcome(by_seed[seed]):
            raise BrokenError(f"seed {seed} has other numbers than undisturbed")
        found.append(UNDISTURBED)
    return found


def check_nothing_left(store: Store) -> None:
    """BrokenError where a lock stays held, a temporary or half file lies, or a done run keeps what it needs no more."""
    settle(store)
    litter = [*store.root.rglob(f".*{TEMPORARY}"), *store.root.rglob(".removed-*")]
    for run in map(store.run, store.run_ids()):
        if run.is_done:
            extra = ("checkpoint", "queued", "live.json", "error.json", "cancelled")
            litter += [run.path / name for name in extra if run.marked(name)]
    if litter:
        names = [str(path.relative_to(store.root)) for path in litter[:4]]
        raise BrokenError(f"left behind: {', '.join(names)}")
    if odd := store.unreadable():
        raise BrokenError(f"cannot be read: {odd[0]}")


def content(store: Store) -> dict[str, str]:
    """Digest of every file of a store but logs and locks."""
    kept = (path for path in store.root.rglob("*") if path.is_file())
    return {
        str(path.relative_to(store.root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in kept
        if not path.name.endswith(("lock", ".log", ".worker", ".slots", "log.txt"))
    }


@contextlib.contextmanager
def ended(store: Store) -> Iterator[Store]:
    """Whatever happens in the block, nothing works on the store after it."""
    try:
        yield store
    finally:
        while pids := [*processes(store)]:
            kill(pids)
            time.sleep(0.02)
