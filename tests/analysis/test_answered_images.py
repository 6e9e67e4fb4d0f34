"""Which image each answer is of: names and pictures only where the list is the run's."""

import numpy as np
import pytest

from ict.analysis.answered_images import CHANGED, SeenImages, images_of
from ict.store.predictions import Predictions
from ict.tasks import bundled, load_split
from ict.tasks.limits import stratified


def answers(labels: np.ndarray) -> Predictions:
    return Predictions(labels, labels, np.ones(len(labels), np.float32))


def test_a_limit_names_the_images_that_it_leaves():
    whole = load_split("digits", "test")
    kept = stratified(whole.labels, 50)
    asked = SeenImages(task="digits", limit=50, rule="stratified", data="bundled:digits@1")
    found = images_of(asked, answers(whole.labels[kept]))
    names = bundled.image_names("digits", "test")
    assert found.names == tuple(names[i] for i in kept)
    assert found.split is not None
    for place in (0, 17, 49):
        assert found.split.image(place).tobytes() == whole.image(int(kept[place])).tobytes()
    assert found.note == ""


def test_another_list_has_no_pictures():
    labels = load_split("digits", "test").labels
    found = images_of(SeenImages(task="digits"), answers(np.roll(labels, 1)))
    assert found.split is found.names is None
    assert found.name(3) == "image 3 of the test list"
    assert "is not that of the run" in found.note


def test_other_data_are_said_to_be_others():
    labels = load_split("digits", "test").labels
    found = images_of(SeenImages(task="digits", data="bundled:digits@0"), answers(labels))
    assert (found.note, found.split is None) == (CHANGED, False)


@pytest.mark.parametrize("task", ["caltech101", "no such task", "../x", ""])
def test_a_task_that_is_not_here_is_a_note(task, monkeypatch):
    monkeypatch.delenv("ICT_VTAB_ROOT", raising=False)
    found = images_of(SeenImages(task=task), answers(np.arange(4)))
    assert found.split is found.names is found.class_names is None
    assert found.note.startswith("No pictures: ")


def test_names_are_read_from_a_list_whose_images_are_elsewhere(tmp_path, monkeypatch):
    folder = tmp_path / "caltech101"
    folder.mkdir()
    for split in ("train800", "val200", "train800val200", "test"):
        lines = "".join(f"images/{split}/{i:06}.jpg {i % 3}\n" for i in range(6))
        (folder / f"{split}.txt").write_text(lines)
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path))
    found = images_of(SeenImages(task="caltech101"), answers(np.arange(6) % 3))
    assert found.split is None
    assert found.names[4] == "images/test/000004.jpg"
    assert found.note.startswith("No pictures: ")
