"""A bench that ends, however it ends, leaves no process and no folder; toy runs on the real launcher."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.own_store import MARK, end_processes, marked_processes, own_store
from ict.running import local
from ict.store import Store
from tests.toys import lines, toys, until

BENCH = """
import sys
from bench.own_store import own_store
from ict.running import local
from tests.toys import toys
with own_store() as store:
    runs = toys(store, 3, seconds=60, deaf=True)
    local.submit(store, [run.id for run in runs])
    input()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where benches make their stores."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("ICT_RUNNER", "tests.toy_runner")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return tmp_path / "temporary"


def processes_of(folder: Path) -> list[int]:
    """Those whose environment names a store in `folder`, found without the bench's own means."""
    found = []
    for one in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if (
                one.name.isdigit()
                and f"ICT_STORE={folder}".encode() in (one / "environ").read_bytes()
            ):
                found.append(int(one.name))
    return found


def begun(folder: Path) -> subprocess.Popen[bytes]:
    """A bench of which a run has begun, with two more in the queue."""
    bench = subprocess.Popen([sys.executable, "-c", BENCH], stdin=subprocess.PIPE)
    until(lambda: bool([*folder.glob("ict-bench-*/store/runs/*/starts.txt")]))
    assert len(processes_of(folder)) >= 2  # a worker and its run, detached
    return bench


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_bench_that_is_stopped_ends_its_runs_and_removes_its_store(folder: Path, number: int):
    bench = begun(folder)
    bench.send_signal(number)
    assert bench.wait(20) == 128 + number
    assert processes_of(folder) == []
    assert [*folder.iterdir()] == []


def fail_in_the_middle() -> None:
    with own_store() as store:
        assert os.environ["ICT_STORE"] == str(store.root)
        (run,) = toys(store, 1, seconds=60)
        local.submit(store, [run.id])
        until(lambda: bool(lines(run, "starts.txt")))
        raise ZeroDivisionError


def test_an_error_ends_them_too_and_the_environment_is_as_before(folder: Path):
    before = {**os.environ}
    with pytest.raises(ZeroDivisionError):
        fail_in_the_middle()
    assert processes_of(folder) == []
    assert [*folder.iterdir()] == []
    assert {**os.environ} == before


def test_what_a_killed_bench_left_the_next_one_removes(folder: Path):
    bench = begun(folder)
    bench.kill()
    bench.wait(20)
    (left,) = folder.glob("ict-bench-*")
    assert marked_processes(left.name)
    with own_store() as store:
        assert not left.exists()
        assert processes_of(left) == []
        with own_store():  # one beside another is let alone
            assert store.root.is_dir()
    assert [*folder.iterdir()] == []


def test_a_store_that_is_kept_keeps_the_runs_of_others(folder: Path, tmp_path: Path):
    kept = Store(tmp_path / "store")
    theirs, ours = toys(kept, 1, prefix="theirs", seconds=60)[0], None
    local.submit(kept, [theirs.id])
    until(lambda: bool(lines(theirs, "starts.txt")))
    try:
        with own_store(kept.root) as store:
            (ours,) = toys(store, 1, prefix="ours", seconds=60)
            local.submit(store, [ours.id])
        assert (theirs.status(), ours.status()) == ("running", "cancelled")
    finally:
        local.cancel(kept, [theirs.id])
    assert kept.root.is_dir()


def test_only_marked_processes_are_ended(folder: Path):
    command = [sys.executable, "-c", "input()"]
    mine, other = (
        subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, MARK: mark})
        for mark in ("ict-bench-a", "ict-bench-ab")
    )
    until(lambda: marked_processes("ict-bench-a") == [mine.pid])
    end_processes("ict-bench-a")
    assert mine.wait(5) == -signal.SIGTERM
    assert other.poll() is None
    other.kill()
    other.wait()
