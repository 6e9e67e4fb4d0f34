"""A published store (ICT_READ_ONLY=1): every call that would change it is refused, and it stays as it is."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner

from ict.analysis.cache import cached
from ict.cli import main
from ict.documents.json_form import JsonForm
from ict.documents.labels import Change
from ict.files import PUBLISHED, PublishedError, write_new
from ict.running import calibration, jobs, local, queue, slurm
from ict.running.cancel import cancel
from ict.running.controls import add_controls
from ict.selection import BlockSelection, Selection
from ict.store import (
    Run,
    Store,
    basket,
    channel_sets,
    imported_results,
    index,
    paces,
    predictions,
    run_labels,
    same_images,
    studies,
    table_view,
    transitions,
    trash,
)
from ict.store.basket import Entry
from ict.store.channel_sets import ChannelSet
from ict.store.job_folder import find_job
from ict.store.locks import RunLock
from ict.tasks import digests, get_task
from ict.tasks.digests import ImageDigests
from ict.tasks.limits import Subset, rule_for
from tests.app import fixture_store
from tests.same_bytes import state
from tests.writers import ROOT, changing

WORDS = ("data", "check", "digits")
SET = ChannelSet(
    "mine", Selection("attn", (BlockSelection(0, 0, 192, (1, 2)),), backbone="ict_tiny")
)
TEST = Subset(get_task("count"), "test", None, rule_for(None))
WHERE, PACE = (
    paces.Where.here(),
    paces.Pace(train_images_per_second=1.0, forward_images_per_second=1.0, start_seconds=1.0),
)
PRIMITIVES = frozenset(
    """atomic_write_bytes atomic_write_json append_line make_folder make_private_folder remove_file rename
    remove_folder touch open_log sweep_temporary refuse_published RunLock""".split()
)
LOOKS = {
    "ict.store.index.look", "ict.store.sound.remember", "ict.store.unreadable.everything",  # caches: skipped
    "ict.store.store.Store.unreadable", "ict.store.live.Live.report", "ict.store.live.log",  # left out, as on a full disk
    "ict.store.job_folder.find_job", "ict.store.job_folder.read_job", "ict.store.job_folder.read_jobs",
    "ict.store.epoch_rows.as_epochs", "ict.store.epoch_rows.epoch_rows",  # name other things alike
    "ict.store.transitions.still_wanted", "ict.store.transitions.dropped",  # withdraw what has ended alone
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Filled:
    """A store of everything, by what is in it."""

    store: Store
    run: Run
    done: Run
    figure: str
    gone: str


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Filled:
    """Filled while it could be written to; published from then on."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    store = Store()
    done = fixture_store.add_done(store, score_id=fixture_store.add_scores(store))
    run = fixture_store.add_failed(store, seed=3)
    trashed = fixture_store.add_failed(store, seed=4)
    trash.to_trash(store, [trashed.id])
    figure = basket.add(store, Entry(name="a-figure", request={"name": "curves"}))
    assert figure is not None
    channel_sets.save(store, SET)
    studies.create(store, {"name": "s", "base": {"task": "digits"}, "grid": {"seed": [1]}})
    (tmp_path / "rows.csv").write_text("method,task,test_accuracy\nlora,digits,0.9\n")
    imported_results.import_results(store, tmp_path / "rows.csv")
    folder = jobs.job_folder(store, WORDS)
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(
        json.dumps({"words": WORDS, "asked_at": "2026-01-01T00:00:00Z"})
    )
    store.index_path.unlink()
    monkeypatch.setenv("ICT_READ_ONLY", "1")
    return Filled(store, run, done, figure.id, trashed.id)


def _answers() -> predictions.Predictions:
    one = np.zeros(1)
    return predictions.Predictions(
        one.astype(np.int64), one.astype(np.int64), one.astype(np.float32)
    )


