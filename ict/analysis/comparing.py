"""Two methods on the same test images, task by task: differences, verdicts, flips, and what is not told.

Everything that `ict compare`, its figures and the report say comes from here. Accuracies are compared
only on the same test images: `test_sha256` of a run's predictions says which; files of version 0.1.0
have none, and are held to their labels in order.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from ict.analysis import groups
from ict.analysis.differences import (
    Difference,
    over_seeds,
    over_seeds_and_draws,
    over_seeds_and_images,
    over_tasks,
    paired_by_seed,
    unpaired,
)
from ict.analysis.flips import ClassFlips, Flips, flips, flips_by_class
from ict.analysis.power import Spread, spread
from ict.analysis.sides import Row, Side, one_setting
from ict.analysis.verdicts import EXPLORATORY, MARGIN, Verdict, judge
from ict.documents.records import Odd
from ict.errors import InputError, quoted
from ict.store.predictions import Predictions, read_predictions
from ict.store.store import Store

Seed = int | str | None
ONE_SEED: Final = "these images, one seed, new draws"


@dataclass(frozen=True, kw_only=True)
class TaskComparison:
    """A and B on one task."""

    task: str
    a: float
    b: float
    """Mean accuracies over seeds, draws averaged within a seed."""
    differences: tuple[Difference, ...]
    """The first speaks about these images; where answers are kept, the next about new ones too."""
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
    """A minus B. `verdicts` are of all tasks together."""

    a: str
    b: str
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
    margin: float = MARGIN,
    role: str = EXPLORATORY,
    by_class: bool = False,
) -> Comparison:
    """A minus B on every task that both have.

    Raises InputError where a side holds several settings of a task, both are the same runs, or no
    task has the same test images on both sides; of several tasks those that have not are noted.
    """
    for side in (a, b):
        one_setting(side)
    common = [task for task in a.tasks if task in b.tasks]
    if not common:
        raise InputError(
            f"{quoted(a.name)} ran on {', '.join(a.tasks)}, {quoted(b.name)} on {', '.join(b.tasks)}: "
            "they have no task in common"
        )
    notes = [_only(one, other) for one, other in ((a, b), (b, a))]
    found: list[TaskComparison] = []
    for task in common:
        try:
            found.append(_on_task(task, a.on(task), b.on(task), store, by_class=by_class))
        except InputError as error:
            if len(common) == 1:
                raise
            notes.append(f"{task} is left out: {error}.")
    if not found:
        raise InputError(" ".join(note for note in notes if note))
    return Comparison(
        a=a.name,
        b=b.name,
        margin=margin,
        tasks=tuple(found),
        verdicts=tuple(judge(d, margin=margin, role=role) for d in _together(found)),
        notes=tuple(note for note in notes if note),
        sides=(a, b),
    )


def _only(one: Side, other: Side) -> str:
    lacking = [task for task in one.tasks if task not in other.tasks]
    return f"Only {quoted(one.name)} ran on {', '.join(lacking)}." if lacking else ""


def _together(tasks: Sequence[TaskComparison]) -> list[Difference]:
    """Differences over all tasks, of every kind that each task has."""
    if len(tasks) == 1:
        return list(tasks[0].differences)
    first = [one.differences[0] for one in tasks]
    if len({difference.over for difference in first}) > 1:
        first = [replace(one, over=first[0].over) for one in first]
    kinds = [first] + ([[one.differences[1] for one in tasks]] if _all_have_two(tasks) else [])
    return [over_tasks(parts) for parts in kinds]


def _all_have_two(tasks: Sequence[TaskComparison]) -> bool:
    return all(len(one.differences) > 1 for one in tasks)


def _on_task(task: str, a: Side, b: Side, store: Store, *, by_class: bool) -> TaskComparison:
    ids = _ids(a), _ids(b)
    if ids[0] == ids[1]:
        raise InputError(
            f"{quoted(a.name)} and {quoted(b.name)} are the same runs: nothing differs"
        )
    answers, notes = _answers((*a.rows, *b.rows), store)
    notes += _same_test(a, b, answers)
    accuracies = groups.by_seed(a.rows), groups.by_seed(b.rows)
    images = len(next(iter(answers.values()))) if answers else _images(a)
    difference, told = _of_seeds(a, b, accuracies, images)
    differences, table = [difference], None
    gains = _gains(a, b, answers) if answers and difference.seeds > 1 else None
    if gains is not None:
        differences.append(over_seeds_and_images(gains))
        table = spread(gains)
    pair, classes, more = _pair(a, b, answers, by_class=by_class)
    return TaskComparison(
        task=task,
        a=_mean(accuracies[0]),
        b=_mean(accuracies[1]),
        differences=tuple(differences),
        images=images,
        run_ids=ids,
        flips=pair,
        by_class=classes,
        spread=table,
        notes=tuple(dict.fromkeys([*notes, *told, *more])),
    )


def _images(side: Side) -> int:
    """How many test images its results say. Raises InputError where they do not."""
    found = side.rows[0].get("test_images")
    if not isinstance(found, int | float) or not found >= 1:
        raise InputError(f"run {side.rows[0]['run_id']} does not say how many test images it saw")
    return int(found)


def _ids(side: Side) -> tuple[str, ...]:
    return tuple(sorted({str(row["run_id"]) for row in side.rows}))


def _mean(accuracies: Mapping[Seed, float]) -> float:
    return math.fsum(accuracies.values()) / len(accuracies)


def _answers(rows: Sequence[Row], store: Store) -> tuple[dict[str, Predictions] | None, list[str]]:
    """What each run answered; None, with the reason, where one of them has kept nothing readable."""
    found: dict[str, Predictions] = {}
    for row in rows:
        read = read_predictions(store.run(row["run_id"]))
        if read is None or isinstance(read, Odd):
            why = f" ({read.reason})" if read else ""
            return None, [
                f"Run {row['run_id']} has no answer for each image{why}: nothing is told about new images "
                "and flips."
            ]
        found[str(row["run_id"])] = read
    return found, []


def _same_test(a: Side, b: Side, answers: Mapping[str, Predictions] | None) -> list[str]:
    """Notes on how it is known. Raises InputError unless all runs saw the same test images."""
    limits = {groups.key(row, ("limit",)): row.get("limit") for row in (*a.rows, *b.rows)}
    if len(limits) > 1:
        said = " and ".join(str(value) for value in limits.values())
        raise InputError(f"limit is {said}: these are not the same test images")
    notes = []
    limit = next(iter(limits.values()))
    if isinstance(limit, int | float) and not math.isnan(limit):
        notes.append(f"Both are of at most {int(limit)} images of each split, not of the task.")
    if answers is None:
        if len({groups.key(row, ("data", "test_images")) for row in (*a.rows, *b.rows)}) > 1:
            raise InputError("their test images differ, or are not known to be the same")
        return [
            *notes,
            "That the test images are the same follows from the data's fingerprint alone.",
        ]
    first = next(iter(answers.values()))
    digests = {one.test_sha256 for one in answers.values()}
    if len(digests - {None}) > 1 or any(
        not np.array_equal(one.labels, first.labels) for one in answers.values()
    ):
        raise InputError("their runs were tested on different images: nothing can be paired")
    if None in digests:
        notes.append(
            "Some runs are of version 0.1.0, which kept no digest of the test images: that they are the "
            "same follows from their labels in order."
        )
    return notes


def _of_seeds(
    a: Side, b: Side, accuracies: tuple[Mapping[Seed, float], Mapping[Seed, float]], images: int
) -> tuple[Difference, list[str]]:
    """The difference on these images, by what was repeated, with notes on what it leaves open."""
    pairs = paired_by_seed(*accuracies)
    notes = [note for side in (a, b) if (note := _one_draw(side))]
    if len(pairs) > 1:
        notes += _left_out(*accuracies, len(pairs))
        crossed = _crossed(a, b)
        if crossed is None:
            return over_seeds(pairs, images), notes
        notes.append(
            "Seeds share their random draws: seeds and draws are crossed, and so is the interval."
        )
        return over_seeds_and_draws(crossed, images), notes
    if max(map(len, accuracies)) > 1:
        notes.append(
            f"{len(pairs)} seeds are shared, so nothing is paired: the interval is Welch's of two samples."
        )
        one, other = (list(values.values()) for values in accuracies)
        return unpaired(one, other, images), notes
    return _of_one_seed(a, b, pairs, images, notes)


def _of_one_seed(
    a: Side, b: Side, pairs: Sequence[float], images: int, notes: list[str]
) -> tuple[Difference, list[str]]:
    values = [_by_draw(side) for side in (a, b)]
    if max(map(len, values)) > 1:
        found = unpaired(values[0], values[1], images)
        notes.append(
            "One training seed: the interval speaks of other draws of random channels alone."
        )
        return replace(found, seeds=1, over=ONE_SEED), notes
    seedless = all(groups.seed_of(row) is None for row in (*a.rows, *b.rows))
    notes.append(
        "Neither reads a seed: there is no spread over seeds to tell."
        if seedless
        else "One seed each: nothing is told about other seeds; train at least two of each, better five."
    )
    return over_seeds(pairs or [_single(a) - _single(b)], images), notes


def _single(side: Side) -> float:
    return float(side.rows[0]["test_accuracy"])


def _by_draw(side: Side) -> list[float]:
    draws: dict[int | None, list[float]] = defaultdict(list)
    for row in side.rows:
        draws[groups.draw_of(row)].append(float(row["test_accuracy"]))
    return [math.fsum(values) / len(values) for values in draws.values()]


def _one_draw(side: Side) -> str:
    """A sentence where all seeds of a side have the same random channels."""
    draws = {groups.draw_of(row) for row in side.rows}
    if draws == {None} or len(draws) > 1 or len(groups.by_seed(side.rows)) < 2:
        return ""
    (draw,) = draws
    return (
        f"All seeds of {quoted(side.name)} share one draw of random channels (selection_seed {draw}): "
        "nothing is told about other draws."
    )


def _left_out(a: Mapping[Seed, float], b: Mapping[Seed, float], pairs: int) -> list[str]:
    if None in a or None in b or len(a) == len(b) == pairs:
        return []
    return [f"Paired on the {pairs} seeds that both have, of {len(a)} and {len(b)}."]


def _crossed(a: Side, b: Side) -> np.ndarray | None:
    """Differences (S, R) where one side trained every one of its R draws with every common seed."""
    tables = [_draws(side) for side in (a, b)]
    crossing = [set.intersection(*map(set, t.values())) if t else set() for t in tables]
    wide = [i for i in (0, 1) if len(crossing[i]) > 1 and None not in tables[i]]
    if len(wide) != 1:
        return None
    side, plain = tables[wide[0]], groups.by_seed((a, b)[1 - wide[0]].rows)
    seeds = [seed for seed in side if seed in plain or None in plain]
    draws = sorted(crossing[wide[0]])
    if len(seeds) < 2 or any(set(side[seed]) != set(draws) for seed in seeds):
        return None
    own = np.array([[side[seed][draw] for draw in draws] for seed in seeds])
    other = np.array([[plain.get(seed, plain.get(None))] for seed in seeds], dtype=float)
    return own - other if wide[0] == 0 else other - own


def _draws(side: Side) -> dict[Seed, dict[int, float]]:
    """Accuracy by seed and draw; nothing of a side without draws."""
    found: dict[Seed, dict[int, float]] = defaultdict(dict)
    for row in side.rows:
        if (draw := groups.draw_of(row)) is not None:
            found[groups.seed_of(row)][draw] = float(row["test_accuracy"])
    return dict(found)


def _gains(a: Side, b: Side, answers: Mapping[str, Predictions]) -> np.ndarray | None:
    """d (S, I): right under A minus right under B, by seed and image, draws averaged."""
    one, other = (_right(side, answers) for side in (a, b))
    if one.keys() == {None}:
        one = dict.fromkeys(other, one[None])
    elif other.keys() == {None}:
        other = dict.fromkeys(one, other[None])
    pairs = [one[seed] - other[seed] for seed in one if seed in other]
    return np.stack(pairs) if len(pairs) > 1 else None


def _right(side: Side, answers: Mapping[str, Predictions]) -> dict[Seed, np.ndarray]:
    found: dict[Seed, list[np.ndarray]] = defaultdict(list)
    for row in side.rows:
        said = answers[str(row["run_id"])]
        found[groups.seed_of(row)].append(said.predictions == said.labels)
    return {seed: np.asarray(np.mean(rights, axis=0)) for seed, rights in found.items()}


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
    one, other = (answers[str(side.rows[0]["run_id"])] for side in (a, b))
    found = flips(one.predictions, other.predictions, one.labels)
    if not by_class:
        return found, (), []
    classes = tuple(flips_by_class(one.predictions, other.predictions, one.labels))
    few = [str(each.label) for each in classes if each.flips.images == 1]
    notes = [f"One test image alone: class {', '.join(few)}; it tells nothing."] if few else []
    return found, classes, notes
