"""Which image each answer of a run is of: pictures where the data are here, names where only lists are.

Answers are held to the list of now by their labels in order, and to the data by its fingerprint.
"""

import os
from dataclasses import dataclass
from typing import Self

import numpy as np

from ict.errors import InputError
from ict.store.predictions import Predictions
from ict.store.run_folder import Run
from ict.tasks import bundled, find_place, fingerprint, get_task, load_split
from ict.tasks.limits import FIRST, Subset, chosen
from ict.tasks.lists import read_list
from ict.tasks.task import Split, Task

CHANGED = (
    "The data are not those that the run saw (their fingerprint differs): a picture may be another."
)


@dataclass(frozen=True, kw_only=True)
class SeenImages:
    """Which test images a run saw, as its configuration says."""

    task: str
    limit: int | None = None
    rule: str = FIRST
    data: str | None = None
    """The data's fingerprint when it was asked for."""

    @classmethod
    def by(cls, run: Run) -> Self:
        config = run.config
        return cls(
            task=str(config.get("task")),
            limit=config.get("limit"),
            rule=str(config.get("limit_rule") or FIRST),
            data=config.get("data"),
        )


@dataclass(frozen=True, eq=False)
class AnsweredImages:
    """The N test images of a run, as far as this machine has them."""

    names: tuple[str, ...] | None
    """Of each image; None where the test list is not here."""
    split: Split | None
    """To decode them from; None where they are not here."""
    class_names: tuple[str, ...] | None
    note: str = ""
    """What is lacking, and what to do; or what is not certain."""

    def name(self, place: int) -> str:
        return self.names[place] if self.names else f"image {place} of the test list"


def images_of(tested: SeenImages, answers: Predictions) -> AnsweredImages:
    """The images that were answered; never raises for data that are missing or others."""
    try:
        task = get_task(tested.task)
        whole = load_split(task, "test")
    except InputError as error:
        return _names_alone(tested, answers, str(error))
    kept = chosen(whole, tested.limit, tested.rule)
    split = Subset(task, "test", tested.limit, tested.rule).of(whole)
    if not np.array_equal(split.labels, answers.labels):
        return AnsweredImages(None, None, split.class_names, _other(task))
    names = _names(task, whole)
    return AnsweredImages(
        tuple(names[i] for i in kept), split, split.class_names, _doubt(task, tested.data)
    )


def _names(task: Task, whole: Split) -> tuple[str, ...]:
    """Of every image of the test list: its path inside the task, or what a bundled task calls it."""
    if whole.paths is None:
        return bundled.image_names(task.name, "test")
    root = find_place(task).images
    return tuple(os.path.relpath(path, root) for path in whole.paths)


def _other(task: Task) -> str:
    return (
        f"The test list of {task.name} on this machine is not that of the run: images are named by their "
        f"place in the run's list; `ict data check {task.name}` says what is here."
    )


def _doubt(task: Task, then: str | None) -> str:
    if task.name in bundled.DRAWN:
        return "" if then in (None, fingerprint(task)) else CHANGED
    try:
        now = fingerprint(task, splits=("test",))
    except InputError:
        return CHANGED
    return "" if now == then else CHANGED


def _names_alone(tested: SeenImages, answers: Predictions, why: str) -> AnsweredImages:
    """Names from the test list where it is here without its images."""
    note = f"No pictures: {why}."
    try:
        task = get_task(tested.task)
        entries, problems = read_list(find_place(task).list_of("test"))
    except InputError:
        return AnsweredImages(None, None, None, note)
    labels = np.array([entry.label for entry in entries], np.int64)
    if problems or not len(labels):
        return AnsweredImages(None, None, None, note)
    kept = chosen(_listed(labels, task), tested.limit, tested.rule)
    if not np.array_equal(labels[kept], answers.labels):
        return AnsweredImages(None, None, None, note)
    return AnsweredImages(tuple(entries[i].path for i in kept), None, None, note)


def _listed(labels: np.ndarray, task: Task) -> Split:
    """A list without images, for the rules that choose among labels."""
    return Split(task=task.name, split="test", classes=task.classes, labels=labels, paths=None)


def class_names_of(task: str) -> tuple[str, ...] | None:
    """None where the task is not on this machine, or has no names."""
    try:
        return load_split(task, "test").class_names
    except InputError:
        return None
