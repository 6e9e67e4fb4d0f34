"""What killed processes left is removed, and nothing that somebody still writes or needs."""

import errno
import os
from pathlib import Path

import pytest

from ict.files import StoreError, _of_machine, atomic_write_bytes, atomic_write_json
from ict.store import Store
from ict.store.leftovers import sweep
from tests.result_documents import result_document

DEAD = 2**22 + 1  # no process of Linux has this id


def temporary(folder: Path, pid: int, machine: str) -> Path:
    """As `atomic_write_bytes` names it while it writes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".study.json.{pid}.{machine}0123abcd.tmp"
    path.write_text("{")
    return path


@pytest.mark.parametrize(
    "where", [".", "studies/mine", "workers", "scores/digits", "jobs/a", "images"]
)
def test_temporary_files_of_dead_processes_of_this_machine_go(store: Store, where: str):
    folder = store.root / where
    gone = temporary(folder, DEAD, _of_machine())
    alive = temporary(folder, os.getpid(), _of_machine())
    elsewhere = temporary(folder, DEAD, "ffffffff")
    sweep(store)
    assert [path.exists() for path in (gone, alive, elsewhere)] == [False, True, True]


def test_the_names_that_are_swept_are_those_that_are_written(tmp_path: Path, monkeypatch):
    seen: list[str] = []
    true = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (seen.append(a.name), true(a, b)))
    atomic_write_bytes(tmp_path / "study.json", b"{}")
    (name,) = seen
    assert name.startswith(f".study.json.{os.getpid()}.{_of_machine()}")


def test_of_runs_the_state_goes_once_they_are_done(store: Store):
    done, open_one = (
        store.create_run({"run_id": f"digits-{name}", "config": {"task": "digits"}})
        for name in "ab"
    )
    for run in (done, open_one):
        run.checkpoint_path.mkdir()
        (run.checkpoint_path / "state.safetensors").write_bytes(b"state")
    atomic_write_json(done.result_path, result_document(run_id=done.id, test_accuracy=0.5))
    sweep(store)
    assert (done.is_resumable, open_one.is_resumable) == (False, True)


def test_a_store_that_is_not_there_is_not_made(store: Store):
    sweep(store)
    assert not store.root.exists()


def test_a_run_for_whose_configuration_there_is_no_space_leaves_no_folder(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(os, "replace", full)
        with pytest.raises(StoreError, match="the disk is full"):
            store.create_run({"run_id": "digits-b", "config": {"task": "digits"}})
    assert "digits-b" not in store.run_ids()
    assert store.unreadable() == []
    assert store.create_run({"run_id": "digits-b", "config": {"task": "digits"}}).has_config
