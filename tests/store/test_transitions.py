"""A run goes from state to state; stopped between any two file operations it says what is true, and goes on."""

import errno
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ict.errors import InputError
from ict.files import StoreError, append_line, atomic_write_bytes, atomic_write_json
from ict.store import Run, Store, transitions
from ict.store.locks import RunLock
from tests.result_documents import result_document

STATE = b"ten epochs of training"
EXECUTION = {"threads": 2, "device": "cpu", "slots": 1}
ERROR = {"message": "no", "type": "InputError", "traceback": ""}
CHANGING = ("replace", "unlink", "rename", "rmdir")


class Stop(BaseException):
    """The process ends here: nothing catches it, nothing is cleaned up."""


def stop_after(monkeypatch: pytest.MonkeyPatch, operations: int) -> None:
    """Ends the process, as `kill -9` would, before the next change of a folder after `operations`."""
    left = [operations]

    def counted(real: Callable[..., None]) -> Callable[..., None]:
        def change(*arguments: object, **options: object) -> None:
            if not left[0]:
                raise Stop
            left[0] -= 1
            real(*arguments, **options)

        return change

    for name in CHANGING:
        monkeypatch.setattr(os, name, counted(getattr(os, name)))


def result(run: Run) -> dict[str, object]:
    return result_document(run_id=run.id, test_accuracy=0.5)


def created(run: Run) -> None:
    transitions.create(run, {"run_id": run.id, "created_at": "", "config": {"task": "digits"}})


def queued(run: Run) -> None:
    created(run)
    transitions.queue(run, {"sequence": 1})


def began(run: Run) -> None:
    queued(run)
    transitions.begin(run, EXECUTION)
    append_line(run.progress_path, json.dumps({"epoch": 1}))
    run.checkpoint_path.mkdir()
    atomic_write_bytes(run.state_path, STATE)
    atomic_write_json(run.state_epoch_path, {"epoch": 1})
    atomic_write_json(run.live_path, {"phase": "training"})


def failed(run: Run) -> None:
    began(run)
    transitions.fail(run, ERROR)


def cancelled(run: Run) -> None:
    failed(run)
    transitions.mark_cancelled(run)


def began_again(run: Run) -> None:
    failed(run)
    transitions.requeue(run, {"sequence": 2})


def done(run: Run) -> None:
    began(run)
    transitions.finish(run, result(run))


@dataclass(frozen=True)
class Step:
    """One transition from `before`, and the statuses where it stops after 0, 1, … operations."""

    before: Callable[[Run], None]
    take: Callable[[Run], object]
    statuses: tuple[str, ...]
    locked: bool = True


STEPS = {
    "create": Step(lambda run: None, created, ("created", "created"), locked=False),
    "queue a cancelled one": Step(
        cancelled,
        lambda run: transitions.queue(run, {"sequence": 2}),
        ("cancelled", "failed", "killed", "killed", "queued"),
        locked=False,
    ),
    "withdraw": Step(queued, transitions.withdraw, ("queued", "created"), locked=False),
    "assign a job": Step(
        queued, lambda run: transitions.assign_job(run, {"job": "7"}), ("queued",) * 2, locked=False
    ),
    "requeue": Step(
        began, lambda run: transitions.requeue(run, {"sequence": 1}), ("killed", "queued")
    ),
    "begin": Step(
        began_again,
        lambda run: transitions.begin(run, EXECUTION),
        ("queued", "queued", "queued", "killed"),
    ),
    "begin where a cancel came in": Step(
        lambda run: (queued(run), transitions.mark_cancelled(run)),
        lambda run: transitions.begin(run, EXECUTION),
        ("cancelled", "cancelled", "cancelled", "cancelled"),
    ),
    "take back a cancel": Step(cancelled, transitions.take_back_cancel, ("cancelled", "failed")),
    # the checkpoint has two files and is a folder, and live.json goes last
    "finish": Step(
        began,
        lambda run: transitions.finish(run, result(run)),
        ("killed", *("done",) * 5),
    ),
    "fail": Step(began, lambda run: transitions.fail(run, ERROR), ("killed", "failed")),
    "give up": Step(
        queued, lambda run: transitions.give_up(run, ERROR), ("queued", "queued", "failed")
    ),
    "cancel": Step(
        queued, transitions.mark_cancelled, ("queued", "cancelled", "cancelled"), locked=False
    ),
    "drop a cancelled one": Step(
        lambda run: (cancelled(run), transitions.requeue(run, {})),
        transitions.dropped,
        ("cancelled", "cancelled"),
    ),
    "drop a finished one": Step(
        lambda run: (done(run), transitions.requeue(run, {})),
        transitions.still_wanted,
        ("done", "done"),
    ),
}


def cases() -> Iterator[object]:
    for name, step in STEPS.items():
        for operations in range(len(step.statuses)):
            yield pytest.param(step, operations, id=f"{name}, {operations} done")


