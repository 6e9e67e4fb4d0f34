"""What a page finds, in one sentence by the verdicts of `ict.analysis.verdicts`. Nothing is told twice."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from ict.analysis.agreement import mean_over_blocks
from ict.analysis.comparing import compare
from ict.analysis.differences import SEEDS, Difference
from ict.analysis.effect_agreement import effect_correlations
from ict.analysis.overlap_row import OverlapRow
from ict.analysis.pair_ratios import PairRatio, pair_ratios
from ict.analysis.probe_inside import WHY
from ict.analysis.sides import at_ratio, named, ratios
from ict.analysis.study_controls import chosen_channels, linear_probes, random_channels
from ict.analysis.transfer import TransferRow
from ict.analysis.verdicts import DIFFERENT, UNTOLD, judge, judge_family
from ict.catalogue import RATIO
from ict.criteria import CRITERION
from ict.documents.number_words import number_words, range_words, share_words
from ict.errors import InputError
from ict.figures.benchmark import AVERAGES
from ict.figures.labels import labels
from ict.store.causal_files import CausalCheck
from ict.store.run_rows import RunRow
from ict.store.store import Store

NONE: Final = "No finding yet: "


def of_ablation(rows: Iterable[RunRow], store: Store) -> str:
    """Chosen channels against random ones and against the linear probe, at K/D = 1/8 or the nearest.

    The criterion is the default one where several are there.
    """
    done = list(rows)
    ours = chosen_channels(done)
    ours = [row for row in ours if row.criterion == CRITERION] or ours
    chance, probes = random_channels(done), linear_probes(done)
    ratio = _nearest(ours, chance)
    if ratio is None:
        said = f"{NONE}no random channels were tuned at a K of the chosen ones."
        ratio = _nearest(ours, ours)
    else:
        said = _ict_minus(ours, chance, "random", ratio, store)
    if not {row.task for row in probes} & {row.task for row in ours} or ratio is None:
        return said
    probed = _ict_minus(ours, probes, "linear probe", ratio, store)
    told = [sentence for sentence in (said, probed) if not sentence.startswith(NONE)]
    return " ".join(told) or said


def _nearest(ours: Sequence[RunRow], others: Sequence[RunRow]) -> float | None:
    """The K/D next to 1/8 that both ran, on a task of both; None where there is none."""
    tasks = {row.task for row in ours} & {row.task for row in others}
    both = [
        set(ratios(named([row for row in side if row.task in tasks], "")))
        for side in (ours, others)
    ]
    shared = set.intersection(*both)
    return min(shared, key=lambda one: (abs(np.log(one / RATIO)), one)) if shared else None


def _ict_minus(
    ours: Sequence[RunRow], others: Sequence[RunRow], name: str, ratio: float, store: Store
) -> str:
    """The verdict on chosen channels minus something else at a K/D, and that they are below it if so."""
    tasks = {str(row.task) for row in ours} & {str(row.task) for row in others}
    sides = [
        at_ratio(named([row for row in side if str(row.task) in tasks], called), ratio)
        for side, called in ((ours, "ICT"), (others, name))
    ]
    where = f" on {next(iter(tasks))}" if len(tasks) == 1 else f", mean of {len(tasks)} tasks"
    try:
        found = compare(sides[0], sides[1], store)
    except InputError as error:
        return f"{NONE}{error}."
    verdict = found.verdicts[0]
    below = verdict.different and verdict.difference.mean < 0
    then = f"; ICT is below {_IN_FULL[name]}" if below else ""
    if below and all(any(WHY in note for note in task.notes) for task in found.tasks):
        then += f" that it contains: {WHY}"
    return f"Test accuracy of ICT − {name} at K/D = {share_words(ratio)}{where}: {verdict.brief}{then}."


_IN_FULL: Final = {"random": "random channels", "linear probe": "the linear probe"}


def of_runs(rows: Sequence[RunRow], store: Store) -> str:
    """The two settings with the highest mean test accuracy on the task with most of them."""
    done = [row for row in rows if row.done and row.test_accuracy is not None]
    if not done:
        return f"{NONE}no run has finished."
    task, _ = Counter(str(row.task) for row in done).most_common(1)[0]
    part = [row for row in done if str(row.task) == task]
    names = labels(part)
    sides = [
        named([row for row in part if names[row.run_id] == name], name)
        for name in dict.fromkeys(names.values())
    ]
    if len(sides) < 2:
        return f"{NONE}one setting alone has finished on {task}."
    means = {side.name: np.mean([row.test_accuracy for row in side.rows]) for side in sides}
    first, second = sorted(sides, key=lambda side: -means[side.name])[:2]
    try:
        verdict = compare(first, second, store).verdicts[0]
    except InputError as error:
        return f"{NONE}{error}."
    return f"The two highest test accuracies on {task}, {first.name} − {second.name}: {verdict.brief}; picked after looking."


def of_transfer(table: Sequence[TransferRow]) -> str:
    """How many foreign sources differ under Holm's correction, and the one that costs most."""
    rows = [row for row in table if not row.control] or list(table)
    verdicts = judge_family([_difference(row) for row in rows])
    said = Counter(verdict.words for verdict in verdicts)
    counts = ", ".join(f"{n} {words}" for words, n in said.most_common())
    worst = min(range(len(rows)), key=lambda i: rows[i].difference)
    row = rows[worst]
    many = f"Of {len(rows)} cells {counts}. Lowest difference of test" if len(rows) > 1 else "Test"
    own = f"{many} accuracy: {row.task} on the channels of {row.source} − on its own {verdicts[worst].brief}."
    chance = [one for one in table if one.source == "random" and one not in rows]
    told = [f"{one.task} on random ones {judge(_difference(one)).brief}" for one in chance[:1]]
    return " ".join([own, *(f"{sentence}." for sentence in told)])


