"""A second run decodes nothing, which its log says, and has the numbers of a run without the cache."""

import json
import shutil
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ict.resolve import resolve
from ict.running import run_images
from ict.running.asked import asked_run
from ict.running.execute import run as execute
from ict.store import Store
from ict.store.predictions import read_predictions
from ict.store.run_folder import Run
from ict.store.same_images import ask
from ict.tasks.decoded import cache
from tests.vtab_layout import make_task

ASKED = {
    "task": "birds",
    "method": "ict",
    "precision": "fp32",
    "epochs": 1,
    "k": 8,
    "image_size": 32,
}


@pytest.fixture
def task(tmp_path, monkeypatch):
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path))
    return make_task(tmp_path / "birds", train=6, val=3, test=4)


@pytest.fixture
def streamed(monkeypatch):
    """Every test set counts as too large to keep."""
    monkeypatch.setattr(run_images, "fits", lambda split, size: False)
    monkeypatch.setattr(run_images, "open_set", partial(run_images.open_set, keep_bytes=0))


def ran(root: Path) -> Run:
    store = Store(root)
    (run,) = ask(store, [resolve(ASKED)], command=None)
    execute(run.id, store, threads=1)
    return run


def said(run: Run) -> str:
    """What the log says of decoding."""
    (line,) = [line for line in run.log_path.read_text().splitlines() if "decoded" in line]
    return line.split(" ", 1)[1]


def numbers(run: Run) -> tuple:
    """All that is computed: losses by epoch, answers and their probabilities, the trained weights."""
    answers = read_predictions(run)
    arrays = [answers.predictions, answers.probabilities, answers.losses]
    epochs = [
        {name: value for name, value in json.loads(line).items() if "loss" in name or "acc" in name}
        for line in (run.path / "progress.jsonl").read_text().splitlines()
    ]
    return epochs, [np.asarray(one).tolist() for one in arrays], run.result().test_loss


def test_the_second_run_decodes_nothing_and_computes_the_same(task, tmp_path, monkeypatch):
    first, second = ran(tmp_path / "one"), ran(tmp_path / "two")
    assert said(first) == "0 images from the cache, 13 decoded"
    assert said(second) == "13 images from the cache, 0 decoded"
    monkeypatch.setenv(cache.BOUND, "0")
    without = ran(tmp_path / "three")
    assert said(without) == "0 images from the cache, 13 decoded"
    assert numbers(first) == numbers(second) == numbers(without)
    assert numbers(first)[0]
    assert first.result().notes == second.result().notes == without.result().notes


def test_a_large_test_set_is_decoded_once_and_then_mapped(task, tmp_path, monkeypatch, streamed):
    first = ran(tmp_path / "one")
    with monkeypatch.context() as patch:
        patch.setattr("ict.data.load_images", None)
        second = ran(tmp_path / "two")
    assert said(first) == "0 images from the cache, 13 decoded"
    assert said(second) == "13 images from the cache, 0 decoded"
    monkeypatch.setenv(cache.BOUND, "0")
    assert numbers(first) == numbers(second) == numbers(ran(tmp_path / "three"))


def test_a_large_test_set_without_a_cache_is_decoded_while_it_is_tested(
    task, tmp_path, monkeypatch, streamed
):
    monkeypatch.setenv(cache.BOUND, "0")
    assert said(ran(tmp_path / "one")) == "0 images from the cache, 9 decoded"


def test_what_was_asked_for_is_decoded_by_the_check_and_not_again(task, tmp_path):
    store = Store(tmp_path / "one")
    run = asked_run(resolve(ASKED), store, command=None)
    assert sorted(one.about.split for one in cache.kept()) == ["train800", "val200"]
    execute(run.id, store, threads=1)
    assert said(run) == "9 images from the cache, 4 decoded"


def test_a_full_disk_is_a_note_of_the_run(task, tmp_path, monkeypatch):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "ict-test", str(small)]
    if shutil.which("mount") is None or subprocess.call(mount, stderr=subprocess.DEVNULL):
        pytest.skip("mounting a small tmpfs needs root")
    try:
        monkeypatch.setenv("XDG_CACHE_HOME", str(small))
        monkeypatch.setenv(cache.BOUND, "1000000")
        run = ran(tmp_path / "one")
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)
    notes = [note for note in run.result().notes if "the disk of" in note]
    assert notes == [
        f"decoded images are not kept, as the disk of {small}/ict/decoded is full: free some space, set "
        "XDG_CACHE_HOME to a folder of another disk, or ICT_DECODED_CACHE_BYTES=0 for no cache"
    ]
    assert run.status() == "done"
