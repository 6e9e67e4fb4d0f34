"""What must not be lost: kills at random moments, a full disk, many launchers, odd neighbours."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ict.files import StoreError
from ict.running import follow, local, queue
from ict.running.batch import wait_all
from ict.store import Run, Store
from tests.toy_runner import expected
from tests.toys import kill, lines, processes, toys, until

pytest_plugins = ("tests.toy_plugin",)


def submit_all(store: Store, runs: list[Run]) -> list[str]:
    return local.submit(store, [run.id for run in runs], slots=2)


def settle(store: Store, runs: list[Run]) -> None:
    """Asks for the runs again until all are done, as a user would.

    Twice, for the last kill may have been the third of one submission: that run ends as failed.
    """
    submit = lambda ids: local.submit(store, ids, slots=2)  # noqa: E731
    for _ in range(2):
        submit_all(store, runs)
        ended = wait_all(store, [run.id for run in runs], submit, quiet=True)
        if set(ended.values()) == {"done"}:
            return
    raise AssertionError(ended)


def check_each_ended_once_as_undisturbed(runs: list[Run]) -> None:
    """One result each, equal to the undisturbed one; the toy itself refuses a second."""
    for run in runs:
        assert run.result().unknown["digest"] == expected(run)
        assert "executed twice" not in run.log_tail()
        assert not run.marked("queued")


def disturb(store: Store, runs: list[Run], kills: int, dice: random.Random) -> int:
    """Kills a random worker or run of the store at `kills` random moments, asking again between."""
    struck = 0
    while struck < kills and any(run.status() != "done" for run in runs):
        submit_all(store, runs)
        time.sleep(dice.uniform(0.0, 0.12))
        victims = processes(store)
        if victims:
            kill(dice.choice(victims))
            struck += 1
    return struck


@pytest.mark.parametrize(
    ("kills", "count"), [(12, 6), pytest.param(100, 40, marks=pytest.mark.slow)]
)
def test_kills_at_random_moments_lose_and_double_nothing(toy_store: Store, kills: int, count: int):
    runs = toys(toy_store, count, steps=8, seconds=0.04, bulk=10_000)
    assert disturb(toy_store, runs, kills, random.Random(7)) == kills
    settle(toy_store, runs)
    check_each_ended_once_as_undisturbed(runs)
    results = {run.id: (run.path / "result.json").stat().st_mtime_ns for run in runs}
    assert submit_all(toy_store, runs) == []  # nothing is left to do, and nothing is done again
    assert {r.id: (r.path / "result.json").stat().st_mtime_ns for r in runs} == results
    litter = [path for run in runs for path in run.path.rglob(".*.tmp")]
    assert len(litter) <= kills  # of the last kill of each run; a resume sweeps the rest


def test_twenty_launchers_at_once_on_the_same_runs(toy_store: Store):
    runs = toys(toy_store, 6, seconds=0.05)
    code = (
        "import sys\nfrom ict.running import local\nfrom ict.running.batch import wait_all\n"
        "from ict.store import Store\nsys.stdin.readline()\nstore = Store()\n"
        "submit = lambda ids: local.submit(store, ids, slots=2)\nsubmit(sys.argv[1:])\n"
        "print(sorted(wait_all(store, sys.argv[1:], submit, quiet=True).values()))"
    )
    command = [sys.executable, "-c", code, *[run.id for run in runs]]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    launchers = [subprocess.Popen(command, **pipes) for _ in range(20)]
    for launcher in launchers:
        launcher.stdin.write("go\n")
        launcher.stdin.flush()
    answers = {launcher.communicate(timeout=90)[0].strip() for launcher in launchers}
    assert answers == {str(["done"] * len(runs))}
    check_each_ended_once_as_undisturbed(runs)
    assert [len(lines(run, "starts.txt")) for run in runs] == [1] * len(runs)


def test_the_launching_process_killed_the_runs_go_on(toy_store: Store):
    runs = toys(toy_store, 3, seconds=0.15)
    code = (
        "import sys, time\nfrom ict.running import local\nfrom ict.store import Store\n"
        "local.submit(Store(), sys.argv[1:])\nprint('submitted', flush=True)\ntime.sleep(60)"
    )
    command = [sys.executable, "-c", code, *[run.id for run in runs]]
    app = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert app.stdout.readline() == "submitted\n"
    os.killpg(app.pid, 9)
    app.wait()
    until(lambda: all(run.status() == "done" for run in runs))
    assert [len(lines(run, "starts.txt")) for run in runs] == [1, 1, 1]


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 12 MiB; skips where this user may not mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "ict-test", str(folder)]
    if shutil.which("mount") is None or subprocess.call(mount, stderr=subprocess.DEVNULL):
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_fills_at_a_random_write_then_has_space_again(
    toy_store: Store, small_disk: Path
):
    store = Store(small_disk / "store")
    runs = toys(store, 6, steps=10, seconds=0.03, bulk=50_000)
    try:
        submit_all(store, runs)
        ballast = small_disk / "ballast"
        for moment in (0.2, 0.35, 0.1):
            time.sleep(moment)
            fill(ballast)
            time.sleep(0.5)
            assert all(run.status() != "done" or run.result() for run in runs)
            with pytest.raises(StoreError, match="the disk is full"):
                submit_all(store, runs)
            ballast.unlink()
            submit_all(store, runs)
        settle(store, runs)
        check_each_ended_once_as_undisturbed(runs)
        assert store.unreadable() == []
    finally:
        for pid in processes(store):
            kill(pid)


def fill(path: Path) -> None:
    """Takes all the space that is left."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def test_a_worker_waits_for_space_instead_of_burning_its_queue(toy_store: Store, small_disk: Path):
    store = Store(small_disk / "store")
    runs = toys(store, 3)
    queue.enqueue(store, runs, slots=1, devices=["cpu"])
    ballast = small_disk / "ballast"
    fill(ballast)
    try:
        with pytest.raises(StoreError):
            queue.check_space(store)
        ballast_kept = ballast.stat().st_size
        os.truncate(ballast, ballast_kept - (1 << 20))  # room for logs, not for a run
        local.start_workers(store)
        time.sleep(0.8)
        assert [run.status() for run in runs] == ["queued"] * 3
        ballast.unlink()
        for run in runs:
            follow.wait(store, run.id)
    finally:
        for pid in processes(store):
            kill(pid)