def _difference(row: TransferRow) -> Difference:
    """The row's interval as the difference that it is made of."""
    degrees = max(row.n - 1, 1)
    half = (row.high - row.low) / 200
    return Difference(
        mean=row.difference / 100,
        standard_error=half / float(special.stdtrit(degrees, 0.975)),
        degrees=degrees,
        seeds=row.n,
        images=row.run.test_images or 0,
        over=SEEDS,
    )


def of_overlap(rows: Sequence[OverlapRow]) -> str:
    """In how many blocks pairs share more than chance, the mean index, and how near noise allows."""
    above = sum(row.overlap > row.floor_high for row in rows)
    values = [row.kuncheva for row in rows if row.kuncheva is not None]
    mean = float(np.mean(values)) if values else np.nan
    pairs = len({row.pair for row in rows})
    of = f"{len(rows)} blocks" + (f" of {pairs} pairs" if pairs > 1 else "")
    sentence = (
        f"In {above} of {of} more channels are shared than the central 95 % of chance; Kuncheva's "
        f"index is {number_words(mean, '.2f')} on average (0 is chance)"
    )
    return f"{sentence}{_of_ceiling(rows)}."


def _of_ceiling(rows: Sequence[OverlapRow]) -> str:
    """Ratios to the noise ceiling, one a pair; nothing where there is none."""
    kept = [one for one in pair_ratios(rows) if one.ratio is not None]
    if not kept:
        return ", and no noise ceiling is known"
    values = [one.ratio for one in kept if one.ratio is not None]
    below = sum(one.high is not None and one.high < 1 for one in kept)
    return (
        f", {range_words(min(values), max(values), '.2f')} of the noise ceiling: "
        f"{below} of {len(kept)} pair{'s' * (len(kept) != 1)} lie below it by their interval"
    )


def of_pair(told: PairRatio) -> str:
    """The index of one pair over all blocks, and which share of the noise ceiling that is."""
    said = f"over all blocks Kuncheva's index is {number_words(told.kuncheva, '.2f')} (0 is chance)"
    if told.ratio is None:
        return f"{said}, and no noise ceiling is known"
    said += f"; on halves of the images it is {number_words(told.ratio, '.2f')}"
    if told.low is None or told.high is None:
        return f"{said} of the noise ceiling, no interval: {told.verdict}"
    ends = range_words(told.low, told.high, ".2f")
    return f"{said} [{ends}] of the noise ceiling: {told.verdict}"


