"""Faults of the machine: a clock that jumps, a disk without locks, memory that ends."""

import contextlib
import errno
import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.faults_runner import PARTS
from bench.faults_world import (
    SAID,
    BrokenError,
    Fault,
    Said,
    World,
    ask,
    begin,
    check_nothing_left,
    check_runs,
    end,
    ended,
    train_words,
    until_training,
)
from ict.store import Run, Store

HOOK = Path(__file__).parent / "faults_hook"
DAY, HOUR = 86_400.0, 3_600.0
_MOST_ETA = 3_600.0  # seconds; such a study takes half a minute
_RUNS = 2


def _with_hook() -> str:
    return os.pathsep.join(filter(None, (str(HOOK), os.environ.get("PYTHONPATH"))))


def _jumps(offset: float) -> Callable[[World, int], list[str]]:
    """A study during which the clock of all its processes jumps once, while a run trains."""

    def make(world: World, times: int) -> list[str]:
        outcomes = []
        for _ in range(times):
            with ended(world.store("clock")) as store:
                clock = store.root.with_suffix(".clock")
                clock.write_text("0")
                how = {"ICT_BENCH_CLOCK": str(clock), "PYTHONPATH": _with_hook()}
                _trash_one(store, how)
                words = ["study", "run", world.study_file(range(1, _RUNS + 1))]
                study = begin(store, *words, **how)
                until_training(store)
                time.sleep(world.dice.uniform(0, 1))
                clock.write_text(str(offset))
                _watch(store, study)
                if (said := end(study)).code:
                    raise BrokenError(f"the study failed: {(said.out + said.err)[:200]}")
                outcomes += check_runs(world, store, range(1, _RUNS + 1))
                _check_history(store, how)
                check_nothing_left(store)
        return outcomes

    return make


def _trash_one(store: Store, how: dict[str, str]) -> None:
    """A run that is deleted before the jump: it must stay in the trash."""
    asked = ask(store, *train_words(90), "--dry-run", **how)
    if asked.code:
        raise BrokenError(asked.out[:200])
    run = store.create_run({"run_id": "digits-000000000000", "config": asked.document["config"]})
    if (said := ask(store, "runs", "delete", run.id, **how)).code:
        raise BrokenError((said.out + said.err)[:200])


def _watch(store: Store, study: "subprocess.Popen[str]") -> None:
    """No run is called dead, and no time left is absurd, while its process works."""
    while study.poll() is None:
        for run in map(store.run, store.run_ids()):
            status, live = run.status(), run.live() or {}
            if status in ("killed", "failed", "cancelled"):
                raise BrokenError(f"a run is called {status} after the clock jumped")
            eta = live.get("eta_seconds")
            if eta is not None and not 0 <= eta < _MOST_ETA:
                raise BrokenError(f"a time left of {eta:.0f} s")
        time.sleep(0.05)


def _check_history(store: Store, how: dict[str, str]) -> None:
    """Times that were measured are those of a run of seconds; what was deleted can come back."""
    for run in store.runs():
        result = run.result()
        seconds = [row["seconds"] for row in run.progress()]
        seconds += [result.train_seconds, result.test_seconds] if result else []
        if not all(value is not None and 0 <= value < _MOST_ETA for value in seconds):
            raise BrokenError(f"measured times of {seconds} s")
    other = store.create_run({"run_id": "digits-000000000001", "config": store.runs()[0].config})
    if (said := ask(store, "runs", "delete", other.id, **how)).code:
        raise BrokenError((said.out + said.err)[:200])
    if (said := ask(store, "runs", "restore", "digits-000000000000", **how)).code:
        raise BrokenError(f"what was deleted before the jump is lost: {said.out[:150]}")
    if len(ask(store, "runs", **how).document) != _RUNS + 1:
        raise BrokenError("`ict runs` does not list all runs")