TRANSITIONS: dict[str, tuple[object, ...]] = {
    "create": ({},), "queue": ({},), "requeue": ({},), "assign_job": ({},), "leave_job": (), "withdraw": (),
    "take_back_cancel": (), "begin": ({},), "note_execution": ({},), "finish": ({},), "tidy": (),
    "fail": ({},), "give_up": ({},), "mark_cancelled": (), "remove": (),
}  # fmt: skip
CALLS: dict[str, Callable[[Filled], object]] = {
    "ict.store.base.BaseStore.create_run": lambda f: f.store.create_run({"run_id": "x", "config": {}}),
    "ict.store.base.BaseStore.keep_digests": lambda f: f.store.keep_digests("d", ["00" * 32]),
    "ict.store.base.BaseStore.record_images": lambda f: f.store.record_images(f.run, {}),
    "ict.store.base.BaseStore.record_weights": lambda f: f.store.record_weights(f.run, Path("/w")),
    "ict.store.base.BaseStore.remove": lambda f: f.store.remove(f.run.id),
    "ict.store.basket.add": lambda f: basket.add(f.store, Entry(name="b", request={"name": "energy"})),
    "ict.store.basket.edit": lambda f: basket.edit(f.store, f.figure, name="c"),
    "ict.store.basket.move": lambda f: basket.move(f.store, f.figure, 1),
    "ict.store.basket.remove": lambda f: basket.remove(f.store, f.figure),
    "ict.store.channel_sets.remove": lambda f: channel_sets.remove(f.store, "mine"),
    "ict.store.channel_sets.restore": lambda f: channel_sets.restore(f.store, dataclasses.replace(SET, name="b")),
    "ict.store.channel_sets.save": lambda f: channel_sets.save(f.store, SET, replace=True),
    "ict.store.imported_results.import_results": lambda f: imported_results.import_results(
        f.store, f.store.root.parent / "rows.csv"
    ),
    "ict.store.imported_results.remove_import": lambda f: imported_results.remove_import(f.store, "rows.csv"),
    "ict.store.locks.RunLock.acquire": lambda f: RunLock(f.run.lock_path).acquire(),
    "ict.store.paces.keep_pace": lambda f: paces.keep_pace(f.run.config, WHERE, PACE),
    "ict.store.predictions.write_predictions": lambda f: predictions.write_predictions(f.run.path, _answers()),
    "ict.store.run_labels.change_label": lambda f: run_labels.change_label(f.run, Change(name="b")),
    "ict.store.same_images.Reading.record": lambda f: same_images.Reading({"test": TEST}, ImageDigests()).record(f.store),
    "ict.store.same_images.ask": lambda f: same_images.ask(f.store, [], command=None),
    "ict.store.studies.create": lambda f: studies.create(f.store, studies.load_study(f.store, "s").document),
    "ict.store.studies.remove_study": lambda f: studies.remove_study(f.store, "s"),
    "ict.store.table_view.keep_columns": lambda f: table_view.keep_columns(f.store, ["task"]),
    "ict.store.trash.empty": lambda f: trash.empty(f.store),
    "ict.store.trash.restore": lambda f: trash.restore(f.store, f.gone),
    "ict.store.trash.to_trash": lambda f: trash.to_trash(f.store, [f.run.id]),
    **{
        f"ict.store.transitions.{name}": lambda f, name=name, more=more: getattr(transitions, name)(f.run, *more)
        for name, more in TRANSITIONS.items()
    },
}  # fmt: skip
STARTS: dict[str, Callable[[Filled], object]] = {
    "runs": lambda f: local.submit(f.store, [f.run.id]),
    "workers": lambda f: local.start_workers(f.store),
    "the queue": lambda f: queue.enqueue(f.store, [f.run], slots=1, devices=("cpu",)),
    "Slurm": lambda f: slurm.submit(f.store, [f.run.id]),
    "controls": lambda f: add_controls(f.store, f.done, draws=1, linear=True, command=None),
    "cancel": lambda f: cancel(f.store, [f.run.id]),
    "cancel here": lambda f: local.cancel(f.store, [f.run.id]),
    "a job": lambda f: jobs.start(f.store, WORDS),
    "a job's end": lambda f: jobs.remove(find_job(f.store, WORDS)),
    "jobs of long ago": lambda f: jobs.tidy(f.store),
    "a calibration": lambda f: calibration.start(f.run.config, WHERE),
}


def test_every_call_that_changes_a_store_is_tried():
    found = changing(ROOT / "ict" / "store", beginning=PRIMITIVES)
    assert found - LOOKS == set(CALLS)


def _is_refused(call: Callable[[Filled], object], filled: Filled) -> bool:
    try:
        call(filled)
    except PublishedError as error:
        return error.sentence == PUBLISHED
    return False


def test_every_call_that_changes_a_store_is_refused(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
):
    def started(*words: object, **_more: object) -> None:
        raise AssertionError(f"started {words}")

    monkeypatch.setattr(subprocess, "Popen", started)
    before = state(filled.store.root.parent)
    done = [name for name, call in {**CALLS, **STARTS}.items() if not _is_refused(call, filled)]
    assert not done
    assert state(filled.store.root.parent) == before


