"""How many seeds a study needs for its primary contrast to find a difference, and how long they take."""

import math
from dataclasses import dataclass
from typing import Any

from ict.analysis.power import Needed, seeds_needed
from ict.analysis.study_contrasts import Told, study_contrasts
from ict.documents.number_words import number_words
from ict.errors import InputError
from ict.store.store import Store
from ict.store.studies import Study


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Seeds for one kind of interval on one task, with the hours of those that are still to be trained."""

    task: str
    needed: Needed
    have: int
    seconds_a_seed: float
    """Of all runs of both rows with one seed, one after the other."""

    def hours(self, seeds: int | None) -> float | None:
        """Hours, one run at a time, until there are `seeds`; None where no number does."""
        return None if seeds is None else max(0, seeds - self.have) * self.seconds_a_seed / 3600

    @property
    def sentence(self) -> str:
        words = f"{self.task}: {self.needed.sentence}"
        low, high = (self.hours(n) for n in (self.needed.low, self.needed.high))
        if low is None or self.needed.smallest > self.needed.difference:
            return f"{words}."
        until = "more" if high is None else number_words(high, ".2g")
        least = number_words(low, ".2g")
        return (
            f"{words}; {self.have} are trained, the rest takes {least} to {until} hours one by one."
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "have": self.have,
            "hours_low": self.hours(self.needed.low),
            "hours_high": self.hours(self.needed.high),
            "seconds_a_seed": self.seconds_a_seed,
            **self.needed.to_dict(),
            "sentence": self.sentence,
        }


def detect(store: Store, study: Study, amount: float) -> list[Plan]:
    """What finds `amount` (points, or nats of loss) between the rows of the primary contrast, task by task.

    Raises InputError where the study has no such contrast with two seeds and their answers.
    """
    primary = study_contrasts(store, study).primary
    if primary is None or not any(one.spread for one in primary.comparison.tasks):
        raise InputError(
            f"--detect needs two finished seeds of both rows of the primary contrast of {study.name}, "
            "with their answers for each image: nothing else tells how seeds spread"
        )
    return [
        Plan(
            task=one.task,
            needed=seeds_needed(
                amount / difference.outcome.scale, one.images, one.spread, difference.over
            ),
            have=one.differences[0].seeds,
            seconds_a_seed=_seconds(primary, one.task) / one.differences[0].seeds,
        )
        for one in primary.comparison.tasks
        if one.spread is not None
        for difference in one.differences
    ]


def _seconds(told: Told, task: str) -> float:
    rows = [row for side in told.comparison.sides for row in side.on(task).rows]
    return math.fsum(float(row.train_seconds or 0) for row in rows)
