"""`ict overlap`, `ict stability`, `ict energy`: what scores say, from per-image sums, without torch."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from ict.analysis import tables
from ict.analysis.overlap_row import CeilingRow
from ict.analysis.pairs import overlap_rows
from ict.analysis.sources import RESAMPLED, Source
from ict.catalogue import RATIO, SITE
from ict.cli import field_options
from ict.cli import options as shared
from ict.cli.common import DRAWS, NUMBER, SEED, Progress, Whole, command, emit, table
from ict.criteria import CRITERION, TOKENS
from ict.errors import InputError
from ict.running.missing_scores import Wanted, scored_ks, sources
from ict.store.store import Store
from ict.tasks import SPLITS

_SCORED = (
    field_options.BACKBONE,
    click.option("--criterion", default=CRITERION, show_default=True, help=", ".join(RESAMPLED)),
    click.option("--site", default=SITE, show_default=True),
    click.option("--tokens", default="patch", show_default=True, type=click.Choice(TOKENS)),
    click.option(
        "--split", default="train800val200", show_default=True, type=click.Choice(SPLITS[:3])
    ),
    click.option("--weights", metavar="FILE|none", help="As for `ict score`."),
    click.option("--limit", type=Whole(1), help="Only so many images, of all classes."),
    field_options.IMAGE_SIZE,
    field_options.PIXELS,
    click.option("--device", help="For scores that are missing: cpu, cuda:0, …"),
    shared.THREADS,
)
_CHOSEN = (
    click.option("--ratio", type=NUMBER, help=f"K as a share of the width; {RATIO} by default."),
    click.option("--k", type=Whole(1), multiple=True, help="K, or one for each stage."),
)
seed_option = click.option(
    "--seed", type=SEED, default=0, show_default=True, help="Of the resamples."
)


def _options(*groups: tuple[Callable[..., Any], ...]) -> Callable[..., Any]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed([one for group in groups for one in group]):
            function = option(function)
        return function

    return decorate


def _sources(tasks: tuple[str, ...], store: Store, scored: dict[str, Any]) -> list[Source]:
    """The score files of all tasks; what is computed for it is said on stderr."""
    return sources(tasks, Wanted(**scored), store, say=lambda text: click.echo(text, err=True))


def _ratio(k: tuple[int, ...], ratio: float | None) -> float | None:
    if k and ratio is not None:
        raise InputError("both --k and --ratio are given; choose one")
    return None if k else RATIO if ratio is None else ratio


@command("overlap")
@click.argument("tasks", nargs=-1, required=True)
@_options(_SCORED, _CHOSEN)
@click.option("--splits", default=50, show_default=True, type=Whole(2, 10_000))
@click.option("--permutations", default=1000, show_default=True, type=DRAWS, help="0: none.")
@seed_option
def overlap(
    tasks: tuple[str, ...],
    *,
    ratio: float | None,
    k: tuple[int, ...],
    splits: int,
    permutations: int,
    seed: int,
    as_json: bool,
    **scored: Any,
) -> None:
    """Shared channels of each pair of TASKS, by block, between chance and the noise ceiling.

    TASKS are names, score ids or score files. Scores that are missing are computed first. `ceiling`
    (shared channels), `half_overlap` and `ratio_to_ceiling` come from equal halves of the images; the
    ratio is of Kuncheva's indices, which take chance off, not of the two counts. `p_permutation` is
    adjusted for all blocks of a pair (Westfall–Young) and cannot be below 1 / (permutations + 1).
    """
    if len(tasks) < 2:
        raise InputError("overlap needs two tasks or more")
    store = Store()
    share = _ratio(k, ratio)
    scored_tasks = _sources(tasks, store, scored)
    rows = overlap_rows(
        scored_tasks,
        k=list(scored_ks(scored_tasks[0], k, share)) if k else None,
        ratio=share,
        splits=splits,
        permutations=permutations,
        seed=seed,
        store=store,
        progress=Progress("comparing", "pairs"),
    )
    shown = [
        "task_a",
        "task_b",
        "block",
        "k",
        "channels",
        "overlap",
        "jaccard",
        "kuncheva",
        "floor",
    ]
    shown += ["half_overlap", "ceiling", "ratio_to_ceiling", "p_permutation"]
    forms = [row.to_dict() for row in rows]
    emit(forms, as_json=as_json, text=table(forms, shown) + "\n" + _totals(rows))


def _totals(rows: Sequence[CeilingRow]) -> str:
    """One line a pair: the ratio to ceiling of all blocks together."""
    lines = []
    for (a, b), row in {row.pair: row for row in rows}.items():
        ratio = row.total_ratio
        words = "no signal above chance" if ratio is None else f"{ratio:.2f}"
        if ratio is not None:
            words += f" [{row.total_ratio_low:.2f}, {row.total_ratio_high:.2f}] over splits"
        lines.append(f"{a} and {b}, all blocks: ratio to ceiling {words}")
    return "\n" + "\n".join(lines)


@command("stability")
@click.argument("tasks", nargs=-1, required=True)
@_options(_SCORED, _CHOSEN)
@click.option("--how", default="bootstrap", type=click.Choice(["bootstrap", "half"]))
@click.option("--resamples", default=100, show_default=True, type=Whole(2, 10_000))
@click.option("--shuffles", default=100, show_default=True, type=DRAWS)
@seed_option
def stability(
    tasks: tuple[str, ...],
    *,
    ratio: float | None,
    k: tuple[int, ...],
    how: str,
    resamples: int,
    shuffles: int,
    seed: int,
    as_json: bool,
    **scored: Any,
) -> None:
    """Would other images have chosen the same channels, and do the class labels matter?

    Nogueira's index over resamples of the images (chance 0, identical 1; its interval covers the
    Monte-Carlo error only), and the overlap with choices under shuffled class labels.
    """
    store = Store()
    share = _ratio(k, ratio)
    rows: list[dict[str, Any]] = []
    for source in _sources(tasks, store, scored):
        per_block = tables.stability_rows(
            source,
            scored_ks(source, k, share),
            how=how,
            resamples=resamples,
            shuffles=shuffles,
            seed=seed,
            store=store,
        )
        rows += [row.to_dict() for row in per_block]
    shown = ["task", "block", "k", "channels", "stability", "low", "high", "steady"]
    shown += ["shuffle_overlap", "shuffle_low", "shuffle_high", "l2_overlap"]
    emit(rows, as_json=as_json, text=table(rows, shown))


@command("energy")
@click.argument("tasks", nargs=-1, required=True)
@_options(_SCORED)
def energy(tasks: tuple[str, ...], *, as_json: bool, **scored: Any) -> None:
    """Where the energy of the activations comes from: offset, class, image, token, by block.

    The four shares add to 1. class is corrected for what shuffled labels would give (shuffled), and so
    may be below 0; image has what was taken off. participation_ratio: how many channels carry the energy.
    """
    store = Store()
    rows: list[dict[str, Any]] = []
    for source in _sources(tasks, store, scored):
        rows += [row.to_dict() for row in tables.energy_rows(source, store=store)]
    shown = [
        "task",
        "block",
        "channels",
        "offset",
        "class",
        "image",
        "token",
        "shuffled",
        "participation_ratio",
    ]
    emit(rows, as_json=as_json, text=table(rows, shown))


COMMANDS = {"overlap": overlap, "stability": stability, "energy": energy}
