"""One trained model on its test images: which classes it takes for which, and of what it is sure.

What is said here speaks of this model alone: another seed of its method errs on other images.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from ict.analysis.intervals import wilson
from ict.documents.json_form import JsonForm
from ict.documents.records import Odd
from ict.errors import InputError
from ict.store.predictions import Predictions, read_predictions
from ict.store.run_folder import Run

MOST_TIED: Final = 3
"""Confusions that a sentence names beside the first of equals."""


@dataclass(frozen=True, kw_only=True)
class ClassAccuracy(JsonForm):
    """The test images of one class; accuracy with Wilson's 95 % interval, NaN of a class without images."""

    label: int
    images: int
    right: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Mistake(JsonForm):
    """Images of class `label` that were taken for `answer`."""

    label: int
    answer: int
    images: int
    of: int
    """Images of class `label`."""
    share: float
    """`images / of`."""

    @property
    def words(self) -> str:
        """`2 of 3, 66.7 %`."""
        return f"{self.images:,} of {self.of:,}, {100 * self.share:.1f} %"

    def pair(self, names: tuple[str, ...] | None) -> tuple[str, str]:
        """The class and the answer by their names."""
        return class_words(self.label, names), class_words(self.answer, names)


@dataclass(frozen=True, eq=False)
class Answered:
    """What a model answered on N images of C classes."""

    answers: Predictions

    @cached_property
    def counts(self) -> np.ndarray:
        """(C, C) int64: images of each class (row) by their answer (column)."""
        said, C = self.answers, self.classes
        cells = np.bincount(said.labels * C + said.predictions, minlength=C * C)
        return cells.reshape(C, C)

    @property
    def classes(self) -> int:
        """How many there are; of a file of version 0.1.0, as many as it names."""
        said = self.answers
        return said.classes or 1 + int(max(said.labels.max(), said.predictions.max()))

    @property
    def right(self) -> np.ndarray:
        """(N,) bool."""
        return np.asarray(self.answers.predictions == self.answers.labels)

    @property
    def by_class(self) -> list[ClassAccuracy]:
        """One a class, by label."""
        return [
            _of_class(label, int(row[label]), int(row.sum()))
            for label, row in enumerate(self.counts)
        ]

    @property
    def mistakes(self) -> list[Mistake]:
        """Every pair of classes that was mixed up, the largest share of its class first.

        Of equal shares the one of more images; a class of few images has large shares by chance.
        """
        wrong = self.counts.copy()
        np.fill_diagonal(wrong, 0)
        whole = self.counts.sum(axis=1)
        pairs = [
            Mistake(
                label=int(a), answer=int(b), images=int(wrong[a, b]), of=int(whole[a]),
                share=int(wrong[a, b]) / int(whole[a]),
            )
            for a, b in np.argwhere(wrong)
        ]  # fmt: skip
        return sorted(pairs, key=lambda one: (-one.share, -one.images, one.label, one.answer))

    @property
    def most_mistaken(self) -> list[Mistake]:
        """The pair that is mixed up most, by the share of its class, and those of as large a share or of as
        many images."""
        found = self.mistakes
        return [
            one for one in found if one.share == found[0].share or one.images == found[0].images
        ]

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, of the accuracy."""
        return wilson(int(self.right.sum()), len(self.answers))

    @property
    def balanced(self) -> float:
        """The mean accuracy of the classes that have images."""
        return float(np.mean([one.accuracy for one in self.by_class if one.images]))

    def wrong(self) -> np.ndarray:
        """Places in the test list of the images that it got wrong, the most certain answer first."""
        return self._sorted(np.flatnonzero(~self.right), most_certain=True)

    def least_certain(self) -> np.ndarray:
        """Places of all images, the least certain answer first, right or wrong."""
        return self._sorted(np.arange(len(self.answers)), most_certain=False)

    def cell(self, label: int, answer: int) -> np.ndarray:
        """Places of the images of class `label` that were answered `answer`, the most certain first."""
        said = self.answers
        there = (said.labels == label) & (said.predictions == answer)
        return self._sorted(np.flatnonzero(there), most_certain=True)

    def _sorted(self, places: np.ndarray, *, most_certain: bool) -> np.ndarray:
        certain = self.answers.probabilities[places]
        return np.asarray(places[np.argsort(-certain if most_certain else certain, kind="stable")])

    def sentence(self, names: tuple[str, ...] | None = None) -> str:
        """The finding: accuracy with its interval, and what is mixed up most."""
        n, right = len(self.answers), int(self.right.sum())
        low, high = self.interval
        told = (
            f"{right:,} of {n:,} test images are right: {100 * right / n:.2f} % (95 % {100 * low:.2f} to "
            f"{100 * high:.2f}, this trained model, new images)"
        )
        if not self.mistakes:
            return f"{told}."
        return f"{told}; most often {self._mixed_up(names)}."

    def _mixed_up(self, names: tuple[str, ...] | None) -> str:
        """The largest confusion by count and by share, with those that are tied with it."""
        first, *tied = self.most_mistaken
        a, b = first.pair(names)
        said = f"{a} is taken for {b} ({first.words} of the class)"
        if not tied:
            return said
        others = [f"{' for '.join(one.pair(names))} ({one.words})" for one in tied[:MOST_TIED]]
        if len(tied) > MOST_TIED:
            others.append(f"{len(tied) - MOST_TIED} more")
        return f"{said}, as often {', '.join(others)}"


def _of_class(label: int, right: int, images: int) -> ClassAccuracy:
    low, high = wilson(right, images)
    share = right / images if images else np.nan
    return ClassAccuracy(
        label=label, images=images, right=right, accuracy=share, low=low, high=high
    )


def class_words(label: int, names: tuple[str, ...] | None) -> str:
    """A class by its name, or by its number where the task has none here."""
    return str(names[label]) if names and label < len(names) else f"class {label}"


def answered(run: Run) -> Answered:
    """What a run answered. Raises InputError, with what to do, where it kept nothing that can be read."""
    read = read_predictions(run)
    if isinstance(read, Odd):
        raise InputError(f"run {run.id} has no answer for each test image: {read.reason}")
    if read is None:
        raise InputError(
            f"run {run.id} has no answer for each test image: its predictions.safetensors was left behind; "
            "copy it from the store that the run is from, or `ict remove` the run and ask for it again"
        )
    return Answered(read)
