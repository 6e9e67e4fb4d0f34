"""Local runs: the queue, the slots, cancel, resume, crashes; toy runs on the real launcher."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from ict.errors import IctError
from ict.machine import cores
from ict.running import follow, local, queue
from ict.running.slots import Slot
from ict.store import Run, Store, atomic_write_json
from ict.store.locks import RunLock
from tests.toy_runner import expected
from tests.toys import kill, lines, processes, toys, until

pytest_plugins = ("tests.toy_plugin",)
FAKE = ("fake:0", "fake:1", "fake:2")


def finish(store: Store, runs: list[Run]) -> None:
    for run in runs:
        follow.wait(store, run.id)


def test_submit_returns_at_once_and_everything_is_done(toy_store: Store):
    runs = toys(toy_store, 6, seconds=0.2)
    assert local.submit(toy_store, [run.id for run in runs], slots=2) == [run.id for run in runs]
    assert any(run.status() != "done" for run in runs)
    finish(toy_store, runs)
    for run in runs:
        assert run.result().unknown["digest"] == expected(run)
        assert len(lines(run, "starts.txt")) == 1
    until(lambda: not processes(toy_store))  # workers end when nothing is queued


def test_what_is_done_running_or_queued_is_not_queued_again(toy_store: Store):
    done, running, waiting = toys(toy_store, 3, seconds=0.2)
    local.submit(toy_store, [done.id])
    finish(toy_store, [done])
    local.submit(toy_store, [running.id, waiting.id])
    until(lambda: running.status() == "running")
    before = (waiting.path / "queued").read_bytes()
    assert local.submit(toy_store, [done.id, running.id, waiting.id, waiting.id]) == []
    assert (waiting.path / "queued").read_bytes() == before
    assert local.alive(toy_store, [done.id, running.id, waiting.id]) == {running.id}


def test_oldest_first_also_when_the_clock_jumps(toy_store: Store):
    runs = toys(toy_store, 5, seconds=0.01)
    order = [3, 0, 4, 1, 2]
    blocker = RunLock(Slot("cpu", 1, 0).device_lock(toy_store).path)
    blocker.path.parent.mkdir(parents=True)
    assert blocker.acquire()
    for i, number in enumerate(order):
        local.submit(toy_store, [runs[number].id])
        when = time.time() + (-1) ** i * 86400 * (i + 1)  # a day ahead, two days back, …
        os.utime(runs[number].path / "queued", (when, when))
    blocker.release()
    finish(toy_store, runs)
    begun = {float(lines(run, "spans.txt")[0][0]): i for i, run in enumerate(runs)}
    assert [begun[moment] for moment in sorted(begun)] == order


def test_twenty_submits_at_once_execute_once(toy_store: Store):
    run = toys(toy_store, 1, seconds=0.1)[0]
    code = (
        "import sys\nfrom ict.running import local, follow\nfrom ict.store import Store\n"
        "sys.stdin.readline()\nstore = Store()\nlocal.submit(store, [sys.argv[1]])\n"
        "print(follow.wait(store, sys.argv[1]).result().unknown['digest'])"
    )
    command = [sys.executable, "-c", code, run.id]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    launchers = [subprocess.Popen(command, **pipes) for _ in range(20)]
    time.sleep(0.5)
    for launcher in launchers:
        launcher.stdin.write("go\n")
        launcher.stdin.flush()
    answers = [launcher.communicate(timeout=60)[0].strip() for launcher in launchers]
    assert answers == [expected(run)] * 20
    assert len(lines(run, "starts.txt")) == 1


def test_two_devices_are_both_busy_and_never_exceed_their_slots(
    toy_store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    runs = toys(toy_store, 12, seconds=0.08, together=4)
    local.submit(toy_store, [run.id for run in runs], slots=2, device=["fake:0", "fake:1"])
    finish(toy_store, runs)
    spans = [tuple(lines(run, "spans.txt")[0]) for run in runs]
    for device in ("fake:0", "fake:1"):
        mine = [(float(a), float(b)) for a, b, where in spans if where == device]
        assert len(mine) >= 4
        assert max_overlap(mine) == 2
    assert max_overlap([(float(a), float(b)) for a, b, _ in spans]) >= 3
    threads = {run.execution()["threads"] for run in runs}
    assert threads == {max(1, cores() // 4)}


LENGTHS = (1, 1, 2, 2, 3, 3, 6)  # × 0.15 s: 18 in all, on three devices 6 at best


def several(store: Store) -> list[Run]:
    """One run of each of LENGTHS, told from each other by their epochs as real ones are."""
    made = [
        toys(store, 1, prefix=f"run{i}", steps=0, seconds=0.15, epochs=length)
        for i, length in enumerate(LENGTHS)
    ]
    return [run for (run,) in made]


def test_on_several_devices_the_longest_go_first_and_none_is_idle_while_a_run_waits(
    toy_store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ict.running.local.choose_devices", lambda *_, **__: FAKE)
    runs = several(toy_store)
    ids = [run.id for run in runs]
    assert local.submit(toy_store, ids) == ids
    assert [ticket.run_id for ticket in queue.waiting(toy_store)][-2:] == ids[:2]
    finish(toy_store, runs)
    spans = [lines(run, "spans.txt")[0] for run in runs]
    assert {len(lines(run, "starts.txt")) for run in runs} == {1}
    by_device = {device: [] for device in FAKE}
    for (begin, end, device), length in zip(spans, LENGTHS, strict=True):
        by_device[device].append((float(begin), float(end), length))
    assert [max_overlap([one[:2] for one in mine]) for mine in by_device.values()] == [1, 1, 1]
    # Graham's bound, 4/3 of the best; in the order asked for the last would end after 10 of 18.
    assert max(sum(one[2] for one in mine) for mine in by_device.values()) <= 8
    turns = [[one[2] for one in sorted(mine)] for mine in by_device.values()]
    assert sorted(mine[0] for mine in turns) == [3, 3, 6]
    assert turns == [sorted(mine, reverse=True) for mine in turns]
    last_begin = max(float(span[0]) for span in spans)
    assert all(max(one[1] for one in mine) > last_begin - 2 for mine in by_device.values())


def test_on_one_device_and_of_what_is_asked_for_later_the_first_come_goes_first(toy_store: Store):
    runs = several(toy_store)
    queue.enqueue(toy_store, runs[:3], slots=1, devices=["cpu"])
    queue.enqueue(toy_store, runs[3:5], slots=1, devices=FAKE)
    queue.enqueue(toy_store, runs[5:], slots=1, devices=FAKE)
    order = [ticket.run_id for ticket in queue.waiting(toy_store)]
    assert order == [runs[i].id for i in (0, 1, 2, 4, 3, 6, 5)]


def test_a_run_has_the_threads_that_it_was_asked_for_with_unless_it_began_with_others(
    toy_store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    asked, from_environment, resumed = toys(toy_store, 3)
    atomic_write_json(resumed.execution_path, {"threads": 2, "device": "cpu", "slots": 1})
    local.submit(toy_store, [asked.id, resumed.id], threads=1)
    local.submit(toy_store, [from_environment.id])
    finish(toy_store, [asked, from_environment, resumed])
    given = [lines(run, "starts.txt")[0][2] for run in (asked, from_environment, resumed)]
    assert given == ["1", str(min(2, cores())), "2"]
    assert "keeps the 2 threads of its first start, more than the 1 allowed" in resumed.log_tail()
    assert "keeps" not in asked.log_tail()


def max_overlap(spans: list[tuple[float, float]]) -> int:
    """How many of these intervals ran at once, at most."""
    return max(sum(a <= start < b for a, b in spans) for start, _ in spans)


def test_runs_that_divide_a_device_differently_never_share_it(
    toy_store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    whole = toys(toy_store, 2, prefix="whole", seconds=0.05)
    halves = toys(toy_store, 4, prefix="half", seconds=0.05)
    local.submit(toy_store, [whole[0].id], slots=1)
    local.submit(toy_store, [run.id for run in halves], slots=2)
    local.submit(toy_store, [whole[1].id], slots=1)
    finish(toy_store, whole + halves)
    for run in whole:
        begun, ended = map(float, lines(run, "spans.txt")[0][:2])
        for other in halves:
            a, b = map(float, lines(other, "spans.txt")[0][:2])
            assert b <= begun or ended <= a
    assert [run.execution()["threads"] for run in (whole[0], halves[0])] == [
        cores(),
        max(1, cores() // 2),
    ]


def test_a_dead_worker_frees_neither_its_run_nor_its_slot(toy_store: Store):
    first, second = toys(toy_store, 2, seconds=0.4)
    local.submit(toy_store, [first.id, second.id])
    until(lambda: bool(lines(first, "starts.txt")))
    kill(first.execution()["pid"])
    until(lambda: not Slot("cpu", 1, 0).has_worker(toy_store))
    assert first.status() == "running"
    assert not Slot("cpu", 1, 0).device_lock(toy_store).acquire()
    assert local.start_workers(toy_store) == 1
    time.sleep(0.3)
    assert second.status() == "queued"  # the new worker waits for the orphan's slot
    finish(toy_store, [first, second])
    assert (
        max_overlap([tuple(map(float, lines(r, "spans.txt")[0][:2])) for r in (first, second)]) == 1
    )
    assert [len(lines(run, "starts.txt")) for run in (first, second)] == [1, 1]


def test_killed_with_its_worker_then_resumed_gives_the_same(toy_store: Store):
    run = toys(toy_store, 1, steps=8, seconds=0.1)[0]
    local.submit(toy_store, [run.id], slots=2)
    until((run.path / "checkpoint" / "state.json").exists)
    kill(run.execution()["pid"])
    kill(run.holder()["pid"])
    until(lambda: run.status() == "killed")
    time.sleep(0.2)
    assert run.status() == "killed"
    with pytest.raises(IctError, match="was killed; `ict resume"):
        follow.wait(toy_store, run.id)
    threads = run.execution()["threads"]
    local.submit(toy_store, [run.id], slots=1)
    finish(toy_store, [run])
    assert run.result().unknown["digest"] == expected(run)
    assert run.execution()["threads"] == threads  # as at its first start, whatever is asked now


@pytest.mark.parametrize(("crashes", "status"), [(2, "done"), (3, "failed")])
def test_a_crashing_run_is_tried_three_times(toy_store: Store, crashes: int, status: str):
    run = toys(toy_store, 1, crash=crashes)[0]
    local.submit(toy_store, [run.id])
    assert follow.until_ended(toy_store, run) == status
    assert len(lines(run, "starts.txt")) == 3
    if status == "failed":
        assert run.error()["message"].startswith("the run was killed by signal 9, 3 times")
        local.submit(toy_store, [run.id])  # asked again: three new tries, and the last goes through
        finish(toy_store, [run])
        assert run.error() is None


def test_a_run_that_fails_with_a_reason_is_not_tried_again(toy_store: Store):
    run = toys(toy_store, 1, fail="k=900: ict_tiny has 192 channels")[0]
    local.submit(toy_store, [run.id])
    with pytest.raises(IctError, match="failed: k=900: ict_tiny has 192 channels"):
        follow.wait(toy_store, run.id)
    assert len(lines(run, "starts.txt")) == 1


@pytest.mark.parametrize("deaf", [False, True])
def test_cancel_ends_what_runs_and_what_waits_at_once(toy_store: Store, deaf: bool):
    running, waiting = toys(toy_store, 2, steps=1000, seconds=0.05, deaf=deaf)
    local.submit(toy_store, [running.id, waiting.id])
    until((running.path / "checkpoint" / "state.json").exists)
    begun = time.monotonic()
    assert local.cancel(toy_store, [running.id, waiting.id]) == [running.id, waiting.id]
    assert (
        time.monotonic() - begun < 6.0
    )  # 1.2 s of grace and a kill, on a machine full of other work
    assert [running.status(), waiting.status()] == ["cancelled", "cancelled"]
    until(lambda: not processes(toy_store))
    assert local.cancel(toy_store, [running.id]) == []
    with pytest.raises(IctError, match="was cancelled"):
        follow.wait(toy_store, running.id)
    assert local.submit(toy_store, [running.id]) == [running.id]
    until(lambda: running.status() == "running")


def test_a_terminated_run_is_not_restarted_behind_ones_back(toy_store: Store):
    run = toys(toy_store, 1, steps=1000, seconds=0.05)[0]
    local.submit(toy_store, [run.id])
    until((run.path / "checkpoint" / "state.json").exists)
    os.kill(run.holder()["pid"], signal.SIGTERM)
    until(lambda: not processes(toy_store))
    assert run.status() == "killed"


def test_no_worker_is_started_in_vain_where_the_disk_has_no_locks(
    toy_store: Store, monkeypatch: pytest.MonkeyPatch
):
    """Those that wait would wait for ever, as nobody reads what the workers say."""
    queue.enqueue(toy_store, toys(toy_store, 1), slots=1, devices=["cpu"])

    def no_locks(*_: object) -> int:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("ict.store.locks._control", no_locks)
    with pytest.raises(IctError, match="has no locks; set ICT_STORE"):
        local.start_workers(toy_store)
    assert processes(toy_store) == []
