"""The queue and its markers, the slots of a device, what a start looks at, and the bar."""

import json
import os
from pathlib import Path

import pytest

from ict import machine
from ict.errors import IctError, InputError
from ict.files import StoreError
from ict.running import follow, local, queue
from ict.running.slots import Slot
from ict.store import Run, Store
from ict.store.locks import RunLock, lock_holder
from ict.store.transitions import still_wanted
from tests.toys import lines, toys, until

pytest_plugins = ("tests.toy_plugin",)


def finish(store: Store, runs: list[Run]) -> None:
    for run in runs:
        follow.wait(store, run.id)


def test_markers_that_lost_their_content_are_run_last(toy_store: Store):
    whole, empty = toys(toy_store, 2)
    queue.enqueue(toy_store, [empty, whole], slots=1, devices=["cpu"])
    (empty.path / "queued").write_bytes(b"")
    assert [ticket.run_id for ticket in queue.waiting(toy_store)] == [whole.id, empty.id]
    local.start_workers(toy_store)
    finish(toy_store, [whole, empty])


@pytest.mark.parametrize("content", [None, b"", b"{", b'"x"'])
def test_a_lost_counter_goes_on_after_what_waits(toy_store: Store, content: bytes | None):
    first, second = toys(toy_store, 2)
    for _ in range(3):  # the counter is at 3
        queue.enqueue(toy_store, [first], slots=1, devices=["cpu"])
        ticket = queue.read_ticket(first)
        if ticket.sequence < 3:
            (first.path / "queued").unlink()
    counter = toy_store.workers_dir / "sequence.json"
    counter.unlink() if content is None else counter.write_bytes(content)
    queue.enqueue(toy_store, [second], slots=1, devices=["cpu"])
    assert [ticket.sequence for ticket in queue.waiting(toy_store)] == [3, 4]


def test_a_stale_marker_of_a_finished_run_is_dropped(toy_store: Store):
    run, next_one = toys(toy_store, 2)
    local.submit(toy_store, [run.id])
    finish(toy_store, [run])
    (run.path / "queued").touch()
    local.submit(toy_store, [next_one.id])
    finish(toy_store, [next_one])
    until(lambda: not run.marked("queued"))
    assert len(lines(run, "starts.txt")) == 1


def test_a_marker_of_another_launcher_is_left_alone(toy_store: Store):
    run = toys(toy_store, 1)[0]
    (run.path / "queued").write_text(json.dumps({"launcher": "slurm"}))
    assert queue.waiting(toy_store) == []
    assert local.start_workers(toy_store) == 0


def test_a_store_without_room_is_refused_in_one_sentence(toy_store: Store, monkeypatch):
    run = toys(toy_store, 1)[0]
    monkeypatch.setattr(queue, "free_bytes", lambda _: 100 << 10)
    with pytest.raises(StoreError, match=r"the disk is full \(100 KiB free\)"):
        local.submit(toy_store, [run.id])
    assert run.status() == "created"


def test_bad_input_queues_nothing(toy_store: Store):
    run = toys(toy_store, 1)[0]
    with pytest.raises(InputError, match="slots=-1"):
        local.submit(toy_store, [run.id], slots=-1)
    with pytest.raises(InputError, match="no run 'other'"):
        local.submit(toy_store, [run.id, "other"])
    assert run.status() == "created"