def test_a_read_only_store_is_one_sentence(toy_store: Store, small_disk: Path):
    store = Store(small_disk / "store")
    run = toys(store, 1)[0]
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError, match="cannot be written to; set ICT_STORE"):
        local.submit(store, [run.id])
    with pytest.raises(StoreError, match="cannot be written to; set ICT_STORE"):
        store.remove(run.id)
    assert [row["status"] for row in store.table()] == ["created"]


def test_a_store_copied_while_runs_were_running_opens_and_goes_on(toy_store: Store, tmp_path: Path):
    runs = toys(toy_store, 3, steps=6, seconds=0.1)
    submit_all(toy_store, runs[:2])
    until(lambda: all((run.path / "checkpoint" / "state.json").exists() for run in runs[:2]))
    shutil.copytree(toy_store.root, tmp_path / "copy")
    copy = Store(tmp_path / "copy")
    statuses = {row["run_id"]: row["status"] for row in copy.table()}
    assert statuses == {runs[0].id: "killed", runs[1].id: "killed", runs[2].id: "created"}
    copied = [copy.run(run.id) for run in runs]
    try:
        settle(copy, copied)
        check_each_ended_once_as_undisturbed(copied)
    finally:
        for pid in processes(copy):
            kill(pid)


def test_foreign_and_half_written_folders_do_not_stop_the_queue(toy_store: Store):
    runs = toys(toy_store, 2)
    for name, files in {
        "foreign": [],
        "half": ["queued"],
        "torn": ["queued", "config.json"],
    }.items():
        folder = toy_store.runs_dir / name
        folder.mkdir()
        for file in files:
            (folder / file).write_text("{")
    submit_all(toy_store, runs)
    for run in runs:
        follow.wait(toy_store, run.id)
    assert {path.name for path, _ in toy_store.unreadable()} == {"foreign", "half", "torn"}
    until(lambda: not processes(toy_store))  # and no worker waits for them


def test_a_removed_run_leaves_the_queue(toy_store: Store):
    first, second, third = toys(toy_store, 3, seconds=0.1)
    local.submit(toy_store, [first.id, second.id, third.id])
    toy_store.remove(second.id)
    follow.wait(toy_store, third.id)
    assert {run.id for run in toy_store.runs()} == {first.id, third.id}
