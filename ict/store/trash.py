"""Deleted runs: moved to `trash/` of the store, kept at least thirty days, brought back by their id.

A run in the trash is not there for anybody: the folder's move is one rename, under the run's lock.
`trash/<id>-<time>` says when; the same run may be asked for, and deleted, again.
"""

import contextlib
import datetime
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ict.documents.identity import check_id, is_id
from ict.errors import InputError, did_you_mean, quoted
from ict.files import StoreError, make_folder, remove_folder, rename
from ict.store.base import BaseStore
from ict.store.locks import RunLock
from ict.store.run_folder import Run
from ict.store.run_labels import read_label

DAYS: Final = 30
_TIME: Final = "%Y%m%dT%H%M%S%fZ"
_NAME: Final = re.compile(r"(?P<run>.+)-(?P<time>\d{8}T\d{12}Z)")


@dataclass(frozen=True)
class Trashed:
    """A deleted run: its id, what it was called, when it was deleted (UTC), and where it lies."""

    run_id: str
    name: str
    deleted_at: datetime.datetime
    path: Path

    @property
    def kept_until(self) -> datetime.datetime:
        return self.deleted_at + datetime.timedelta(days=DAYS)


def trashed(store: BaseStore) -> list[Trashed]:
    """What lies in the trash, last deleted first; what a deletion did not put there is left out."""
    try:
        names = os.listdir(store.trash_dir)
    except OSError:
        return []
    found = [one for name in names if (one := _read(store.trash_dir / name)) is not None]
    return sorted(found, key=lambda one: (one.deleted_at, one.run_id), reverse=True)


def to_trash(store: BaseStore, ids: Iterable[str]) -> list[Trashed]:
    """Moves runs to the trash and empties it of what was kept long enough; gives what was moved.

    Long enough is thirty days at a deletion, and another deletion a day later.

    Raises InputError, before the first is moved, while one of them runs or waits to.
    """
    runs = [store.run(run_id) for run_id in dict.fromkeys(ids)]
    for run in runs:
        _refuse_busy(run, run.status())
    make_folder(store.trash_dir)
    last = _last_change(store)
    moved = [_move(run, store.trash_dir, after=last) for run in runs]
    with contextlib.suppress(StoreError):  # what was asked for is done
        _empty_of_old(store)
    return moved


def restore(store: BaseStore, run_id: str) -> Run:
    """Brings the last deleted run of that id, or unique beginning, back as it was.

    Raises InputError with the nearest id, or where the store has that run again.
    """
    check_id(run_id)
    there = trashed(store)
    ids = {one.run_id for one in there}
    matches = {run_id} & ids or {name for name in ids if name.startswith(run_id)}
    if len(matches) > 1:
        raise InputError(f"{quoted(run_id)} is not unique: {len(matches)} deleted runs begin so")
    if not matches:
        raise InputError(f"no run {quoted(run_id)} in {store.trash_dir}{did_you_mean(run_id, ids)}")
    (name,) = matches
    run = Run(store.runs_dir / name)
    if os.path.lexists(run.path):
        raise InputError(
            f"run {name} was asked for again: delete that one before the old comes back"
        )
    make_folder(store.runs_dir)
    last = next(one for one in there if one.run_id == name)
    rename(last.path, run.path)
    return run


def empty(
    store: BaseStore, *, older_than_days: float = 0, at: datetime.datetime | None = None
) -> list[str]:
    """Deletes for good what was deleted at least so long before `at` (None: now); gives the ids."""
    until = (at or _now()) - datetime.timedelta(days=older_than_days)
    gone = [one for one in trashed(store) if one.deleted_at <= until]
    for one in gone:
        leaving = one.path.with_name(f".removed-{one.path.name}")
        rename(one.path, leaving)
        remove_folder(leaving)
    return [one.run_id for one in gone]


def _read(path: Path) -> Trashed | None:
    match = _NAME.fullmatch(path.name)
    if match is None or not is_id(match["run"]):
        return None
    try:
        time = datetime.datetime.strptime(match["time"], _TIME).replace(tzinfo=datetime.UTC)
    except ValueError:
        return None
    return Trashed(match["run"], read_label(Run(path)).name, time, path)


def _refuse_busy(run: Run, status: str) -> None:
    if status in ("running", "queued"):
        raise InputError(f"run {run.id} is {status}; cancel it first: ict cancel {run.id}")


def _move(run: Run, trash: Path, *, after: datetime.datetime) -> Trashed:
    """One rename, under the run's lock: nobody begins it meanwhile. Dated later than `after`."""
    waited = run.queued()
    lock = RunLock(run.lock_path)
    if not lock.acquire():
        _refuse_busy(run, "running")
    try:
        if run.queued() != waited:
            _refuse_busy(run, "queued")
        now = max(_now(), after + datetime.timedelta(microseconds=1))
        there = Trashed(run.id, read_label(run).name, now, trash / f"{run.id}-{now:{_TIME}}")
        rename(run.path, there.path)
    finally:
        lock.release()
    return there


def _last_change(store: BaseStore) -> datetime.datetime:
    """The last time that the store knows: a clock that is behind (not yet set) dates no deletion years back."""
    times = [one.deleted_at for one in trashed(store)[:1]]
    with contextlib.suppress(OSError, OverflowError, ValueError):
        changed = os.stat(store.runs_dir).st_mtime
        times.append(datetime.datetime.fromtimestamp(changed, datetime.UTC))
    return max(times, default=_now())


def _empty_of_old(store: BaseStore) -> None:
    """Ages are those at the last deletion of an earlier day: a clock that jumps ahead makes nothing old at once."""
    earlier = _now() - datetime.timedelta(days=1)
    told = next((one.deleted_at for one in trashed(store) if one.deleted_at <= earlier), None)
    if told is not None:
        empty(store, older_than_days=DAYS, at=told)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