def test_the_image_root_of_the_submitter_reaches_the_run(toy_store: Store, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ICT_VTAB_ROOT", "images")
    run = toys(toy_store, 1)[0]
    queue.enqueue(toy_store, [run], slots=1, devices=["cpu"])
    assert queue.read_ticket(run).data_root == str(tmp_path / "images")


def test_looking_at_a_queue_takes_no_lock(toy_store: Store):
    run = toys(toy_store, 1)[0]
    queue.enqueue(toy_store, [run], slots=1, devices=["cpu"])
    lock = RunLock(run.path / "lock")
    for _ in range(200):
        queue.waiting(toy_store)
        assert lock.acquire()
        lock.release()
    assert lock_holder(run.path / "lock") is None


def test_slots_of_a_device_tile_it():
    store = Store(Path("/nowhere"))
    for slots in (1, 2, 3, 7, 12, 100):
        shares = [Slot("cuda:0", slots, index).device_lock(store) for index in range(slots)]
        ends = [share._start + share._length for share in shares]
        assert [share._start for share in shares] == [0, *ends[:-1]]
        assert ends[-1] == 55440


@pytest.mark.parametrize(
    ("marks", "wanted"),
    [
        (("queued",), True),
        ((), False),  # another worker took it
        (("queued", "cancelled"), False),
        (("queued", "result.json"), False),
    ],
)
def test_a_run_is_looked_at_again_under_its_lock(
    toy_store: Store, marks: tuple[str, ...], wanted: bool
):
    run = toys(toy_store, 1)[0]
    for name in marks:
        (run.path / name).write_text("{}")
    assert still_wanted(run) is wanted
    assert run.marked("queued") is wanted


@pytest.mark.parametrize(
    ("began_on", "checkpoint", "goes_to"),
    [
        ("cuda:1", True, ("cuda:0", "cuda:1")),
        ("cpu", True, ("cpu",)),
        ("cpu", False, ("cuda:0", "cuda:1")),
        ("mps", True, ("cuda:0", "cuda:1")),
    ],
)
def test_a_resumed_run_stays_on_its_kind_of_device(
    toy_store: Store, monkeypatch, began_on: str, checkpoint: bool, goes_to: tuple[str, ...]
):
    monkeypatch.setattr(machine, "devices", lambda: ("cuda:0", "cuda:1"))
    monkeypatch.setattr(local, "start_workers", lambda _: 0)
    run = toys(toy_store, 1)[0]
    (run.path / "execution.json").write_text(json.dumps({"device": began_on}))
    if checkpoint:
        (run.path / "checkpoint").mkdir()
    local.submit(toy_store, [run.id])
    assert queue.read_ticket(run).devices == goes_to
    (run.path / "queued").unlink()
    local.submit(toy_store, [run.id], device="cuda:1")  # asked for is asked for
    assert queue.read_ticket(run).devices == ("cuda:1",)


def test_the_bar_tells_phase_epoch_and_time_left(toy_store: Store, capsys):
    run = toys(toy_store, 1)[0]
    live = {"phase": "training", "done": 3, "total": 12, "epoch": 2, "epochs": 8, "eta_seconds": 75}
    (run.path / "live.json").write_text(json.dumps(live))
    bar = follow.RunBar(run.id, shown=True)
    bar(run, "queued")
    bar(run, "running")
    bar.close()
    shown = capsys.readouterr().err
    assert "toy-000 queued" in shown
    assert "toy-000 training epoch 2/8" in shown
    assert " 25 %, 01:15 left" in shown


@pytest.mark.parametrize("name", ["lock", "execution.json", "log.txt"])
def test_a_run_that_cannot_be_started_fails_and_blocks_no_other(toy_store: Store, name: str):
    stuck, other = toys(toy_store, 2)
    (stuck.path / name).mkdir()
    (stuck.path / name / "kept").touch()  # a folder that no rename replaces
    local.submit(toy_store, [stuck.id, other.id])
    finish(toy_store, [other])
    with pytest.raises(IctError, match=f"{stuck.id} failed: .*{name}"):
        finish(toy_store, [stuck])
    assert (stuck.status(), other.status()) == ("failed", "done")


def test_a_run_that_this_user_may_not_write_to_waits_for_its_owner(toy_store: Store, monkeypatch):
    theirs, ours = toys(toy_store, 2)
    queue.enqueue(toy_store, [theirs, ours], slots=1, devices=["cpu"])
    real = os.access
    refused = lambda path, mode: theirs.id not in str(path) and real(path, mode)  # noqa: E731
    monkeypatch.setattr(os, "access", refused)
    assert [ticket.run_id for ticket in queue.waiting(toy_store)] == [ours.id]
