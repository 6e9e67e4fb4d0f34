"""The trash: deleted runs are not there, come back as they were, and go after thirty days."""

import datetime

import pytest

from ict.documents.labels import Change
from ict.errors import InputError
from ict.store import Store, atomic_write_json, trash
from ict.store.locks import RunLock
from ict.store.run_folder import Run
from ict.store.run_labels import change_label, read_label

DAY = datetime.timedelta(days=1)


def make(store: Store, run_id: str) -> Run:
    record = {"run_id": run_id, "created_at": "2026-01-01", "config": {"task": "digits"}}
    run = store.create_run(record)
    atomic_write_json(run.result_path, {"test_accuracy": 0.5})
    return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    """Sets the time of the trash, in days from now."""
    start = datetime.datetime.now(datetime.UTC)

    def go(days: float) -> None:
        monkeypatch.setattr(trash, "_now", lambda: start + days * DAY)

    return go


def test_a_deleted_run_is_not_there_and_comes_back_as_it_was(store: Store):
    run, other = make(store, "digits-a"), make(store, "digits-b")
    change_label(run, Change(name="mine"))
    before = store.table()
    files = {path.name: path.read_bytes() for path in run.path.iterdir()}
    (moved,) = trash.to_trash(store, [run.id])
    assert [row["run_id"] for row in store.table()] == [other.id]
    assert store.unreadable() == []
    with pytest.raises(InputError, match="no run 'digits-a'"):
        store.run(run.id)
    assert trash.trashed(store) == [moved]
    assert (moved.run_id, moved.name) == (run.id, "mine")
    assert moved.kept_until - moved.deleted_at == 30 * DAY
    assert trash.restore(store, "digits-a").id == run.id
    assert store.table() == before
    assert files.items() <= {path.name: path.read_bytes() for path in run.path.iterdir()}.items()
    assert read_label(run).name == "mine"
    assert trash.trashed(store) == []


@pytest.mark.parametrize("state", ["running", "queued"])
def test_who_runs_or_waits_is_refused_and_nobody_is_moved(store: Store, state: str):
    idle = make(store, "digits-a")
    busy = store.create_run({"run_id": "digits-b", "created_at": "2026", "config": {"task": "x"}})
    lock = RunLock(busy.lock_path)
    if state == "running":
        assert lock.acquire()
    else:
        atomic_write_json(busy.queued_path, {"sequence": 1})
    with pytest.raises(InputError) as caught:
        trash.to_trash(store, [idle.id, busy.id])
    lock.release()
    assert str(caught.value) == f"run digits-b is {state}; cancel it first: ict cancel digits-b"
    assert store.run_ids() == ["digits-a", "digits-b"]


def test_one_asked_for_just_now_is_not_moved(store: Store, monkeypatch: pytest.MonkeyPatch):
    run = make(store, "digits-a")

    def acquire(*_: object, **__: object) -> bool:
        atomic_write_json(run.queued_path, {"sequence": 1})
        return True

    monkeypatch.setattr(RunLock, "acquire", acquire)
    with pytest.raises(InputError, match="is queued; cancel it first"):
        trash.to_trash(store, [run.id])
    assert run.path.is_dir()


def test_of_a_run_deleted_twice_the_last_comes_back_and_no_living_one_is_lost(store: Store):
    for note in ("first", "second"):
        change_label(make(store, "digits-a"), Change(note=note))
        trash.to_trash(store, ["digits-a"])
    assert [one.run_id for one in trash.trashed(store)] == ["digits-a"] * 2
    change_label(make(store, "digits-a"), Change(note="third"))
    with pytest.raises(InputError, match="run digits-a was asked for again"):
        trash.restore(store, "digits-a")
    assert read_label(store.run("digits-a")).note == "third"
    store.remove("digits-a")
    trash.restore(store, "digits-a")
    assert read_label(store.run("digits-a")).note == "second"


def named(*days: float) -> list[str]:
    return [f"digits-{round((day + 30_000) * 100)}" for day in days]


def delete_on(store: Store, clock, *days: float) -> list[str]:
    """Makes and deletes a run on each day; what is in the trash then, the last deleted last."""
    for day, run_id in zip(days, named(*days), strict=True):
        clock(day)
        make(store, run_id)
        trash.to_trash(store, [run_id])
    return [one.run_id for one in trash.trashed(store)][::-1]


def test_what_lay_thirty_days_goes_when_something_is_moved_and_again_a_day_later(
    store: Store, clock
):
    assert delete_on(store, clock, 0, 2, 31) == named(0, 2, 31)
    assert delete_on(store, clock, 32.5) == named(2, 31, 32.5)
    assert trash.empty(store) == named(32.5, 31, 2)
    assert list(store.trash_dir.iterdir()) == []


@pytest.mark.parametrize("days", [1, 40, 4000])
def test_a_clock_that_jumps_ahead_for_some_hours_empties_nothing(store: Store, clock, days: int):
    """What is deleted after it was put right comes back first all the same."""
    all_of_them = (0, 0.5, days, days + 0.2, 0.6, 0.7)
    assert delete_on(store, clock, *all_of_them) == named(*all_of_them)


@pytest.mark.parametrize("days", [-0.04, -1, -20_000])
def test_a_deletion_on_a_clock_that_is_behind_is_not_dated_years_back(store: Store, clock, days):
    all_of_them = (0, days, 0.1, 1.2, 2.3)
    assert delete_on(store, clock, *all_of_them) == named(*all_of_them)


def test_what_nobody_deleted_is_neither_listed_nor_emptied(store: Store):
    make(store, "digits-a")
    trash.to_trash(store, ["digits-a"])
    (store.trash_dir / "my notes").write_text("milk")
    (store.trash_dir / "digits-z-20269999T000000000000Z").mkdir()
    assert [one.run_id for one in trash.trashed(store)] == ["digits-a"]
    trash.empty(store)
    assert len(list(store.trash_dir.iterdir())) == 2


def test_an_unknown_name_is_answered_with_the_nearest(store: Store):
    with pytest.raises(InputError, match="no run 'digits-a'"):
        trash.restore(store, "digits-a")
    for run_id in ("digits-a", "digits-ab", "lines-c"):
        make(store, run_id)
    trash.to_trash(store, ["digits-a", "digits-ab", "lines-c"])
    with pytest.raises(InputError, match="'digits' is not unique: 2 deleted runs begin so"):
        trash.restore(store, "digits")
    with pytest.raises(InputError, match=r"did you mean 'lines-c'\?"):
        trash.restore(store, "lines-d")
    assert trash.restore(store, "digits-a").id == "digits-a"
    assert trash.restore(store, "lines").id == "lines-c"
