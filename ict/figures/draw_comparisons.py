"""Figures of comparisons: A against B by task, flips by class, agreement of runs, power."""

from collections.abc import Sequence

import pandas as pd

from ict.analysis.answered_images import class_names_of
from ict.analysis.comparing import Comparison, TaskComparison, compare
from ict.analysis.flips import agreement
from ict.analysis.named_sides import is_declared
from ict.analysis.outcomes import LOSS, find_outcome
from ict.analysis.power import detectable
from ict.analysis.run_names import run_names
from ict.analysis.same_test import same_images
from ict.analysis.sides import Side, named
from ict.analysis.study_contrasts import study_contrasts
from ict.analysis.verdicts import EXPLORATORY, PRIMARY
from ict.documents.records import Odd
from ict.errors import InputError
from ict.figures import comparisons
from ict.figures.asked import Choice, Drawn, Found, of_runs
from ict.store.predictions import Predictions, read_predictions
from ict.store.run_rows import RunRow
from ict.store.studies import load_study


def _sides(found: Found, choice: Choice) -> tuple[Side, Side]:
    """The two that were named, on the task that was asked for."""
    sides = [_of_task(side, choice.task) for side in found.sides]
    if len(sides) != 2:
        raise InputError(
            f"{len(sides)} source{'s' * (len(sides) != 1)}: this figure is of A and B; name two runs, rows "
            "of a study (study:NAME/ROW) or filters (method=linear)"
        )
    return sides[0], sides[1]


def _of_task(side: Side, task: str | None) -> Side:
    kept = side if task is None else side.on(task)
    if not kept.rows:
        raise InputError(f"{side.name} has no finished run{f' on {task}' if task else ''}")
    return kept


def _compared(found: Found, choice: Choice) -> Comparison:
    """A minus B; where a study declares this contrast, it is the primary one here too."""
    a, b = _sides(found, choice)
    declared = choice.task is None and is_declared(found.store, a.name, b.name)
    role = PRIMARY if declared else EXPLORATORY
    return compare(a, b, found.store, outcome=find_outcome(choice.outcome), role=role)


def differences(found: Found, choice: Choice) -> Drawn:
    """The forest of `ict compare A B` by task, or of `ict compare study:NAME` by contrast."""
    if len(found.names) == 1 and found.names[0].startswith("study:") and not found.sides:
        return _of_study(found, found.names[0].removeprefix("study:"), choice)
    paired = _compared(found, choice)
    lines = [comparisons.Line(task, verdicts) for task, verdicts in paired.of_tasks]
    if len(lines) > 1:
        lines.append(comparisons.Line(f"mean of {len(lines)} tasks", paired.verdicts))
    rows = _rows_of(found, paired)
    return Drawn(
        figure=comparisons.forest(lines, paired.a, paired.b),
        table=pd.DataFrame(
            {"task": line.name, **verdict.to_dict()} for line in lines for verdict in line.verdicts
        ),
        context=" ".join(filter(None, [of_runs(rows), *paired.notes, *_notes(paired)])),
        runs=rows,
        facts={
            "a": paired.a,
            "b": paired.b,
            "margin": paired.margin,
            "outcome": paired.outcome.name,
            "unit": paired.outcome.form,
        },
    )


def _of_study(found: Found, name: str, choice: Choice) -> Drawn:
    asked = None if choice.outcome is None else find_outcome(choice.outcome)
    contrasts = study_contrasts(found.store, load_study(found.store, name), outcome=asked)
    if not contrasts.all:
        raise InputError(contrasts.sentence.rstrip("."))
    lines = [comparisons.Line(one.name, one.verdicts) for one in contrasts.all]
    ids = {
        row.run_id for one in contrasts.all for side in one.comparison.sides for row in side.rows
    }
    rows = list({row.run_id: row for row in found.rows if row.run_id in ids}.values())
    return Drawn(
        figure=comparisons.forest(lines, "first row", "second row"),
        table=pd.DataFrame(
            {"contrast": one.name, **verdict.to_dict()}
            for one in contrasts.all
            for verdict in one.verdicts
        ),
        context=" ".join(dict.fromkeys([contrasts.sentence, of_runs(rows), *contrasts.notes])),
        runs=rows,
        facts={
            "study": name,
            "margin": contrasts.all[0].verdicts[0].margin,
            "outcome": contrasts.outcome.name,
            "unit": contrasts.outcome.form,
        },
    )


def _notes(told: Comparison) -> list[str]:
    return list(dict.fromkeys(note for one in told.tasks for note in one.notes))


