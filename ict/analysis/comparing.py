"""Two methods on the same test images, task by task: differences, verdicts, flips, and what is not told.

Everything that `ict compare`, its figures and the report say comes from here; which runs saw the same
test images says `same_test`, how they are paired `paired_runs`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ict.analysis import groups
from ict.analysis.differences import Difference, over_seeds_and_images, over_tasks
from ict.analysis.flips import ClassFlips, Flips, flips, flips_by_class
from ict.analysis.outcomes import ACCURACY, Outcome
from ict.analysis.paired_runs import gains, measured, of_seeds
from ict.analysis.power import Spread, spread
from ict.analysis.probe_inside import below_probe
from ict.analysis.same_test import answers_of, same_test, test_size
from ict.analysis.sides import Side, one_setting, torn
from ict.analysis.verdicts import EXPLORATORY, Verdict, judge
from ict.errors import InputError, quoted
from ict.store.predictions import Predictions
from ict.store.store import Store

NO_NEW_IMAGES: Final = (
    "Nothing is told about losses on new images: few images can carry most of a mean loss, and an interval "
    "over images would be too narrow."
)


@dataclass(frozen=True, kw_only=True)
class TaskComparison:
    """A and B on one task."""

    task: str
    a: float
    b: float
    """Mean outcomes over seeds, draws averaged within a seed."""
    differences: tuple[Difference, ...]
    """The first speaks about these images; of accuracies, where answers are kept, the next about new ones too."""
    images: int
    run_ids: tuple[tuple[str, ...], tuple[str, ...]]
    flips: Flips | None
    """Of one run against one."""
    by_class: tuple[ClassFlips, ...]
    spread: Spread | None
    """Of seeds and images, where seeds are paired and answers kept."""
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A minus B, as fractions or nats. `verdicts` are of all tasks together."""

    a: str
    b: str
    outcome: Outcome
    margin: float
    tasks: tuple[TaskComparison, ...]
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    sides: tuple[Side, Side] = field(repr=False)

    @property
    def of_tasks(self) -> list[tuple[str, list[Verdict]]]:
        """The verdicts of each task, with its name; exploratory where there are several."""
        role = self.verdicts[0].role if len(self.tasks) == 1 else EXPLORATORY
        return [
            (one.task, [judge(d, margin=self.margin, role=role) for d in one.differences])
            for one in self.tasks
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "a": self.a,
            "b": self.b,
            "outcome": self.outcome.name,
            "unit": self.outcome.form,
            "margin": self.margin,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "tasks": [
                {
                    "task": one.task,
                    "a": one.a,
                    "b": one.b,
                    "test_images": one.images,
                    "runs_a": list(one.run_ids[0]),
                    "runs_b": list(one.run_ids[1]),
                    "verdicts": [verdict.to_dict() for verdict in verdicts],
                    "flips": one.flips.to_dict() if one.flips else None,
                    "by_class": [
                        {"label": c.label, "p_holm": c.p, **c.flips.to_dict()} for c in one.by_class
                    ],
                    "notes": list(one.notes),
                }
                for one, (_, verdicts) in zip(self.tasks, self.of_tasks, strict=True)
            ],
            "notes": list(self.notes),
        }


def compare(
    a: Side,
    b: Side,
    store: Store,
    *,
    outcome: Outcome = ACCURACY,
    margin: float | None = None,
    role: str = EXPLORATORY,
    by_class: bool = False,
) -> Comparison:
    """A minus B on every task that both have; the margin is the outcome's unless one is given.

    Raises InputError where a side holds several settings of a task, both are the same runs, no
    task has the same test images on both sides, or a run has no such outcome; of several tasks those
    for which it is so are noted.
    """
    margin = outcome.margin if margin is None else margin
    for side in (a, b):
        one_setting(side)
    common = [task for task in a.tasks if task in b.tasks]
    if not common:
        raise InputError(
            f"{quoted(a.name)} ran on {', '.join(a.tasks)}, {quoted(b.name)} on {', '.join(b.tasks)}: "
            "they have no task in common"
        )
    notes = [_only(one, other) for one, other in ((a, b), (b, a))]
    notes += [_without_archived(side) for side in (a, b)]
    comparisons: list[TaskComparison] = []
    for task in common:
        try:
            sides = a.on(task), b.on(task)
            comparisons.append(_on_task(task, *sides, store, outcome, by_class=by_class))
        except InputError as error:
            if len(common) == 1:
                raise
            notes.append(f"{task} is left out: {error}.")
    if not comparisons:
        raise InputError(" ".join(note for note in notes if note))
    return Comparison(
        a=a.name,
        b=b.name,
        outcome=outcome,
        margin=margin,
        tasks=tuple(comparisons),
        verdicts=tuple(judge(d, margin=margin, role=role) for d in _together(comparisons)),
        notes=tuple(note for note in notes if note),
        sides=(a, b),
    )