def _no_locks(world: World, times: int) -> list[str]:
    """Commands on a disk without locks, whatever the kernel calls it; then with locks."""
    numbers = (errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)
    study = world.study_file([1])
    words = [*train_words(1), "--wait"]
    asked = (words, ["study", "run", study], ["jobs", "start", "study", "run", study])
    outcomes = []
    with ended(world.store("locks")) as store, _flag(store) as flag:
        for i in range(times):
            number = numbers[i // len(asked) % len(numbers)]
            how = {"ICT_BENCH_NO_LOCKS": f"{number}:{flag}", "PYTHONPATH": _with_hook()}
            said = ask(store, *asked[i % len(asked)], **how)
            said.sentence(str(store.root), "has no locks", "set ICT_STORE")
            if any(run.is_queued or run.execution() for run in map(store.run, store.run_ids())):
                raise BrokenError("a run was queued or begun without locks")
            outcomes.append("one sentence, nothing begun")
        flag.unlink()
        _ends_now(world, store, words, how)
    return outcomes


def _locks_go(world: World, times: int) -> list[str]:
    """The lock service dies under a study and comes back."""
    outcomes = []
    for i in range(times):
        with ended(world.store("lockd")) as store, _flag(store) as flag:
            flag.unlink()
            number = (errno.ENOLCK, errno.EOPNOTSUPP)[i % 2]
            how = {"ICT_BENCH_NO_LOCKS": f"{number}:{flag}", "PYTHONPATH": _with_hook()}
            words = ["study", "run", world.study_file([1, 2])]
            study = begin(store, *words, **how)
            until_training(store)
            time.sleep(world.dice.uniform(0, 1))
            flag.touch()
            said = end(study)
            if said.code:
                said.sentence(str(store.root), "has no locks")
            flag.unlink()
            outcomes += _ends_now(world, store, words, how, seeds=(1, 2))
    return outcomes


def _ends_now(
    world: World,
    store: Store,
    words: list[str],
    how: dict[str, str],
    *,
    seeds: tuple[int, ...] = (1,),
) -> list[str]:
    """Asked again without the fault, each run ends as undisturbed."""
    if (said := ask(store, *words, **how)).code:
        raise BrokenError(f"asked again it fails: {(said.out + said.err)[:200]}")
    check_runs(world, store, seeds)
    check_nothing_left(store)
    return [SAID] * len(seeds)


@contextlib.contextmanager
def _flag(store: Store) -> Iterator[Path]:
    """A file beside the store while which the fault is there."""
    path = store.root.with_suffix(".fault")
    path.touch()
    yield path
    path.unlink(missing_ok=True)


def _memory(world: World, times: int) -> list[str]:
    """The memory of a run's process ends in each of its parts in turn; then it has enough."""
    outcomes = []
    for i in range(times):
        with ended(world.store("memory")) as store, _flag(store) as flag:
            words = [*train_words(1), "--wait"]
            for part in PARTS:
                how = {
                    "ICT_RUNNER": "bench.faults_runner",
                    "ICT_BENCH_MEMORY": f"{part}:{1 << (18 + 2 * (i % 2))}:{flag}",
                }
                ask(store, *words, **how).sentence("memory")
                _check_failed(store.runs()[0])
                outcomes.append(f"{part}: one sentence")
            flag.unlink()
            _ends_now(world, store, words, how)
            outcomes.append("then as undisturbed")
    return outcomes


def _check_failed(run: Run) -> None:
    message = (run.error() or {}).get("message", "")
    if run.status() != "failed" or "memory" not in message or "\n" in message:
        raise BrokenError(f"it is {run.status()} with {message!r}")


def _memory_of_score(world: World, times: int) -> list[str]:
    """`ict score` in an address space that ends at a random size, from the imports on."""
    outcomes = []
    for _ in range(times):
        with ended(world.store("score")) as store:
            size = int(world.dice.uniform(0.3, 1.0) * 3.5e9)
            said = _limited(store, size, "score", "digits", "--limit", str(40))
            if said.code == 0:
                outcomes.append("it was enough")
            else:
                said.sentence("memory")
                outcomes.append("one sentence, and no score is left behind half")
            if len(store.scores()) != (said.code == 0) or store.unreadable():
                raise BrokenError("a score is half there")
            if ask(store, "score", "digits", "--limit", "40").code:
                raise BrokenError("with memory it fails, too")
            check_nothing_left(store)
    return outcomes


def _limited(store: Store, size: int, *words: str) -> Said:
    process = begin(store, *words)
    resource.prlimit(process.pid, resource.RLIMIT_AS, (size, size))
    return end(process)


_CLOCK = (
    "the clock of all processes of a study, and of the files they write, jumps while a run trains"
)
_CLOCK_MUST = (
    "no run is called dead, no time left or measured is negative or of hours, what was deleted before "
    "stays in the trash; results bit for bit as undisturbed"
)
_MEMORY = (
    "`RLIMIT_AS` of the run's process is what it has, and all but 256 KiB or 1 MiB of it is taken"
)
_MEMORY_MUST = "the run stands as failed with one sentence; asked again without the limit it ends as undisturbed"
_LOCK_MUST = "one sentence that names the place and what to do; nothing begins; with locks it ends as undisturbed"
FAULTS = [
    Fault(name="clock-day-on", what="the clock jumps a day ahead", how=_CLOCK, must=_CLOCK_MUST, times=1, quick=0,
          make=_jumps(DAY)),
    Fault(name="clock-day-back", what="the clock jumps a day back", how=_CLOCK, must=_CLOCK_MUST, times=1, quick=0,
          make=_jumps(-DAY)),
    Fault(name="clock-hour-back", what="the clock jumps an hour back", how=_CLOCK, must=_CLOCK_MUST, times=1,
          quick=1, make=_jumps(-HOUR)),
    Fault(name="clock-months-on", what="the clock jumps forty days ahead", how=_CLOCK, must=_CLOCK_MUST, times=1,
          quick=0, make=_jumps(40 * DAY)),
    Fault(name="no-locks", what="a disk without locks", how="`fcntl` and `flock` say ENOLCK, EOPNOTSUPP or EINVAL",
          must=_LOCK_MUST, times=9, quick=3, make=_no_locks),
    Fault(name="locks-go", what="the lock service dies under a study", how="as above, from a random moment on",
          must="one sentence, or the end; no run begins twice; with locks all end as undisturbed", times=2, quick=0,
          make=_locks_go),
    Fault(name="memory-run", what="memory ends while a run scores, trains, is tested", how=_MEMORY,
          must=_MEMORY_MUST, times=2, quick=1, make=_memory),
    Fault(name="memory-score", what="memory ends in `ict score`", how="`RLIMIT_AS` of 1 to 3.5 GB",
          must="one sentence; no half score; without the limit it scores", times=4, quick=0, make=_memory_of_score),
]  # fmt: skip