def _rows_of(found: Found, told: Comparison) -> list[RunRow]:
    ids = {run for one in told.tasks for side in one.run_ids for run in side}
    return [row for row in found.rows if row.run_id in ids]


def flipped(found: Found, choice: Choice) -> Drawn:
    """Images that one of two models alone gets right, by class."""
    a, b = _sides(found, choice)
    comparison = compare(a, b, found.store, by_class=True)
    one = _only_task(comparison)
    if one.flips is None:
        raise InputError(
            "flips are of one run against one, with their answers kept: name two runs; "
            + " ".join(one.notes)
        )
    table = pd.DataFrame(
        {"class": each.label, **each.flips.to_dict(), "p_holm": each.p} for each in one.by_class
    )
    rows = _rows_of(found, comparison)
    return Drawn(
        figure=comparisons.flip_bars(
            one.flips, one.by_class, class_names_of(one.task), comparison.a, comparison.b
        ),
        table=table[["class", "images", "lost", "gained", "changed_wrong", "p_exact", "p_holm"]],
        context=" ".join([of_runs(rows), *one.notes]),
        runs=rows,
        facts={"a": comparison.a, "b": comparison.b, "n": {"images": one.images}},
    )


def _only_task(told: Comparison) -> TaskComparison:
    if len(told.tasks) != 1:
        names = ", ".join(one.task for one in told.tasks)
        raise InputError(f"runs on {names}: choose one with --task")
    return told.tasks[0]


def agreements(found: Found, choice: Choice) -> Drawn:
    """Which errors runs share."""
    rows = [row for row in found.rows if row.done and choice.task in (None, row.task)]
    side = named(list({row.run_id: row for row in rows}.values()), "the sources")
    if len(side.rows) < 2:
        raise InputError("agreement is of two finished runs or more on one task")
    if len(side.tasks) > 1:
        raise InputError(f"runs on {', '.join(side.tasks)}: choose one with --task")
    answers, reasons = _answers(found, side.rows)
    answered = [row for row in side.rows if row.run_id in answers]
    if len(answered) < 2:
        raise InputError(
            "fewer than two of these runs kept an answer for each image of the same test: "
            + "; ".join(dict.fromkeys(reasons.values()))
        )
    names = run_names(answered, always=("method",))
    shown = [names[row.run_id] for row in answered]
    first = answers[answered[0].run_id]
    result = agreement([answers[row.run_id].predictions for row in answered], first.labels)
    pairs = [
        {
            "a": shown[i], "b": shown[j], "error_overlap": result.error_overlap[i, j],
            "same_answer": result.same_answer[i, j],
        }
        for i in range(len(answered)) for j in range(i)
    ]  # fmt: skip
    return Drawn(
        figure=comparisons.agreement_matrix(result, shown, len(first)),
        table=pd.DataFrame(pairs),
        context=of_runs(answered),
        runs=answered,
        facts={"n": {"images": len(first)}},
        reasons=reasons,
    )


def _answers(found: Found, rows: Sequence[RunRow]) -> tuple[dict[str, Predictions], dict[str, str]]:
    """Answers on the test of the first run that kept any, and why others are left out."""
    kept: dict[str, Predictions] = {}
    reasons: dict[str, str] = {}
    for row in rows:
        read = read_predictions(found.store.run(row.run_id))
        first = next(iter(kept.values()), None)
        if read is None or isinstance(read, Odd):
            reasons[row.run_id] = "no answer for each image"
        elif first is not None and not same_images((read, first)):
            reasons[row.run_id] = "other test images"
        else:
            kept[row.run_id] = read
    return kept, reasons


def what_seeds_find(found: Found, choice: Choice) -> Drawn:
    """Power of a comparison of accuracies against the number of seeds."""
    if choice.outcome == LOSS.name:
        raise InputError(
            "this figure is of accuracies; what seeds find of losses says `ict compare study:NAME`"
        )
    paired = _compared(found, choice)
    one = _only_task(paired)
    if one.spread is None:
        raise InputError(
            "power needs two seeds of each, paired, with their answers kept: " + " ".join(one.notes)
        )
    over = [difference.over for difference in one.differences]
    rows = _rows_of(found, paired)
    points = [
        {"seeds": n, "over": kind, "points": 100 * detectable(n, one.images, one.spread, kind)}
        for kind in over
        for n in comparisons.SEED_COUNTS
    ]
    return Drawn(
        figure=comparisons.power_curves(one.spread, one.images, over, paired.a, paired.b),
        table=pd.DataFrame(points),
        context=" ".join([of_runs(rows), *one.notes]),
        runs=rows,
        facts={"a": paired.a, "b": paired.b, "n": {"images": one.images}},
    )
