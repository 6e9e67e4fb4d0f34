"""Which images of a split a `limit` leaves: the first N, or N that stand for all classes.

The choice is the same in every run (no seed of a training changes it) and is listed in the split's
own order.
"""

import hashlib

import numpy as np

from ict.tasks.task import Split

FIRST, STRATIFIED = "first", "stratified"
RULES = (FIRST, STRATIFIED)
"""`first`: the head of the list, as in version 0.1.0; a list that is sorted by class loses classes."""


def rule_for(limit: int | None) -> str:
    """The rule of what is asked for now; without a limit there is none, said as version 0.1.0 did."""
    return FIRST if limit is None else STRATIFIED


def limited(split: Split, limit: int | None, rule: str) -> Split:
    """The images of `split` that `limit` leaves by `rule`; None leaves all."""
    if limit is None or limit >= len(split):
        return split
    if rule == FIRST:
        return split.head(limit)
    return split.taken(stratified(split.labels, limit))


def stratified(labels: np.ndarray, limit: int) -> np.ndarray:
    """Indices (min(limit, N),), ascending, of images that share the classes out as all N do.

    Every class with images has at least one where `limit` allows; the rest follows the class sizes
    (Sainte-Laguë's divisors 1, 3, 5, …: the image of rank r in a class of n is taken at (2r + 1) / n).
    Images of a class are ranked by a hash of their index. The images of a smaller limit are among
    those of a larger one.
    """
    drawn = np.array([_hash("image", index) for index in range(len(labels))], dtype=np.uint64)
    classes, sizes = np.unique(labels, return_counts=True)
    turn = {int(c): _hash("class", int(c)) for c in classes}
    rank = np.empty(len(labels), dtype=np.int64)
    by_class = np.lexsort((drawn, labels))
    rank[by_class] = np.concatenate([np.arange(size) for size in sizes])
    size = sizes[np.searchsorted(classes, labels)]
    ties = np.array([turn[int(c)] for c in labels], dtype=np.uint64)
    order = np.lexsort((ties, (2 * rank + 1) / size, rank > 0))
    return np.sort(order[:limit])


def _hash(kind: str, number: int) -> int:
    content = hashlib.sha256(f"limit of a split, {kind} {number}".encode()).digest()
    return int.from_bytes(content[:8], "little")


def words(limit: int | None, rule: str) -> str:
    """What a caption says of a limit: ", the first 30 of the list" or the like; "" without one."""
    if limit is None:
        return ""
    left = f"the first {limit} of the list" if rule == FIRST else f"{limit} of them"
    return f", {left}" + ("" if rule == FIRST else ", shared out over the classes")


def said(rule: str, limit: int, images: int) -> str:
    """What is left of a split of so many `images`, for notes and captions."""
    if rule == FIRST:
        return f"only the first {limit} of {images} images (limit)"
    return f"only {limit} of {images} images, shared out over the classes (limit)"
