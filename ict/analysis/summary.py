"""Runs grouped over seeds, and differences between them with honest intervals.

Three or five seeds cannot reach p < 0.05 in a Wilcoxon test (p ≥ 0.25, ≥ 0.0625): per task the
paired t interval is given; across tasks Wilcoxon's test (Demšar 2006) and a bootstrap over tasks
and seeds (Agarwal et al. 2021, arXiv 2108.13264); Holm's correction over several contrasts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ict.analysis.intervals import Interval, sampling_half_width, t_interval
from ict.errors import InputError

NOT_A_SETTING = {
    "seed", "run_id", "status", "created_at", "command", "error", "device", "threads", "started_at",
    "finished_at", "recipe", "score_id", "selection_seed",
}  # fmt: skip
RESULTS = {
    "test_accuracy", "val_accuracy", "train_accuracy", "test_balanced_accuracy",
    "majority_accuracy", "test_images", "selected_epoch", "best_test_accuracy", "best_test_epoch",
    "adapter_parameters", "head_parameters", "trainable_parameters", "backbone_parameters",
    "train_seconds", "score_seconds", "images_per_second", "peak_memory_bytes", "official_data",
}  # fmt: skip
EXPLORATORY = 3


def group_over_seeds(
    rows: Iterable[Mapping[str, Any]],
    *,
    value: str = "test_accuracy",
    by: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Done runs that differ only in the seed, in one row each.

    Rows of `Store.table()`. Gives the settings in `by` (all config fields that vary, by default)
    and runs, n, mean, sd, low, high (95 % t interval of the mean), best, seeds, sampling (half the
    binomial interval of the test set), exploratory (n ≤ 3), and means of time, memory, parameters.
    """
    table = pd.DataFrame([row for row in rows if row.get("status") == "done"])
    if table.empty or value not in table:
        return []
    names = list(by) if by is not None else varying(table)
    groups = table.groupby(names, dropna=False, sort=False) if names else [((), table)]
    return [_one_group(names, key, part, value) for key, part in groups]


def varying(table: pd.DataFrame) -> list[str]:
    """Config fields that take more than one value in `table`, results and the seed left out."""
    return [
        name
        for name in table.columns
        if name not in NOT_A_SETTING | RESULTS and table[name].nunique(dropna=False) > 1
    ]


def _one_group(names: Sequence[str], key: Any, part: pd.DataFrame, value: str) -> dict[str, Any]:
    values = key if isinstance(key, tuple) else (key,)
    found = t_interval(part[value])
    images = part["test_images"].max() if "test_images" in part else np.nan
    sampling = None
    if value == "test_accuracy" and np.isfinite(images) and np.isfinite(found.mean):
        sampling = sampling_half_width(found.mean, int(images))
    row: dict[str, Any] = {
        name: None if pd.isna(one) else one for name, one in zip(names, values, strict=True)
    }
    row |= {
        "runs": list(part["run_id"]) if "run_id" in part else [],
        "n": found.n,
        "mean": found.mean,
        "sd": found.sd,
        "low": found.low,
        "high": found.high,
        "best": float(part[value].max()),
        "seeds": sorted(part["seed"].dropna().astype(int)) if "seed" in part else [],
        "sampling": sampling,
        "exploratory": found.n <= EXPLORATORY,
    }
    for name in (
        "train_seconds",
        "peak_memory_bytes",
        "trainable_parameters",
        "adapter_parameters",
    ):
        if name in part:
            row[name] = None if part[name].isna().all() else float(part[name].mean())
    return row


def config_difference(configs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Fields in which the configs are not all equal: rows with `field` and one column a run."""
    fields = dict.fromkeys(name for config in configs for name in config)
    return [
        {"field": name, **{str(i): config.get(name) for i, config in enumerate(configs)}}
        for name in fields
        if any(config.get(name) != configs[0].get(name) for config in configs)
    ]


def paired_difference(a: Mapping[Any, float], b: Mapping[Any, float]) -> Interval:
    """Mean of a − b over the seeds that both have, with its 95 % t interval."""
    return t_interval([a[seed] - b[seed] for seed in a if seed in b])


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
        p = float(stats.wilcoxon(means).pvalue)
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


def ratio_series(
    rows: Iterable[Mapping[str, Any]], *, rate: str | None = None
) -> list[dict[str, Any]]:
    """Rows for `ict.figures.accuracy_against_k` from rows of `Store.table()`.

    series is the method, or for ICT the criterion when it is a control (random, lowest) or when
    criteria differ; ratio is K/D (None for methods without K), k as the run has it. Where learning
    rates were multiplied by several values they part the series, unless `rate` names them all. Runs
    on the channels of another task are left out: they are a transfer, not an ablation.
    """
    done = [r for r in rows if r.get("status") == "done" and r.get("test_accuracy") is not None]
    done = [r for r in done if r.get("score_task") in (None, r.get("task"))]
    own = {str(r.get("criterion")) for r in done if r.get("method") == "ict" and not _control(r)}
    several = len({r.get("lr_multiplier") for r in done if r.get("method") == "ict"}) > 1
    result = []
    for row in done:
        ict = row.get("method") == "ict"
        series = str(row.get("method"))
        if ict and (_control(row) or len(own) > 1):
            series = str(row["criterion"])
        if rate:
            series += f", {rate}"
        elif ict and several:
            series += f", lr × {_multiplier(row):g}"
        result.append(
            {
                "series": series,
                "ratio": _ratio(row) if ict else None,
                "k": row.get("k") if ict else None,
                "seed": row.get("seed"),
                "accuracy": row["test_accuracy"],
                "task": row.get("task"),
                "backbone": row.get("backbone"),
                "run_id": row.get("run_id"),
            }
        )
    return result


def study_series(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`ratio_series` of a study's rows: where it tuned, the tuned and the fixed learning rate.

    A tuned study marks with `chosen` the value that did best on val200; the fixed curve is that of
    multiplier 1. One rate for all K confounds the choice of channels with step size, so both show.
    """
    if all(row.get("chosen", True) for row in rows):
        return ratio_series(rows)
    tuned = ratio_series([row for row in rows if row.get("chosen")], rate="tuned rate")
    fixed = [row for row in rows if _multiplier(row) == 1]
    return tuned + ratio_series(fixed, rate="fixed rate")


def _multiplier(row: Mapping[str, Any]) -> float:
    """What the rate was multiplied by: 1 where the method reads none, and where 0.1.0 ran a 0 as 1."""
    value = row.get("lr_multiplier")
    return 1.0 if value is None or (value == 0 and row.get("zeros") is None) else value


def _control(row: Mapping[str, Any]) -> bool:
    return str(row.get("criterion")).split(":")[0] in ("random", "lowest")


def _ratio(row: Mapping[str, Any]) -> float | None:
    """K over the width of the (first) stage."""
    from ict.catalogue import get_backbone

    k = row.get("k")
    if k is None:
        return None
    first = int(str(k).split(",", maxsplit=1)[0])
    return first / get_backbone(str(row["backbone"])).widths[0]
