"""Series of a study's runs, and differences between settings with honest intervals.

Three or five seeds cannot reach p < 0.05 in a Wilcoxon test (p ≥ 0.25, ≥ 0.0625): per task the
paired t interval is given; across tasks Wilcoxon's test (Demšar 2006) and a bootstrap over tasks
and seeds (Agarwal et al. 2021, arXiv 2108.13264); Holm's correction over several contrasts.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy

from ict.analysis.differences import paired_by_seed
from ict.analysis.groups import Seed, draw_of, seed_of, varying, varying_within, words
from ict.analysis.intervals import Interval, t_interval
from ict.config import DEFAULTS
from ict.criteria import is_control, named
from ict.errors import InputError
from ict.methods.registry import chooses_channels
from ict.store.run_folder import Run
from ict.store.run_rows import RunRow, as_rows


@dataclass(frozen=True)
class DifferingField:
    """A field in which configurations differ, and its value in each of them."""

    name: str
    values: tuple[Any, ...]


def config_difference(runs: Sequence[Run]) -> list[DifferingField]:
    """Fields in which the configurations of these runs are not all equal."""
    configs = [run.config for run in runs]
    fields = dict.fromkeys(name for config in configs for name in config)
    compared = [
        DifferingField(name, tuple(config.get(name) for config in configs)) for name in fields
    ]
    return [one for one in compared if any(value != one.values[0] for value in one.values)]


def paired_difference(a: Mapping[Any, float], b: Mapping[Any, float]) -> Interval:
    """Mean of a − b over the seeds that both have, with its 95 % t interval.

    Pairs are those of `differences.paired_by_seed`.
    """
    return t_interval(paired_by_seed(a, b))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's step-down adjusted p-values, in the order given."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


@dataclass(frozen=True)
class AcrossTasks:
    """Two methods over tasks: the mean difference, a bootstrap interval, Wilcoxon's test."""

    tasks: int
    difference: float
    low: float
    high: float
    p_wilcoxon: float | None
    """None below six tasks, where the test cannot reach 0.05."""
    wins: int
    losses: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def across_tasks(
    a: Mapping[str, Sequence[float]],
    b: Mapping[str, Sequence[float]],
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> AcrossTasks:
    """a − b over the tasks that both have; values are one accuracy a seed, in equal seed order.

    The bootstrap draws tasks, and within each task seeds; where both have equally many seeds they
    are drawn in pairs. Raises InputError without a common task.
    """
    tasks = [task for task in a if task in b and len(a[task]) and len(b[task])]
    if not tasks:
        raise InputError("the two have no task in common")
    generator = np.random.default_rng(seed)
    means = np.array([np.mean(a[t]) - np.mean(b[t]) for t in tasks])
    by_task = np.stack([_seed_draws(a[t], b[t], resamples, generator) for t in tasks], axis=1)
    drawn = generator.integers(len(tasks), size=(resamples, len(tasks)))
    totals = np.take_along_axis(by_task, drawn, axis=1).mean(axis=1)
    low, high = np.quantile(totals, (0.025, 0.975))
    p = None
    if len(tasks) >= 6 and np.any(means != 0):
        p = float(scipy.stats.wilcoxon(means).pvalue)
    return AcrossTasks(
        tasks=len(tasks),
        difference=float(means.mean()),
        low=float(low),
        high=float(high),
        p_wilcoxon=p,
        wins=int((means > 0).sum()),
        losses=int((means < 0).sum()),
    )


def _seed_draws(
    a: Sequence[float], b: Sequence[float], resamples: int, generator: np.random.Generator
) -> np.ndarray:
    """Bootstrap means of a − b of one task, (resamples,)."""
    one, other = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    chosen = generator.integers(len(one), size=(resamples, len(one)))
    if len(one) == len(other):
        return np.asarray((one - other)[chosen].mean(axis=1))
    rest = generator.integers(len(other), size=(resamples, len(other)))
    return np.asarray(one[chosen].mean(axis=1) - other[rest].mean(axis=1))


@dataclass(frozen=True, kw_only=True)
class SeriesRow:
    """A finished run as a point of accuracy against K; what its method does not read is None."""

    series: str
    ratio: float | None
    """K/D."""
    k: int | str | None
    seed: Seed
    selection_seed: int | None
    accuracy: float
    """A fraction."""
    task: str | None
    backbone: str | None
    method: str | None
    criterion: str | None
    run_id: str


def ratio_series(rows: Iterable[RunRow], *, rate: str | None = None) -> list[SeriesRow]:
    """What `ict.figures.accuracy_against_k` draws, a row a finished run.

    series is the method, or for ICT the criterion when it is a control (random, lowest) or when
    criteria differ. Settings in which runs of one series, task and K differ part it, so that a mean
    is over seeds alone; so do learning rates that were multiplied by several values, unless `rate`
    names them all ("": without a word).
    Runs on the channels of another task are left out: they are a transfer, not an ablation; so are
    those of a backbone that is not known here, which have no K/D.
    """
    done = [r for r in as_rows(rows) if r.done and r.test_accuracy is not None and not r.foreign]
    named = [row.having(series=name) for row, name in zip(done, _series(done), strict=True)]
    apart = varying_within(named, ("series", "task", "k"))
    ict = [row for row in named if chooses_channels(row.method)]
    apart += [n for n in varying(ict, ("lr_multiplier", "backbone")) if n not in apart]
    if rate is not None:
        apart = [name for name in apart if name != "lr_multiplier"]
    series = [_series_row(row, apart, rate) for row in named]
    return [one for one in series if one.ratio is not None or not chooses_channels(one.method)]


def _series(done: Sequence[RunRow]) -> list[str]:
    choosing = [row for row in done if chooses_channels(row.method)]
    own = {row.criterion for row in choosing if not _control(row)}
    return [_series_name(row, of_criterion=_control(row) or len(own) > 1) for row in done]


def _series_name(row: RunRow, *, of_criterion: bool) -> str:
    """The method, or the criterion where that tells more: of the default method, the criterion alone."""
    if not of_criterion or not chooses_channels(row.method):
        return str(row.method)
    alone = row.method == DEFAULTS["method"]
    said = named(row.criterion)
    return said if alone else f"{row.method}, {said}"


def _series_row(row: RunRow, apart: Sequence[str], rate: str | None) -> SeriesRow:
    ict = chooses_channels(row.method)
    said = [words(name, row.get(name)) for name in apart if row.get(name) is not None]
    return SeriesRow(
        series=", ".join([str(row.get("series")), *([rate] if rate else []), *said]),
        ratio=ratio_of(row) if ict else None,
        k=row.k if ict else None,
        seed=seed_of(row),
        selection_seed=draw_of(row),
        accuracy=math.nan if row.test_accuracy is None else row.test_accuracy,
        task=row.task,
        backbone=row.backbone,
        method=row.method,
        criterion=row.criterion,
        run_id=row.run_id,
    )


def study_series(rows: Sequence[RunRow]) -> list[SeriesRow]:
    """`ratio_series` of a study's rows: where it tuned, the tuned and the fixed learning rate.

    A tuned study marks with `chosen` the value that did best on val200; the fixed curve is that of
    multiplier 1. One rate for all K confounds the choice of channels with step size, so both show. A
    search in two stages runs the other seeds at the chosen rate alone: there is no fixed curve.
    """
    rows = as_rows(rows)
    if any(row.stages == 2 for row in rows) and all(row.chosen is not None for row in rows):
        return ratio_series([row for row in rows if row.chosen], rate="")
    if all(row.at_chosen_rate for row in rows):
        return ratio_series(rows)
    tuned = ratio_series([row for row in rows if row.chosen], rate="tuned rate")
    fixed = [row for row in rows if _multiplier(row) == 1]
    return tuned + ratio_series(fixed, rate="fixed rate")


def _multiplier(row: RunRow) -> float:
    """What the rate was multiplied by: 1 where the method reads none, and where 0.1.0 ran a 0 as 1."""
    value = row.lr_multiplier
    return 1.0 if value is None or (value == 0 and row.zeros is None) else value


def _control(row: RunRow) -> bool:
    return is_control(row.criterion)


def ratio_of(row: RunRow) -> float | None:
    """K over the width of the (first) stage; None without K, or where the backbone is not known here."""
    from ict.catalogue import widths_here

    widths = widths_here(str(row.backbone))
    if row.k is None or widths is None:
        return None
    return int(str(row.k).split(",", maxsplit=1)[0]) / widths[0]