def leaves(of: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command of the command line."""
    if isinstance(of, click.Group):
        context = click.Context(of)
        for name in of.list_commands(context):
            inner = of.get_command(context, name)
            assert inner is not None
            yield from leaves(inner, (*words, name))
    else:
        yield words


COMMANDS = {  # the command line of each command that changes a store, by the words of the command
    "score": "digits", "train": "digits", "runs controls": "{done}", "runs delete": "{run}",
    "runs label": "{run} --name b", "runs restore": "{gone}", "runs trash": "--empty --yes", "cancel": "{run}",
    "resume": "{run}", "remove": "{run}", "study run": "s", "study cancel": "s", "study remove": "s --yes",
    "jobs start": "data check digits", "jobs cancel": "{job}", "causal": "digits", "inspect": "digits",
    "criteria report": "digits", "import file": "{csv}", "import remove": "rows.csv",
    "data link": "mine {root}", "data download": "caltech101", "data cache": "--clear",
    "overlap": "digits count", "stability": "digits", "figure": "curves --out {root}/a.csv", "report": "s --out {root}/s.html",
}  # fmt: skip
READING = (
    "tasks", "backbones", "fields", "methods", "scores", "select", "channels", "show", "compare", "data check",
    "study list", "study plan", "study show", "jobs log", "import list", "app", "docs",
)  # fmt: skip
MAY = (
    "energy",
    "fold",
)  # write what a user names, or compute what is not there, as `figure` and `overlap`


def test_every_command_that_changes_a_store_is_refused(filled: Filled):
    assert {" ".join(words) for words in leaves(main)} == {*COMMANDS, *READING, *MAY}
    job = find_job(filled.store, WORDS)
    assert job is not None
    named = {"done": filled.done.id, "run": filled.run.id, "gone": filled.gone, "job": job.id}
    named |= {"root": str(filled.store.root), "csv": str(filled.store.root.parent / "rows.csv")}
    before = state(filled.store.root.parent)
    for words, more in COMMANDS.items():
        told = CliRunner().invoke(main, [*words.split(), *more.format(**named).split()])
        assert told.exit_code == 1, f"{words}: {told.output}"
        assert PUBLISHED in told.output, f"{words}: {told.output}"
    assert state(filled.store.root.parent) == before


def test_what_is_asked_for_elsewhere_is_written(filled: Filled, tmp_path: Path):
    before = state(filled.store.root)
    out = tmp_path / "new" / "curves.csv"
    told = CliRunner().invoke(main, ["figure", "curves", "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert out.stat().st_size > 0
    assert write_new(tmp_path / "a.bin", b"a").read_bytes() == b"a"
    (tmp_path / "link").symlink_to(filled.store.root)
    for inside in (filled.store.root / "a.bin", tmp_path / "link" / "a.bin"):
        with pytest.raises(PublishedError):
            write_new(inside, b"a")
    assert state(filled.store.root) == before


@pytest.mark.parametrize("said", ["", "0", "false", " No "])
def test_it_is_published_only_where_that_is_said(
    filled: Filled, monkeypatch: pytest.MonkeyPatch, said: str
):
    monkeypatch.setenv("ICT_READ_ONLY", said)
    assert run_labels.change_label(filled.run, Change(name="b")).name == "b"


@dataclasses.dataclass(frozen=True)
class Row(JsonForm):
    """A row of a cached result."""

    value: float


def test_what_takes_a_while_is_kept_in_memory(
    filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Rows of runs, results of analyses, digests of images: each is made once, and written nowhere."""
    made: list[str] = []
    read = index._entry

    def compute() -> list[Row]:
        made.append("rows")
        return [Row(1.0)]

    def entry(folder: str, *more: Any) -> Any:
        made.append(folder)
        return read(folder, *more)

    def digest(path: str, inside: Path | None) -> Any:
        made.append(path)
        return "00" * 32, digests._stamp(os.stat(path))

    monkeypatch.setattr(index, "_entry", entry)
    monkeypatch.setattr(digests, "_digest", digest)

    image = tmp_path / "image"
    image.write_bytes(b"pixels")
    os.utime(image, (1, 1))
    before = state(tmp_path)
    for _ in range(2):
        assert cached(filled.store, "mean", Row(2.0), compute, Row) == [Row(1.0)]
        assert len(filled.store.table()) == 3
        assert len(digests.file_digests(tmp_path, [str(image)])) == 1
    for once in ("rows", str(filled.done.path), str(image)):
        assert made.count(once) == 1
    assert state(tmp_path) == before


FROZEN = """
import sys, os, pathlib
from ict.store import Store, run_labels, basket
from ict.documents.labels import Change
from ict.errors import IctError
store = Store()
try:
    (store.root / "x").touch()
    sys.exit("the folder is not read-only")
except OSError:
    pass
assert [row["status"] for row in store.table()].count("done") == 1
assert len(store.scores()) == 1 and not store.unreadable(), store.unreadable()
assert basket.entries(store)
try:
    run_labels.change_label(store.runs()[0], Change(name="b"))
except IctError as error:
    print(error)
"""
MOUNTED = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


def _unprivileged() -> list[str]:
    """What makes a root a user whom permissions bind; nothing for any other user."""
    return [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize("how", ["mount", "folders"])
def test_a_store_that_cannot_be_written_to_is_read(filled: Filled, how: str, published: bool):
    root = filled.store.root
    before = state(root)
    as_read_only = ["unshare", "-rm", "sh", "-c", MOUNTED, str(root)]
    if how == "folders":
        as_read_only = _unprivileged()
        folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
    elif subprocess.run([*as_read_only, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets no user mount a folder read-only (unshare -rm)")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ICT_READ_ONLY": str(int(published))}
    told = subprocess.run(
        [*as_read_only, sys.executable, "-c", FROZEN],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if how == "folders":
        for folder in folders:
            folder.chmod(0o755)
    assert told.returncode == 0, told.stderr
    assert ("ICT_READ_ONLY" if published else "set ICT_STORE to a writable folder") in told.stdout
    after = state(root)
    assert {p: e[1:] for p, e in after.items()} == {p: e[1:] for p, e in before.items()}
