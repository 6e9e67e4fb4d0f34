"""Locks: exclusive, inherited, freed by death, and asked for without being taken."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ict.errors import IctError
from ict.store.locks import (
    LOCK_FD,
    RunLock,
    is_process,
    lock_holder,
    start_ticks,
    written_holder,
)


def spawn(code: str, *arguments: object, **options: object) -> subprocess.Popen:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


TAKE = """
import sys, time
from ict.store.locks import RunLock
lock = RunLock(sys.argv[1])
print(lock.acquire(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_a_second_lock_is_refused_until_the_first_lets_go(path: Path):
    first, second = RunLock(path), RunLock(path)
    assert first.acquire()
    assert not second.acquire()  # same process, other open file: refused all the same
    first.release()
    assert second.acquire()


def test_kill_9_frees_the_lock(path: Path):
    holder = spawn(TAKE, path)
    assert holder.stdout.readline() == "True\n"
    assert lock_holder(path) is not None
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert lock_holder(path) is None


def test_a_child_that_inherits_keeps_the_lock_after_its_parent_lets_go(path: Path):
    lock = RunLock(path)
    assert lock.acquire()
    child = spawn("import time; time.sleep(60)", pass_fds=[lock.fd])
    lock.release()
    assert lock_holder(path) is not None
    child.kill()
    child.wait()
    assert lock_holder(path) is None


def test_the_inherited_lock_is_adopted_once_and_closed_to_grandchildren(path: Path, monkeypatch):
    lock = RunLock(path)
    lock.acquire()
    os.set_inheritable(lock.fd, True)
    monkeypatch.setenv(LOCK_FD, str(lock.fd))
    adopted = RunLock.inherited(path)
    assert adopted is not None
    assert adopted.fd == lock.fd
    assert not os.get_inheritable(lock.fd)
    assert RunLock.inherited(path) is None  # the variable is gone


def test_a_descriptor_of_another_file_is_not_adopted(path: Path, tmp_path: Path, monkeypatch):
    lock = RunLock(tmp_path / "other")
    lock.acquire()
    path.touch()
    monkeypatch.setenv(LOCK_FD, str(lock.fd))
    assert RunLock.inherited(path) is None
    monkeypatch.setenv(LOCK_FD, "999")
    assert RunLock.inherited(path) is None


def test_asking_never_makes_an_attempt_fail(path: Path):
    path.touch()
    ask = (
        "import sys\nfrom ict.store.locks import lock_holder\nwhile True: lock_holder(sys.argv[1])"
    )
    askers = [spawn(ask, path) for _ in range(2)]
    try:
        time.sleep(0.3)
        for _ in range(3000):
            lock = RunLock(path)
            assert lock.acquire()
            lock.release()
    finally:
        for asker in askers:
            asker.kill()
            asker.wait()


def test_byte_ranges_overlap_or_do_not(path: Path):
    half, whole = RunLock(path, start=0, length=50), RunLock(path, start=0, length=100)
    rest = RunLock(path, start=50, length=50)
    assert half.acquire()
    assert rest.acquire()
    assert not whole.acquire()
    half.release()
    rest.release()
    assert whole.acquire()
    assert lock_holder(path, start=70, length=1) is not None


def test_the_holder_is_written_and_read(path: Path):
    lock = RunLock(path)
    lock.acquire()
    assert lock_holder(path) == {"host": None, "pid": None, "job": None}
    lock.describe(os.getpid(), job="12_3")
    holder = lock_holder(path)
    assert (holder["pid"], holder["job"]) == (os.getpid(), "12_3")
    assert is_process(holder)
    lock.release()
    assert lock_holder(path) is None
    assert written_holder(path)["job"] == "12_3"


def test_a_reused_pid_is_another_process(path: Path):
    lock = RunLock(path)
    lock.acquire()
    lock.describe(os.getpid())
    holder = lock_holder(path)
    assert not is_process(holder | {"start_ticks": start_ticks(os.getpid()) - 1})
    assert not is_process(holder | {"host": "elsewhere"})
    assert not is_process(holder | {"pid": None})


def test_a_torn_lock_file_still_locks(path: Path):
    path.write_text('{"host": "a')
    lock = RunLock(path)
    assert lock.acquire()
    assert lock_holder(path)["pid"] is None


def test_no_folder_no_lock(tmp_path: Path):
    assert not RunLock(tmp_path / "gone" / "lock").acquire()
    assert lock_holder(tmp_path / "gone" / "lock") is None


def test_a_lock_in_a_folder_removed_meanwhile_is_not_taken(tmp_path: Path, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir()
    control = sys.modules["ict.store.locks"]._control

    def remove_first(*arguments):
        shutil.rmtree(folder)
        return control(*arguments)

    monkeypatch.setattr("ict.store.locks._control", remove_first)
    assert not RunLock(folder / "lock").acquire()


def test_without_ofd_locks_it_refuses_in_one_sentence(path: Path, monkeypatch):
    monkeypatch.delattr(fcntl, "F_OFD_SETLK")
    with pytest.raises(IctError, match="runs need Linux"):
        RunLock(path).acquire()


def test_blocking_waits_for_the_holder(path: Path):
    holder = spawn(TAKE.replace("60", "0.4"), path)
    assert holder.stdout.readline() == "True\n"
    begun = time.monotonic()
    with RunLock(path) as lock:
        assert lock.fd is not None
    assert time.monotonic() - begun > 0.1
    holder.wait()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_a_file_system_without_locks_is_one_sentence_and_can_be_read(
    path: Path, monkeypatch, number: int
):
    def no_locks(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    path.touch()
    monkeypatch.setattr("ict.store.locks._control", no_locks)
    with pytest.raises(IctError, match="this file system has no locks"):
        RunLock(path).acquire()
    assert lock_holder(path) is None