def of_agreement(names: Sequence[str], values: np.ndarray, unit: str) -> str:
    """The two criteria that rank least alike, and the two most; agreements are (L, C, C)."""
    mean, n = mean_over_blocks(values, None)
    pairs = [(i, j) for i in range(len(names)) for j in range(i) if np.isfinite(mean[i, j])]
    if not pairs:
        return f"{NONE}no two criteria rank the channels of one block."
    low, *_, high = sorted(pairs * 2, key=lambda pair: mean[pair])
    words = [f"{names[j]} and {names[i]} {number_words(mean[i, j], '.2f')}" for i, j in (low, high)]
    least = f"least alike {words[0]}, most {words[1]}" if len(pairs) > 1 else words[0]
    return f"{unit}, {n}: {least}."


def of_check(check: CausalCheck) -> str:
    """Whether each criterion orders single channels by what replacing them does."""
    rows = [r for r in effect_correlations(check.effects(None), check.criteria) if r.block is None]
    if not rows:
        return f"{NONE}this check replaced no single channels."
    said = []
    for row in sorted(rows, key=lambda one: -one.spearman):
        words = DIFFERENT + " from 0" if row.low > 0 or row.high < 0 else UNTOLD
        ends = f" [{number_words(row.low, '+.2f')}, {number_words(row.high, '+.2f')}]"
        bounds = ends if np.isfinite(row.low) else ", no interval"
        said.append(f"{row.criterion} {number_words(row.spearman, '+.2f')}{bounds}: {words}")
    return f"Spearman of score and effect, {rows[0].n} channels: {'; '.join(said)}."


def of_benchmark(table: pd.DataFrame, average: str) -> str:
    """The highest row of this store on the average, and where published numbers lie about its interval."""
    name = AVERAGES[average]
    published = table[(table["source"] == "published") & table[average].notna()]
    own = table[(table["source"] != "published") & table[average].notna()]
    if own.empty:
        top = published.sort_values(average).tail(1)
        best = f" Highest published {name}: {_level(top.iloc[0], average)}." if len(top) else ""
        return f"{NONE}no method of this store ran on all 19 tasks.{best}"
    first = own.sort_values(average).iloc[-1]
    said = f"Highest test accuracy of this store: {_level(first, average)}"
    low, high = (float(first.get(end, np.nan)) for end in ("low", "high"))
    if average != "mean_of_tasks" or not np.isfinite(low):
        return f"{said}, no interval: {UNTOLD}."
    said += f" [{range_words(low, high, '.2f')}], {first['seeds']:.0f} seeds, {name}"
    if published.empty:
        return f"{said}."
    above, below = (published[average] > high).sum(), (published[average] < low).sum()
    return (
        f"{said}; of {len(published)} published numbers {above} lie above that interval, {below} below, "
        f"{len(published) - above - below} within: {UNTOLD}. They have no seeds to be tested by."
    )


def _level(row: pd.Series, average: str) -> str:
    return f"{row['method']} {row[average]:.2f} %"


def shared_images(tasks: Iterable[str | None]) -> str:
    """That bundled tasks are the same images with other labels; nothing where no two of them are."""
    from ict.tasks.bundled import FAMILIES

    by_family: dict[str, list[str]] = {}
    for task in dict.fromkeys(str(one) for one in tasks):
        if task in FAMILIES:
            by_family.setdefault(FAMILIES[task], []).append(task)
    said = [
        f"{' and '.join(members)} are the same images with other labels."
        for members in by_family.values()
        if len(members) > 1
    ]
    return " ".join(said)


__all__ = ["of_ablation", "of_agreement", "of_benchmark", "of_check", "of_overlap", "of_pair", "of_runs",
           "of_transfer", "shared_images"]  # fmt: skip
