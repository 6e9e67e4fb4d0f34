"""A worker's process takes one run after the other, and each run is as in a process of its own: toys."""

import json
import os
import random
import signal
import time
from collections import Counter

import pytest

from ict.running import follow, local
from ict.running.run_process import RunProcess
from ict.running.warm import outgrown
from ict.running.worker import _ended
from ict.store import Run, Store, transitions
from ict.store.locks import RunLock
from tests.toy_runner import expected
from tests.toys import kill, lines, processes, toys, until

pytest_plugins = ("tests.toy_plugin",)


@pytest.fixture
def process(toy_store: Store):
    process = RunProcess(toy_store)
    yield process
    process.end()


def pid_of(run: Run) -> str:
    """Of the process that executed the run last."""
    return lines(run, "starts.txt")[-1][0]


def begin(process: RunProcess, run: Run, *, threads: int = 1, root: str | None = None) -> RunLock:
    """Starts the run as a worker does; gives its lock."""
    lock = RunLock(run.lock_path)
    assert lock.acquire()
    transitions.begin(run, {"threads": threads, "device": "cpu", "slots": 1})
    process.begin(run, lock=lock, data_root=root)
    return lock


def execute(
    process: RunProcess, *runs: Run, threads: int = 1, root: str | None = None
) -> list[int]:
    """Their exit codes."""
    codes = []
    for run in runs:
        with begin(process, run, threads=threads, root=root) as lock:
            codes.append(_ended(run, lock, process))
    return codes


def test_runs_of_a_queue_share_a_process_and_their_locks_are_their_own(toy_store: Store):
    runs = toys(toy_store, 4, seconds=0.05)
    local.submit(toy_store, [run.id for run in runs])
    for run in runs:
        follow.wait(toy_store, run.id)
        assert run.result().unknown["digest"] == expected(run)
    assert len({pid_of(run) for run in runs}) == 1
    until(lambda: all(run.holder() is None for run in runs))
    until(lambda: not processes(toy_store))


def test_each_log_holds_what_its_run_said_and_nothing_else(toy_store: Store):
    runs = toys(toy_store, 3)
    local.submit(toy_store, [run.id for run in runs])
    for run in runs:
        follow.wait(toy_store, run.id)
    assert [run.log_path.read_text() for run in runs] == [f"toy {run.id}\n" for run in runs]


@pytest.mark.parametrize(
    "ends_badly",
    [{"fail": "no"}, {"crash": 1}, {"leak": 600 << 20}],
    ids=["fails", "dies", "grows"],
)
def test_after_a_run_that_left_its_process_unfit_the_next_starts_a_new_one(
    toy_store: Store, process: RunProcess, ends_badly: dict
):
    good, bad, after, last = toys(toy_store, 4)
    toy = {**bad.record, "toy": {**bad.record["toy"], **ends_badly}}
    bad.config_path.write_text(json.dumps(toy))
    codes = execute(process, good, bad, after, last)
    assert codes[1] == (0 if "leak" in ends_badly else 1 if "fail" in ends_badly else -9)
    assert [codes[0], *codes[2:]] == [0, 0, 0]
    assert pid_of(good) == pid_of(bad)
    assert pid_of(after) == pid_of(last) != pid_of(bad)
    assert after.result().unknown["digest"] == expected(after)


def test_what_it_was_started_with_is_what_a_run_needs(toy_store: Store, process: RunProcess):
    runs = toys(toy_store, 5)
    execute(process, *runs[:2])
    execute(process, runs[2], threads=2)
    execute(process, *runs[3:], threads=2, root="/data")
    one, two, other_threads, other_root, same = map(pid_of, runs)
    assert one == two
    assert other_root == same
    assert len({one, other_threads, other_root}) == 3
    assert [run.result().threads for run in runs] == [1, 1, 2, 2, 2]
    assert [lines(run, "world.txt")[0][0] for run in runs] == ["None"] * 3 + ["/data"] * 2


