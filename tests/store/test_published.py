"""A published store (ICT_READ_ONLY=1): every call that would change it is refused, and it stays as it is."""

import dataclasses
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ict.documents.labels import Change
from ict.files import PUBLISHED, PublishedError
from ict.running import calibration, jobs, local, queue, slurm
from ict.running.cancel import cancel
from ict.running.controls import add_controls
from ict.store import (
    basket,
    channel_sets,
    imported_results,
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
from ict.store.job_folder import find_job
from ict.store.locks import RunLock
from ict.tasks import get_task
from ict.tasks.digests import ImageDigests
from ict.tasks.limits import Subset, rule_for
from tests.same_bytes import state
from tests.store.filled import SET, WORDS, Filled, fill
from tests.writers import ROOT, changing

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
    "ict.store.leftovers.sweep",  # removes what it may
    "ict.store.transitions.still_wanted", "ict.store.transitions.dropped",  # withdraw what has ended alone
}  # fmt: skip


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Filled:
    return fill(tmp_path, monkeypatch)


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
