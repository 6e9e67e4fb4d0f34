"""Cached readers. Each is keyed by what it reads: path, modification time, size.

A cached value is shared by all browsers: it is read, never changed.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import streamlit as st

from ict.analysis.run_names import run_names as names_of
from ict.analysis.score_names import score_names as score_names_of
from ict.catalogue import BUNDLED_WEIGHTS
from ict.documents.records import Odd
from ict.documents.score_record import ScoreRecord
from ict.scores import ChannelScores, load_scores
from ict.selection import Selection
from ict.store import Run, Store, causal_files
from ict.store.causal_files import CausalCheck
from ict.store.epoch_rows import Epoch, epoch_rows
from ict.store.run_rows import RunRow
from ict_app.common import visit

EXAMPLE = BUNDLED_WEIGHTS.parents[1] / "example_store"
EXAMPLE_STAYS = "Part of the example study: it can be looked at, not changed."
STORES = {"example": "Example", "own": "My store"}
TABLE_SECONDS = 0.9  # how old the run table may be; a poll each second sees a new one
LOOKS = 9  # or this many times as old as a look takes, where that is longer
Stamp = tuple[str, int, int]
_looks: dict[tuple[str, str], tuple[float, Any]] = {}  # until when, and what was seen
_names: dict[str, tuple[list[RunRow], dict[str, str]]] = {}  # of the last rows
_score_names: dict[str, tuple[Sequence[ScoreRecord], dict[str, str]]] = {}
_tables: "dict[str, _Table]" = {}  # the last of each store
T = TypeVar("T")


def stamp(path: Path) -> Stamp:
    """Path, modification time and size: what a cache is keyed by. Zeros for a missing file."""
    try:
        status = os.stat(path)
    except OSError:
        return str(path), 0, 0
    return str(path), status.st_mtime_ns, status.st_size


def own_store() -> Store:
    """The user's store, where runs are started."""
    return Store()


def default_store() -> str:
    """Which of STORES is shown where the address names none: the example while the own one is empty."""
    return "example" if is_empty(own_store()) and EXAMPLE.is_dir() else "own"


def store() -> Store:
    """The store that pages show: that of the address, where it can be."""
    asked = visit.current().now.get("store", [""])[-1]
    which = asked if asked in STORES else default_store()
    return Store(EXAMPLE) if which == "example" and EXAMPLE.is_dir() else own_store()


def is_example(shown: Store) -> bool:
    return shown.root == EXAMPLE


def is_empty(shown: Store) -> bool:
    return not any(_has_folder(folder) for folder in (shown.runs_dir, shown.scores_dir))


