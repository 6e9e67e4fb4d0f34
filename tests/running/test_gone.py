"""A store deleted, moved or replaced under a run: nothing is written into what is at its place then."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from ict.errors import IctError
from ict.files import LostError, append_line, atomic_write_json, make_folder
from ict.running import batch, execute, follow, queue, worker
from ict.running.slots import Slot
from ict.store import Run, Store
from ict.store.locks import RunLock
from tests.toys import toys

pytest_plugins = ("tests.toy_plugin",)


def deleted(store: Store) -> None:
    shutil.rmtree(store.root)


def replaced_by_a_copy(store: Store) -> None:
    elsewhere = store.root.with_name("elsewhere")
    store.root.rename(elsewhere)
    shutil.copytree(elsewhere, store.root)


WAYS = pytest.mark.parametrize("take", [deleted, replaced_by_a_copy])
Take = Callable[[Store], None]


def files(store: Store) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in store.root.rglob("*") if p.is_file()}


@WAYS
def test_a_run_whose_store_is_taken_away_writes_nothing_more(store: Store, monkeypatch, take: Take):
    (run,) = toys(store, 1)
    seen: dict[str, bytes] = {}

    def result_of(run: Run, *_: object) -> None:
        take(store)
        seen.update(files(store))
        for write in (
            lambda: make_folder(run.checkpoint_path),
            lambda: atomic_write_json(run.state_epoch_path, {}),
            lambda: atomic_write_json(store.scores_dir / "a.json", {}),
        ):
            with pytest.raises(LostError):
                write()
        append_line(run.progress_path, "{}")

    monkeypatch.setitem(sys.modules, "ict.running.pipeline", SimpleNamespace(result_of=result_of))
    with pytest.raises(IctError, match=f"{run.id} was removed or replaced while this process"):
        execute.run(run.id, store)
    assert files(store) == seen
    make_folder(store.root / "free")  # whoever holds nothing writes as before


@WAYS
def test_a_worker_does_not_queue_again_what_is_not_its_own(store: Store, take: Take):
    (run,) = toys(store, 1)
    queue.enqueue(store, [run], slots=1, devices=["cpu"])
    (ticket,) = queue.waiting(store)
    seen: dict[str, bytes] = {}

    def wait() -> int:
        take(store)
        seen.update(files(store))
        return -9

    process = SimpleNamespace(begin=lambda *_, **__: None, wait=wait, end=lambda: 0)
    slot = Slot("cpu", 1, 0)
    share = RunLock(store.root.with_name("share"))
    assert worker._run_ticket(store, slot, ticket, share=share, process=process, more=False)
    assert files(store) == seen


def test_a_lock_stands_while_its_file_is_at_its_place(tmp_path: Path):
    lock = RunLock(tmp_path / "lock")
    assert not lock.stands()
    assert lock.acquire()
    assert lock.stands()
    (tmp_path / "lock").unlink()
    assert not lock.stands()
    (tmp_path / "lock").touch()
    assert not lock.stands()
    lock.release()
    with pytest.raises(ValueError, match="take a lock"), lock.guard():
        pass


def test_who_waits_for_a_run_that_is_gone_hears_so(toy_store: Store):
    (run,) = toys(toy_store, 1)
    shutil.rmtree(run.path)
    with pytest.raises(IctError, match=f"run {run.id} is gone: .* was removed or moved"):
        batch.wait_all(toy_store, [run.id], lambda _: None, quiet=True)
    assert "is gone" in follow.ending(run, run.status())


pytest_plugins = ("tests.toy_plugin",)