def test_a_run_finds_the_environment_and_the_folder_that_the_first_found(
    toy_store: Store, process: RunProcess
):
    careless, after = toys(toy_store, 2, leaves=True)
    execute(process, careless, after)
    assert pid_of(careless) == pid_of(after)
    assert lines(after, "world.txt") == lines(careless, "world.txt")


def test_killed_three_times_at_random_moments_each_run_ends_once_and_the_same(toy_store: Store):
    """`toy_runner` fails a run that is executed after it has a result."""
    dice = random.Random(20)
    runs = toys(toy_store, 6, steps=6, seconds=0.03)
    local.submit(toy_store, [run.id for run in runs])
    kills: Counter[str] = Counter()
    for _ in range(3):
        time.sleep(dice.uniform(0.1, 0.5))
        for run in runs:
            if (holder := run.holder()) and holder["pid"]:
                kills[run.id] += 1
                kill(holder["pid"])
    for run in runs:
        follow.wait(toy_store, run.id)
        assert run.result().unknown["digest"] == expected(run)
        assert len(lines(run, "starts.txt")) <= 1 + kills[run.id]


def test_when_the_worker_dies_its_process_finishes_the_run_and_takes_no_other(toy_store: Store):
    first, second = toys(toy_store, 2, seconds=0.3)
    local.submit(toy_store, [first.id, second.id])
    until(lambda: bool(lines(first, "starts.txt")))
    kill(first.execution()["pid"])
    until(lambda: first.status() == "done")
    until(lambda: not processes(toy_store))
    assert second.status() == "queued"


def test_a_signal_between_two_runs_stops_neither(toy_store: Store, process: RunProcess):
    first, second = toys(toy_store, 2)
    assert execute(process, first) == [0]
    os.kill(int(pid_of(first)), signal.SIGTERM)
    assert execute(process, second) == [0]
    assert pid_of(second) != pid_of(first)
    assert [run.status() for run in (first, second)] == ["done", "done"]


def test_a_cancel_that_comes_as_its_run_ends_does_not_reach_the_next(
    toy_store: Store, process: RunProcess
):
    """Who cancels marks, reads whom to signal, and signals: here it was slow before the last."""
    late, after = toys(toy_store, 2)
    lock = begin(process, late)
    until(lambda: late.is_done)
    transitions.mark_cancelled(late)
    asked_to_signal = late.holder()["pid"]
    assert _ended(late, lock, process) == 0
    assert late.holder()["pid"] is None
    lock.release()
    with begin(process, after) as lock:
        assert process._child.process.pid != asked_to_signal
        assert _ended(after, lock, process) == 0


@pytest.mark.parametrize("deaf", [False, True])
def test_cancel_stops_the_run_of_now_and_the_next_one_goes_on(toy_store: Store, deaf: bool):
    runs = toys(toy_store, 3, steps=4, seconds=0.02)
    long = toys(toy_store, 1, prefix="long", steps=1000, seconds=0.05, deaf=deaf)[0]
    local.submit(toy_store, [runs[0].id, long.id, runs[1].id, runs[2].id])
    until(lambda: long.status() == "running" and bool(lines(long, "starts.txt")))
    assert pid_of(long) == pid_of(runs[0])
    begun = time.monotonic()
    assert local.cancel(toy_store, [long.id]) == [long.id]
    assert long.status() == "cancelled"
    assert time.monotonic() - begun < 6.0  # 2 s on a machine with nothing else to do
    for run in runs:
        follow.wait(toy_store, run.id)
    assert pid_of(runs[1]) == pid_of(runs[2]) != pid_of(long)


def test_memory_may_grow_to_twice_what_the_first_run_left_or_by_256_mib():
    mib = 1 << 20
    assert not outgrown(100 * mib, 356 * mib)
    assert outgrown(100 * mib, 357 * mib)
    assert not outgrown(600 * mib, 1200 * mib)
    assert outgrown(600 * mib, 1201 * mib)
