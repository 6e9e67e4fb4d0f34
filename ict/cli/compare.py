"""`ict compare`: is A better than B, on which tasks, and what these runs cannot tell."""

import click

from ict.analysis.comparing import Comparison, TaskComparison, compare
from ict.analysis.outcomes import Outcome, find_outcome
from ict.analysis.sides import find_side, is_side
from ict.analysis.study_contrasts import declared_outcome, study_contrasts
from ict.analysis.verdicts import Verdict
from ict.cli.common import NUMBER, command, emit
from ict.documents.number_words import number_words
from ict.errors import InputError
from ict.store.store import Store
from ict.store.studies import load_study
from ict.store.study_contrast import OUTCOMES


@command("compare")
@click.argument("a", metavar="A")
@click.argument("b", metavar="[B]", required=False)
@click.option(
    "--outcome",
    type=click.Choice(OUTCOMES),
    help="Of what the difference is; default: what a study declares, else accuracy.",
)
@click.option(
    "--margin",
    type=NUMBER,
    help="Points of accuracy, or nats of loss, below which a difference does not matter; default: 1 point, "
    "0.05 nats.",
)
@click.option(
    "--by",
    type=click.Choice(["class"]),
    help="class: flips of each class, of one run against one.",
)
def compare_command(
    a: str,
    b: str | None,
    *,
    outcome: str | None,
    margin: float | None,
    by: str | None,
    as_json: bool,
) -> None:
    """A minus B in points of test accuracy, paired by seed, with a verdict; or study:NAME alone.

    A and B are a run's id, a row of a study (study:NAME/ROW), or a filter over the store's runs
    (method=ict,criterion=random,ratio=0.125); a filter may follow a row. Alone, study:NAME tells the
    contrast that the study declares, then its other ratios under Holm's correction, then all else.

    *these images, new seeds* is what other trainings on the same test set would show; *new seeds and
    new images* what another test set would. Fewer than five seeds are exploratory. With --outcome loss
    the difference is of the mean cross entropies of the true class, in nats: lower is better.
    """
    store = Store()
    if b is None:
        _study(a, store, outcome, margin, as_json=as_json)
        return
    of = find_outcome(outcome)
    within = _margin(margin, of)
    comparison = compare(
        find_side(a, store), find_side(b, store), store,
        outcome=of, margin=within, by_class=by == "class",
    )  # fmt: skip
    emit(comparison.to_dict(), as_json=as_json, text="\n".join(lines(comparison)))


def _margin(margin: float | None, outcome: Outcome) -> float | None:
    """As the outcome's numbers are. Raises InputError for one that is none."""
    if margin is not None and not 0 < margin <= 100:
        raise InputError(
            f"--margin {number_words(margin)}: choose {outcome.unit} above 0 and up to 100"
        )
    return None if margin is None else margin / outcome.scale


def _study(
    source: str, store: Store, outcome: str | None, margin: float | None, *, as_json: bool
) -> None:
    if is_side(source) or not source.startswith("study:"):
        raise InputError("compare needs two: A and B, or study:NAME alone")
    study = load_study(store, source.removeprefix("study:"))
    of = declared_outcome(study) if outcome is None else find_outcome(outcome)
    contrasts = study_contrasts(store, study, outcome=of, margin=_margin(margin, of))
    sentences = [
        contrasts.sentence,
        *(one.sentence for one in contrasts.all[bool(contrasts.primary) :]),
    ]
    sentences += [note for note in contrasts.notes if note != contrasts.sentence]
    emit(contrasts.to_dict(), as_json=as_json, text="\n\n".join(sentences))


def lines(found: Comparison) -> list[str]:
    """The comparison as a terminal shows it."""
    said = [f"A  {found.a}", f"B  {found.b}"]
    for one, (_, verdicts) in zip(found.tasks, found.of_tasks, strict=True):
        said += ["", *_task(one, verdicts, found.outcome)]
    if len(found.tasks) > 1:
        said += ["", f"mean of {len(found.tasks)} tasks"]
        said += [f"  {verdict.sentence}" for verdict in found.verdicts]
    return said + ([""] if found.notes else []) + list(found.notes)


def _task(one: TaskComparison, verdicts: list[Verdict], outcome: Outcome) -> list[str]:
    a, b = outcome.level(one.a), outcome.level(one.b)
    said = [f"{one.task}: A {a}, B {b}, {one.images:,} test images"]
    said += [f"  {verdict.sentence}" for verdict in verdicts]
    if one.flips is not None:
        said.append(f"  {one.flips.sentence}")
    said += [
        f"    class {each.label}: {each.flips.lost} right under A alone, {each.flips.gained} under B "
        f"alone, of {each.flips.images} (Holm p = {number_words(each.p, '.3g')})"
        for each in one.by_class
    ]
    return said + [f"  {note}" for note in one.notes]


COMMANDS = {"compare": compare_command}
