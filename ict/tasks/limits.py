"""Which images of a split are left: some of each class (shots), then by a `limit` the first N or N that
stand for all classes.

The choice is the same in every run (no seed of a training changes it) and is listed in the split's
own order.
"""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import numpy as np

from ict.documents.names import SPLITS
from ict.errors import InputError
from ict.tasks.task import Split, Task

TRAIN800 = SPLITS[0]
_MOST_NAMED = 5  # classes in a note
FIRST, STRATIFIED = "first", "stratified"
RULES = (FIRST, STRATIFIED)
"""`first`: the head of the list, as in version 0.1.0; a list that is sorted by class loses classes."""


def rule_for(limit: int | None) -> str:
    """The rule of what is asked for now; without a limit there is none, said as version 0.1.0 did."""
    return FIRST if limit is None else STRATIFIED


class Shots(NamedTuple):
    """So many images of each class of train800, drawn with a seed of their own; other splits stay whole.

    The images of fewer shots are among those of more, of the same seed.
    """

    each: int
    seed: int = 0

    @classmethod
    def of(cls, each: int | None, seed: int) -> Self | None:
        """None without shots."""
        return None if each is None else cls(each, seed)


def check_split_of_shots(split: str, shots: int | None) -> None:
    """Raises InputError where shots would be drawn from another split than train800."""
    if shots is not None and split != TRAIN800:
        raise InputError(
            f"shots={shots} are drawn from {TRAIN800}, not from {split}; leave --split out"
        )


class AskedImages(Protocol):
    """What says which images it reads: a run's configuration, or the request of a score or the like."""

    @property
    def limit(self) -> int | None: ...
    @property
    def limit_rule(self) -> str: ...
    @property
    def shots(self) -> int | None: ...
    @property
    def shot_seed(self) -> int: ...


@dataclass(frozen=True)
class Subset:
    """Which images of which split: those that `shots`, then `limit` by `rule`, leave (None: all)."""

    task: Task
    split: str
    limit: int | None = None
    rule: str = FIRST
    shots: Shots | None = None

    @classmethod
    def asked(cls, by: AskedImages, task: Task, split: str) -> Self:
        """Which images of a split of `task` are read for what `by` asks."""
        return cls(task, split, by.limit, by.limit_rule, Shots.of(by.shots, by.shot_seed))

    def of(self, whole: Split) -> Split:
        """Those images, of the `whole` split."""
        return limited(whole, self.limit, self.rule, self.shots)


def limited(split: Split, limit: int | None, rule: str, shots: Shots | None = None) -> Split:
    """The images of `split` that `shots`, then `limit` by `rule`, leave; None leaves all."""
    few_shot = shots is not None and split.split == TRAIN800
    if not few_shot and (limit is None or limit >= len(split)):
        return split
    if not few_shot and rule == FIRST and limit is not None:
        return split.head(limit)
    return split.taken(chosen(split, limit, rule, shots))


def chosen(split: Split, limit: int | None, rule: str, shots: Shots | None = None) -> np.ndarray:
    """Indices, ascending, of the images that `limited` leaves."""
    kept = np.arange(len(split))
    if shots is not None and split.split == TRAIN800:
        kept = few(split.labels, shots)
    if limit is None or limit >= len(kept):
        return kept
    return kept[:limit] if rule == FIRST else kept[stratified(split.labels[kept], limit)]


def stratified(labels: np.ndarray, limit: int) -> np.ndarray:
    """Indices (min(limit, N),), ascending, of images that share the classes out as all N do.

    Every class with images has at least one where `limit` allows; the rest follows the class sizes
    (Sainte-Laguë's divisors 1, 3, 5, …: the image of rank r in a class of n is taken at (2r + 1) / n).
    Images of a class are ranked by a hash of their index. The images of a smaller limit are among
    those of a larger one.
    """
    classes, sizes = np.unique(labels, return_counts=True)
    turn = {int(c): _hash("class", int(c)) for c in classes}
    rank = _ranks(labels, "image")
    size = sizes[np.searchsorted(classes, labels)]
    ties = np.array([turn[int(c)] for c in labels], dtype=np.uint64)
    order = np.lexsort((ties, (2 * rank + 1) / size, rank > 0))
    return np.sort(order[:limit])


def few(labels: np.ndarray, shots: Shots) -> np.ndarray:
    """Indices, ascending, of `shots.each` images of each class; of a class with fewer, all it has."""
    return np.flatnonzero(_ranks(labels, f"shot of seed {shots.seed}") < shots.each)


def _ranks(labels: np.ndarray, kind: str) -> np.ndarray:
    """Place (N,) from 0 of each image within its class, by a hash of its index."""
    drawn = np.array([_hash(kind, index) for index in range(len(labels))], dtype=np.uint64)
    sizes = np.unique(labels, return_counts=True)[1]
    rank = np.empty(len(labels), dtype=np.int64)
    rank[np.lexsort((drawn, labels))] = np.concatenate([np.arange(size) for size in sizes])
    return rank


def _hash(kind: str, number: int) -> int:
    content = hashlib.sha256(f"limit of a split, {kind} {number}".encode()).digest()
    return int.from_bytes(content[:8], "little")


def words(limit: int | None, rule: str, shots: int | None = None) -> str:
    """What a caption says of shots and a limit: ", the first 30 of the list" or the like; "" without."""
    if shots is not None:
        return f", {shots} of each class" + words(limit, rule)
    if limit is None:
        return ""
    left = f"the first {limit} of the list" if rule == FIRST else f"{limit} of them"
    return f", {left}" + ("" if rule == FIRST else ", shared out over the classes")


def said(rule: str, limit: int, images: int) -> str:
    """What is left of a split of so many `images`, for notes and captions."""
    if rule == FIRST:
        return f"only the first {limit} of {images} images (limit)"
    return f"only {limit} of {images} images, shared out over the classes (limit)"


def said_of_shots(split: Split, shots: Shots) -> list[str]:
    """What shots leave of a training split, for notes: how many images, and the classes with fewer."""
    of_class = np.bincount(split.labels, minlength=split.classes)
    kept = int(np.minimum(of_class, shots.each).sum())
    notes = [f"{split.split}: {kept} of {len(split)} images, {shots.each} of each class (shots)"]
    short = np.flatnonzero(of_class < shots.each)
    if len(short):
        names = split.class_names
        some = [f"{names[c] if names else c} ({of_class[c]})" for c in short[:_MOST_NAMED]]
        more = f" and {len(short) - _MOST_NAMED} more" if len(short) > _MOST_NAMED else ""
        notes.append(
            f"{split.split}: {len(short)} of {split.classes} classes have fewer than {shots.each} "
            f"images: {', '.join(some)}{more}"
        )
    return notes