@pytest.mark.parametrize(("step", "operations"), cases())
def test_a_stop_between_two_file_operations_leaves_a_true_state(
    store: Store, monkeypatch: pytest.MonkeyPatch, step: Step, operations: int
):
    run = Run(store.runs_dir / "digits-a-1")
    step.before(run)
    had = (run.result(), run.checkpoint_path.exists(), run.progress())
    lock = RunLock(run.lock_path)
    assert not step.locked or lock.acquire()
    last = operations == len(step.statuses) - 1
    with monkeypatch.context() as patch:
        stop_after(patch, operations)
        if last:
            step.take(run)  # all of its operations are counted
        else:
            with pytest.raises(Stop):
                step.take(run)
    if step.locked:
        assert run.status() == ("done" if run.result() else "running")
    lock.release()
    if step.take is created and not last:  # not even the configuration: no run yet
        assert not run.has_config
        return
    assert run.status() == step.statuses[operations]
    check_nothing_is_lost(run, had)
    check_it_goes_on(run)


def check_nothing_is_lost(run: Run, had: tuple[object, bool, list]) -> None:
    """A result that stood is the same; what was trained stands until there is one."""
    stood, checkpoint, progress = had
    assert run.config == {"task": "digits"}
    assert run.progress() == progress
    if stood is not None:
        assert run.result() == stood
    elif checkpoint and run.result() is None:
        assert run.state_path.read_bytes() == STATE
        assert run.state_epoch_path.exists()


def check_it_goes_on(run: Run) -> None:
    """Asked for again, the run ends as done, and what its stopped try left is gone."""
    if run.status() != "done":
        if run.status() != "queued":
            transitions.queue(run, {"sequence": 3})
        assert run.status() == "queued"
        with RunLock(run.lock_path):
            assert transitions.still_wanted(run)
            transitions.begin(run, EXECUTION)
            assert run.status() == "running"
            transitions.finish(run, result(run))
    transitions.tidy(run)  # what the next look at a finished run does
    assert run.status() == "done"
    assert not transitions.still_wanted(run)
    left = {path.name for path in run.path.iterdir() if not path.name.endswith(".tmp")}
    assert not left & {"queued", "cancelled", "error.json", "checkpoint", "live.json"}


def test_a_run_walks_through_all_states(store: Store):
    run = Run(store.runs_dir / "digits-a-1")
    seen = []

    def took(step: Callable[..., object], *arguments: object) -> None:
        step(run, *arguments)
        seen.append(run.status())

    took(transitions.create, {"run_id": run.id, "created_at": "", "config": {"task": "digits"}})
    took(transitions.queue, {"sequence": 1})
    with RunLock(run.lock_path):
        took(transitions.begin, EXECUTION)
    seen.append(run.status())  # its process ended without a word
    took(transitions.queue, {"sequence": 2})
    with RunLock(run.lock_path):
        took(transitions.begin, {"starts": 2})
        transitions.fail(run, ERROR)
    seen.append(run.status())
    took(transitions.queue, {"sequence": 3})
    took(transitions.mark_cancelled)
    took(transitions.queue, {"sequence": 4})
    with RunLock(run.lock_path):
        took(transitions.begin, {})
        took(transitions.finish, result(run))
    seen.append(run.status())
    assert seen == [
        "created", "queued", "running", "killed", "queued", "running", "failed", "queued",
        "cancelled", "queued", "running", "done", "done",
    ]  # fmt: skip
    assert {**EXECUTION, "starts": 2}.items() <= run.execution().items()  # of the first start on
    transitions.remove(run)
    assert not run.path.exists()
    assert store.run_ids() == []


def test_a_removal_that_stops_half_way_leaves_no_half_run(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    run = Run(store.runs_dir / "digits-a-1")
    done(run)
    for operations, there in ((0, ["digits-a-1"]), (2, [])):
        with monkeypatch.context() as patch:
            stop_after(patch, operations)
            with pytest.raises(Stop):
                transitions.remove(run)
        assert store.run_ids() == there
    assert store.runs() == []


def test_a_running_one_is_not_removed(store: Store):
    run = Run(store.runs_dir / "digits-a-1")
    began(run)
    with RunLock(run.lock_path), pytest.raises(InputError, match="is running; cancel it first"):
        transitions.remove(run)
    assert run.state_path.read_bytes() == STATE


def test_on_a_full_disk_an_error_takes_the_place_of_what_a_failed_run_needs_no_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    run = Run(store.runs_dir / "digits-a-1")
    began(run)
    real = os.replace

    def full(source: Path, target: Path) -> None:
        if run.live_path.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    transitions.fail(run, ERROR)
    assert run.status() == "failed"
    assert run.error() == ERROR
    atomic_write = pytest.raises(StoreError, match="the disk is full")
    run.live_path.write_text("{}")
    with atomic_write:
        transitions.finish(run, result(run))
    assert run.result() is None
    assert run.state_path.read_bytes() == STATE
