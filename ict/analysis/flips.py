"""Trained models on the same test images: who is right where the other is wrong.

What is said here speaks of these trained models alone, not of their methods: another seed of either
flips other images (`ict.analysis.differences` speaks of methods).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import special

from ict.analysis.differences import Difference, over_images
from ict.analysis.summary import holm
from ict.documents.number_words import number_words
from ict.errors import InputError


@dataclass(frozen=True)
class Flips:
    """Counts over the test images, from A to B, and McNemar's test of as many gains as losses."""

    images: int
    both_right: int
    lost: int
    """Right under A, wrong under B."""
    gained: int
    """Wrong under A, right under B."""
    both_wrong: int
    changed_wrong: int
    """Of `both_wrong`, those with two different wrong answers."""

    @property
    def difference(self) -> Difference:
        """Accuracy of A minus that of B: these two models, new images."""
        return over_images(self.lost, self.gained, self.images)

    @property
    def p_exact(self) -> float:
        return mcnemar(self.lost, self.gained)

    @property
    def p_mid(self) -> float:
        return mcnemar(self.lost, self.gained, mid=True)

    @property
    def sentence(self) -> str:
        exact, mid = (number_words(p, ".3g") for p in (self.p_exact, self.p_mid))
        return (
            f"{self.lost} of {self.images} test images are right under A alone, {self.gained} under B "
            f"alone, {self.changed_wrong} wrong in two ways (McNemar exact p = {exact}, mid-p "
            f"{mid}: of these two trained models, not of their methods)"
        )

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "p_exact": self.p_exact, "p_mid": self.p_mid}


@dataclass(frozen=True)
class ClassFlips:
    """Flips among the test images of one class; `p` is McNemar's exact one under Holm's correction."""

    label: int
    flips: Flips
    p: float


@dataclass(frozen=True)
class Agreement:
    """R models on the same I images."""

    same_answer: np.ndarray
    """(R, R): share of images with the same answer."""
    error_overlap: np.ndarray
    """(R, R): images wrong under both over images wrong under either; NaN where neither errs."""
    never_right: np.ndarray
    """Indices of images that no model gets right, ascending."""
    always_right: int


def flips(a: np.ndarray, b: np.ndarray, labels: np.ndarray) -> Flips:
    """Of predictions a, b (I,) against labels (I,). Raises InputError unless all have one length."""
    if not len(a) == len(b) == len(labels) or not len(labels):
        raise InputError(
            f"{len(a)} and {len(b)} answers for {len(labels)} test images: these are not the same images"
        )
    right_a, right_b = a == labels, b == labels
    wrong = ~right_a & ~right_b
    return Flips(
        images=len(labels),
        both_right=int((right_a & right_b).sum()),
        lost=int((right_a & ~right_b).sum()),
        gained=int((~right_a & right_b).sum()),
        both_wrong=int(wrong.sum()),
        changed_wrong=int((wrong & (a != b)).sum()),
    )


def flips_by_class(a: np.ndarray, b: np.ndarray, labels: np.ndarray) -> list[ClassFlips]:
    """`flips` of the images of each class that has any, by label."""
    flips(a, b, labels)  # one length
    classes = [int(label) for label in np.unique(labels)]
    by_class = [flips(a[labels == c], b[labels == c], labels[labels == c]) for c in classes]
    adjusted = holm([one.p_exact for one in by_class])
    return [
        ClassFlips(label, one, float(p))
        for label, one, p in zip(classes, by_class, adjusted, strict=True)
    ]


def agreement(answers: Sequence[np.ndarray], labels: np.ndarray) -> Agreement:
    """Of R models' predictions (I,) on the same images. Raises InputError for other lengths."""
    if not answers or any(len(one) != len(labels) for one in answers) or not len(labels):
        raise InputError("agreement needs one answer of every model for every test image")
    said = np.stack(answers)
    wrong = (said != labels).astype(np.float64)
    both = wrong @ wrong.T
    either = wrong.sum(1)[:, None] + wrong.sum(1)[None, :] - both
    with np.errstate(invalid="ignore"):
        overlap = np.where(either > 0, both / either, np.nan)
    same = np.stack([(said == one).mean(axis=1) for one in said])
    return Agreement(
        same_answer=same,
        error_overlap=overlap,
        never_right=np.flatnonzero(wrong.all(axis=0)),
        always_right=int((~wrong.any(axis=0)).sum()),
    )


def mcnemar(lost: int, gained: int, *, mid: bool = False) -> float:
    """Two-sided p of as many losses as gains: the exact binomial test of McNemar (1947).

    `mid` counts half of the probability of what was seen (Fagerland et al. 2013): less conservative.
    1 where no image flips.
    """
    discordant, fewer = lost + gained, min(lost, gained)
    if discordant == 0:
        return 1.0
    p = 2 * float(special.bdtr(fewer, discordant, 0.5))
    if mid:
        logarithm = special.gammaln(discordant + 1) - discordant * np.log(2)
        logarithm -= special.gammaln(fewer + 1) + special.gammaln(discordant - fewer + 1)
        p -= float(np.exp(logarithm))
    return min(1.0, p)
