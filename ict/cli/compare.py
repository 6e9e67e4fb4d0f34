"""`ict compare`: is A better than B, on which tasks, and what these runs cannot tell."""

import click

from ict.analysis.comparing import Comparison, TaskComparison, compare
from ict.analysis.sides import find_side, is_side
from ict.analysis.study_contrasts import study_contrasts
from ict.analysis.verdicts import Verdict
from ict.cli.common import NUMBER, command, emit
from ict.errors import InputError
from ict.store.store import Store
from ict.store.studies import load_study


@command("compare")
@click.argument("a", metavar="A")
@click.argument("b", metavar="[B]", required=False)
@click.option(
    "--margin",
    type=NUMBER,
    default=1.0,
    show_default=True,
    help="Points of accuracy below which a difference does not matter.",
)
@click.option(
    "--by",
    type=click.Choice(["class"]),
    help="class: flips of each class, of one run against one.",
)
def compare_command(a: str, b: str | None, *, margin: float, by: str | None, as_json: bool) -> None:
    """A minus B in points of test accuracy, paired by seed, with a verdict; or study:NAME alone.

    A and B are a run's id, a row of a study (study:NAME/ROW), or a filter over the store's runs
    (method=ict,criterion=random,ratio=0.125); a filter may follow a row. Alone, study:NAME tells the
    contrast that the study declares, then its other ratios under Holm's correction, then all else.

    *these images, new seeds* is what other trainings on the same test set would show; *new seeds and
    new images* what another test set would. Fewer than five seeds are exploratory.
    """
    if not 0 < margin <= 100:
        raise InputError(f"--margin {margin:g}: choose points above 0 and up to 100")
    store = Store()
    if b is None:
        _study(a, store, margin / 100, as_json=as_json)
        return
    comparison = compare(
        find_side(a, store), find_side(b, store), store,
        margin=margin / 100, by_class=by == "class",
    )  # fmt: skip
    emit(comparison.to_dict(), as_json=as_json, text="\n".join(lines(comparison)))


def _study(source: str, store: Store, margin: float, *, as_json: bool) -> None:
    if is_side(source) or not source.startswith("study:"):
        raise InputError("compare needs two: A and B, or study:NAME alone")
    study = load_study(store, source.removeprefix("study:"))
    contrasts = study_contrasts(store, study, margin=margin)
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
        said += ["", *_task(one, verdicts)]
    if len(found.tasks) > 1:
        said += ["", f"mean of {len(found.tasks)} tasks"]
        said += [f"  {verdict.sentence}" for verdict in found.verdicts]
    return said + ([""] if found.notes else []) + list(found.notes)


def _task(one: TaskComparison, verdicts: list[Verdict]) -> list[str]:
    said = [f"{one.task}: A {100 * one.a:.2f} %, B {100 * one.b:.2f} %, {one.images:,} test images"]
    said += [f"  {verdict.sentence}" for verdict in verdicts]
    if one.flips is not None:
        said.append(f"  {one.flips.sentence}")
    said += [
        f"    class {each.label}: {each.flips.lost} right under A alone, {each.flips.gained} under B "
        f"alone, of {each.flips.images} (Holm p = {each.p:.3g})"
        for each in one.by_class
    ]
    return said + [f"  {note}" for note in one.notes]


COMMANDS = {"compare": compare_command}
