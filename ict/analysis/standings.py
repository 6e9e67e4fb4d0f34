"""Which row of a table may be called the best: the one that differs from all others, or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ict.analysis.differences import Difference, over_seeds, paired_by_seed, unpaired
from ict.analysis.groups import Seed
from ict.analysis.verdicts import MARGIN, judge_family

Standing = Literal["best", "equivalent", ""]


@dataclass(frozen=True)
class Repeats:
    """A row of a table: the accuracy of each seed (`groups.by_seed`)."""

    by_seed: Mapping[Seed, float]


def standings(rows: Sequence[Repeats], images: int, *, margin: float = MARGIN) -> list[Standing]:
    """Of rows of accuracies on the same `images` test images.

    The highest mean is *best* only if it differs from each other row, under Holm's correction over
    all of them; rows that are equivalent to it within the margin are *equivalent*. Without intervals
    nothing stands out.
    """
    values = [row.by_seed for row in rows]
    means = [sum(row.values()) / len(row) if row else -1.0 for row in values]
    if len(values) < 2:
        return [""] * len(values)
    first = means.index(max(means))
    others = [i for i in range(len(values)) if i != first and values[i]]
    verdicts = judge_family(
        [_difference(values[first], values[i], images) for i in others], margin=margin
    )
    marks: list[Standing] = [""] * len(values)
    for i, verdict in zip(others, verdicts, strict=True):
        marks[i] = "equivalent" if verdict.equivalent else ""
    if others and all(verdict.different for verdict in verdicts):
        marks[first] = "best"
    return marks


def _difference(a: Mapping[Seed, float], b: Mapping[Seed, float], images: int) -> Difference:
    pairs = paired_by_seed(a, b)
    if len(pairs) > 1:
        return over_seeds(pairs, images)
    return unpaired(list(a.values()), list(b.values()), images)