def _has_folder(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(not entry.name.startswith(".") for entry in entries)
    except OSError:
        return False


def run_rows(shown: Store) -> list[RunRow]:
    """The runs of a store, newest first, at most a second old."""
    return _table(shown).rows


@dataclass(frozen=True)
class _Table:
    """One look at the runs of a store, which all readers share."""

    flat: list[dict[str, Any]]
    rows: list[RunRow]
    """Their records, in the opposite order: newest first."""
    odd: list[Odd]
    """Runs in which something cannot be read."""

    @classmethod
    def of(cls, shown: Store, before: "_Table | None") -> "_Table":
        """What the store holds; of thousands of runs most are those of `before`, and their records too."""
        flat, odd = shown.read_table()
        known = zip(before.flat, reversed(before.rows), strict=True) if before else ()
        old = {one["run_id"]: (one, row) for one, row in known}
        rows = []
        for one in reversed(flat):
            same = old.get(one["run_id"])
            rows.append(same[1] if same and same[0] == one else RunRow.of(one))
        return cls(flat, rows, odd)


def _table(shown: Store) -> _Table:
    """A look at the runs, at most a second old."""
    root = str(shown.root)

    def look() -> _Table:
        found = _tables[root] = _Table.of(shown, _tables.get(root))
        return found

    return _recent(("runs", root), look)


def run_names(rows: list[RunRow]) -> dict[str, str]:
    """What each of `run_rows` is called in a list: task, method, and what tells it from the others."""
    kept = _names.get("last")  # other visitors may ask for those of another store meanwhile
    if kept is None or kept[0] is not rows:
        kept = _names["last"] = rows, names_of(rows, always=("task", "method"))
    return kept[1]


def score_names(records: Sequence[ScoreRecord]) -> dict[str, str]:
    """What each of `scores_of` is called in a list."""
    kept = _score_names.get("last")
    if kept is None or kept[0] is not records:
        kept = _score_names["last"] = records, score_names_of(records)
    return kept[1]


def scores_of(shown: Store) -> list[ScoreRecord]:
    """Every score file, at most a second old."""
    return _recent(
        ("scores", str(shown.root)), lambda: [ScoreRecord.of(meta) for meta in shown.scores()]
    )


def causal_checks(shown: Store) -> list[CausalCheck]:
    """Finished causal checks, newest first, at most a second old."""
    return _recent(("causal", str(shown.root)), lambda: causal_files.causal_checks(shown)[0])


def unreadable(shown: Store) -> list[Odd]:
    """What the store and the tasks hold and nobody can read, at most two seconds old."""
    from ict.tasks import troubles

    stores = (shown, own_store()) if is_example(shown) else (shown,)

    def look() -> list[Odd]:
        odd_files = [odd for store in stores for odd in store.unreadable(_table(store).odd)]
        return list(dict.fromkeys([*odd_files, *troubles()]))

    return _recent(("unreadable", str(shown.root)), look)


def forget_rows() -> None:
    """After an action of ours: the next look is at the disk."""
    _looks.clear()


def _recent(key: tuple[str, str], look: Callable[[], T]) -> T:
    """What `look` gave less than TABLE_SECONDS ago, to any visitor, or what it gives now.

    Looking takes a tenth of the time at most: what takes long (a store of thousands of runs) is kept longer.
    Not `st.cache_resource(ttl=…)`: an entry that expires while it is looked up raises KeyError there.
    """
    looked = _looks.get(key)
    if looked is None or time.monotonic() > looked[0]:
        began = time.monotonic()
        found = look()  # of thousands of runs this takes a while: its age counts from its end
        now = time.monotonic()
        looked = _looks[key] = (now + max(TABLE_SECONDS, LOOKS * (now - began)), found)
    kept: T = looked[1]
    return kept


def progress(run: Run) -> tuple[Epoch, ...]:
    """The epochs that a run has ended."""
    return epochs(stamp(run.progress_path))


@st.cache_resource(max_entries=2000, show_spinner=False)
def epochs(of: Stamp) -> tuple[Epoch, ...]:
    return epoch_rows(Run(Path(of[0]).parent))


@dataclass(frozen=True, kw_only=True)
class LiveReport:
    """What a running run says that it does; None before it has said so."""

    phase: str = "starting"
    done: int | None = None
    total: int | None = None
    unit: str = ""
    """Of `done` and `total`."""
    epoch: int | None = None
    epochs: int | None = None
    images_per_second: float | None = None
    eta_seconds: float | None = None
    memory_bytes: int | None = None


def live(run: Run) -> LiveReport:
    """The last report of a run since it was last started."""
    if _is_of_earlier_start(run):
        return LiveReport()
    said = run.live() or {}
    names = [one.name for one in fields(LiveReport) if said.get(one.name) is not None]
    return LiveReport(**{name: said[name] for name in names})


def _is_of_earlier_start(run: Run) -> bool:
    """Whether the last report, or none, is of an earlier start of the run: of another process, as clocks jump.

    Reports of versions that named no process are told by their times.
    """
    said, execution = run.live() or {}, run.execution() or {}
    if said.get("pid") is not None and execution.get("pid") is not None:
        return bool(said["pid"] != execution["pid"])
    started = execution.get("started_at")
    return bool(started) and str(said.get("updated_at") or "") < str(started)


def epochs_left_by(run: Run, status: str) -> int | None:
    """How many epochs count of a run that goes on: those of the state that it goes on from.

    None where all do. Until a resumed run trains, its folder holds epochs that it will train again.
    """
    begins = status == "running" and _is_of_earlier_start(run)
    return run.saved_epoch() if status == "queued" or begins else None


def channel_scores(shown: Store, score_id: str) -> ChannelScores:
    """The scores and class scores of a file of the store; InputError if it cannot be read."""
    return _channel_scores(stamp(shown.score_file(score_id)))


@st.cache_resource(max_entries=24, show_spinner=False)
def _channel_scores(of: Stamp) -> ChannelScores:
    return load_scores(of[0], kinds=("", "per_class"))


def selection(run: Run) -> Selection | None:
    """The channels of a run; None while there are none, or if its file is damaged."""
    form = run.selection()
    return Selection.from_dict(form) if form else None


@dataclass(frozen=True, kw_only=True)
class TaskRow:
    """A task as `ict tasks` lists it."""

    name: str
    title: str
    group: str
    classes: int
    available: bool
    """Whether any of its splits is on this machine."""
    train: int | None
    """How many images; None for a split that is not here."""
    val: int | None
    test: int | None
    missing: tuple[str, ...]
    how_to_get: str | None
    path: str | None


@st.cache_data(max_entries=100, ttl=60, show_spinner=False)
def tasks() -> list[TaskRow]:
    """What can be trained on, and what is missing of it."""
    from ict.tasks import list_tasks

    names = [one.name for one in fields(TaskRow)]
    rows = [{name: row[name] for name in names} for row in list_tasks()]
    return [TaskRow(**{**row, "missing": tuple(row["missing"] or ())}) for row in rows]


@st.cache_data(max_entries=100, ttl=60, show_spinner=False)
def weights_here(name: str) -> bool:
    """Whether a backbone's own weights need no download."""
    from ict.catalogue import get_backbone
    from ict.weights import on_this_machine

    return on_this_machine(get_backbone(name))


def widths(scores: ChannelScores, site: str) -> list[int]:
    """D of each stage."""
    return [int(np.shape(stage)[1]) for stage in scores.site(site)]