def _only(one: Side, other: Side) -> str:
    lacking = [task for task in one.tasks if task not in other.tasks]
    return f"Only {quoted(one.name)} ran on {', '.join(lacking)}." if lacking else ""


def _without_archived(side: Side) -> str:
    many = f"{side.archived} archived run{'s' * (side.archived != 1)}"
    return f"{quoted(side.name)} is without {many}." if side.archived else ""


def _together(tasks: Sequence[TaskComparison]) -> list[Difference]:
    """Differences over all tasks, of every kind that each task has."""
    if len(tasks) == 1:
        return list(tasks[0].differences)
    first = [one.differences[0] for one in tasks]
    over = "; or, by task, ".join(dict.fromkeys(one.over for one in first))
    first = [replace(one, over=over) for one in first]
    kinds = [first] + ([[one.differences[1] for one in tasks]] if _all_have_two(tasks) else [])
    return [over_tasks(parts) for parts in kinds]


def _all_have_two(tasks: Sequence[TaskComparison]) -> bool:
    return all(len(one.differences) > 1 for one in tasks)


def _on_task(
    task: str, a: Side, b: Side, store: Store, outcome: Outcome, *, by_class: bool
) -> TaskComparison:
    ids = _ids(a), _ids(b)
    if both := set(ids[0]) & set(ids[1]):
        shared = f"have {len(both)} run{'s' * (len(both) != 1)} in common"
        what = "are the same runs" if ids[0] == ids[1] else shared
        raise InputError(f"{quoted(a.name)} and {quoted(b.name)} {what}: nothing can be told apart")
    answers, notes = answers_of((*a.rows, *b.rows), store, outcome)
    notes += same_test(a, b, answers)
    if answers and outcome.kept_by_image:
        a, b = measured(a, answers, outcome), measured(b, answers, outcome)
    images = len(next(iter(answers.values()))) if answers else test_size(a)
    difference, left_out = of_seeds(a, b, images, outcome)
    gained = gains(a, b, answers, outcome) if answers and difference.seeds > 1 else None
    differences = [difference]
    if gained is not None and outcome.new_images:
        differences.append(over_seeds_and_images(gained, outcome))
    elif gained is not None:
        notes.append(NO_NEW_IMAGES)
    below = below_probe(a, b, difference, outcome)
    pair, classes, more = _pair(a, b, answers, by_class=by_class)
    return TaskComparison(
        task=task,
        a=_mean(a, outcome),
        b=_mean(b, outcome),
        differences=tuple(differences),
        images=images,
        run_ids=ids,
        flips=pair,
        by_class=classes,
        spread=None if gained is None else spread(gained, outcome),
        notes=tuple(dict.fromkeys([*notes, *left_out, *more, *torn(a), *torn(b), *below])),
    )


def _ids(side: Side) -> tuple[str, ...]:
    return tuple(sorted({row.run_id for row in side.rows}))


def _mean(side: Side, outcome: Outcome) -> float:
    by_seed = groups.by_seed(side.rows, outcome.column)
    return math.fsum(by_seed.values()) / len(by_seed)


def _one_model(side: Side) -> bool:
    """One run, or several of a method that reads no seed, which are one."""
    return len(side.rows) == 1 or groups.by_seed(side.rows).keys() == {None}


def _pair(
    a: Side, b: Side, answers: Mapping[str, Predictions] | None, *, by_class: bool
) -> tuple[Flips | None, tuple[ClassFlips, ...], list[str]]:
    """Flips of one run against one, by class if asked, and notes."""
    if answers is None or not (_one_model(a) and _one_model(b)):
        notes = ["Flips by class are of one run against one: name two runs."] if by_class else []
        return None, (), notes
    one, other = (answers[side.rows[0].run_id] for side in (a, b))
    changed = flips(one.predictions, other.predictions, one.labels)
    if not by_class:
        return changed, (), []
    classes = tuple(flips_by_class(one.predictions, other.predictions, one.labels))
    few = [str(each.label) for each in classes if each.flips.images == 1]
    notes = [f"One test image alone: class {', '.join(few)}; it tells nothing."] if few else []
    return changed, classes, notes
