"""VTAB-1K: this store's runs beside published accuracies of ViT-B/16 (ImageNet-21k).

`published.csv` is V-PETL Bench's table (20 methods × 19 tasks, percent). Two averages circulate, the
mean of the 19 tasks and the mean of the three groups' means; both are always given.
"""

import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import pandas as pd

from ict.analysis.groups import Row, Seed, by_seed, key, varying_within
from ict.analysis.groups import words as in_words
from ict.analysis.intervals import Interval, t_interval
from ict.criteria import CRITERION

BACKBONE = "vit_base_patch16_224.orig_in21k"
SOURCE = "V-PETL Bench (published)"
GROUPS = {
    "natural": (
        "cifar", "caltech101", "dtd", "oxford_flowers102", "oxford_iiit_pet", "svhn", "sun397",
    ),
    "specialized": ("patch_camelyon", "eurosat", "resisc45", "diabetic_retinopathy"),
    "structured": (
        "clevr_count", "clevr_dist", "dmlab", "kitti", "dsprites_loc", "dsprites_ori",
        "smallnorb_azi", "smallnorb_ele",
    ),
}  # fmt: skip
TASKS = tuple(task for tasks in GROUPS.values() for task in tasks)
GROUP_OF = {task: group for group, tasks in GROUPS.items() for task in tasks}
AVERAGES = ("mean_of_tasks", "mean_of_groups")


@functools.cache
def _published() -> pd.DataFrame:
    table = pd.read_csv(Path(__file__).parent / "published.csv")
    millions = table.pop("params").str.removesuffix("M").astype(float)
    return table.assign(parameters=(millions * 1e6).round())


def published_table() -> pd.DataFrame:
    """Published rows: method, source, the 19 tasks (percent), averages, parameters, tasks."""
    return _with_averages(_published().drop(columns="mean").assign(source="published"))


def store_table(rows: Iterable[Mapping[str, Any]], *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Own runs (rows of `Store.table()`) as the published ones: one row a method and setting.

    `by` adds fields to method, backbone, K and criterion that part the rows; so does every setting in
    which runs of one such row differ on one task (a trial on fewer images is no seed of the whole
    run). Settings may differ between tasks, as in a recipe. Percent, mean over seeds. A task without
    a run is NaN, and so is an average of which a task is missing. seeds is the smallest number of
    seeds of a task (1 for a method that reads none); low and high are the 95 % t interval of the mean
    of the tasks, over seeds that ran on all of them; official says whether all runs used the official
    test sets.
    """
    done = [r for r in rows if r.get("status") == "done" and r.get("test_accuracy") is not None]
    filled = [_filled(r) for r in done if r.get("task") in GROUP_OF]
    if not filled:
        return published_table().iloc[:0]
    names = ["method", "backbone", "source", "k", "criterion", *by]
    names += varying_within(filled, [*names, "task"])
    parts: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in filled:
        parts[key(row, names)].append(row)
    own = [_own_row({n: part[0].get(n) for n in names}, part) for part in parts.values()]
    return _with_averages(pd.DataFrame(own))


def _filled(row: Row) -> dict[str, Any]:
    """The row with what an imported one may lack, and with words for where it was measured."""
    official = bool(row.get("official_data"))
    own = "this store" if official else "this store, not the official test set"
    defaults = {"source": own, "backbone": BACKBONE}
    return {**defaults, **{name: value for name, value in row.items() if value is not None}}


def _own_row(setting: dict[str, Any], part: Sequence[Row]) -> dict[str, Any]:
    by_task: dict[str, list[Row]] = defaultdict(list)
    for row in part:
        by_task[str(row["task"])].append(row)
    values = {task: by_seed(found) for task, found in by_task.items()}
    over = _over_all_tasks(values)
    adapters = [float(r["adapter_parameters"]) for r in part if r.get("adapter_parameters")]
    return {
        "method": _label(setting),
        "backbone": setting["backbone"],
        "source": setting["source"],
        **{t: 100 * fmean(values[t].values()) if t in values else np.nan for t in TASKS},
        "parameters": median(adapters) if adapters else np.nan,
        "seeds": min(len(found) for found in values.values()),
        "low": over.low if over else np.nan,
        "high": over.high if over else np.nan,
        "official": all(bool(row.get("official_data")) for row in part),
        "runs": sorted(str(row["run_id"]) for row in part if row.get("run_id")),
    }


def _over_all_tasks(values: Mapping[str, Mapping[Seed, float]]) -> Interval | None:
    """The mean of the 19 tasks over seeds that ran on all of them; None where no seed did."""
    if set(values) != set(TASKS):
        return None
    common = set.intersection(*(set(found) for found in values.values()))
    means = [100 * fmean(values[task][seed] for task in TASKS) for seed in common]
    return t_interval(means) if means else None


def _label(setting: Mapping[str, Any]) -> str:
    words = [str(setting["method"]).upper() if setting["method"] == "ict" else setting["method"]]
    k, criterion = setting.get("k"), setting.get("criterion")
    if k is not None and not pd.isna(k):
        words.append(f"K={k:g}" if isinstance(k, (int, float)) else f"K={k}")
    if criterion not in (None, CRITERION) and not pd.isna(criterion):
        words.append(str(criterion))
    if setting["backbone"] != BACKBONE:
        words.append(f"({setting['backbone']})")
    named = ("method", "backbone", "source", "k", "criterion")
    more = [in_words(n, v) for n, v in setting.items() if n not in named and v is not None]
    return ", ".join([" ".join(map(str, words)), *more])


def _with_averages(table: pd.DataFrame) -> pd.DataFrame:
    """Adds group means and both averages; NaN as soon as a task is missing; tasks counts them."""
    values = table[list(TASKS)].astype(float)
    means = {g: values[list(t)].mean(axis=1, skipna=False) for g, t in GROUPS.items()}
    groups = pd.DataFrame(means)
    return table.assign(
        **means,
        mean_of_tasks=values.mean(axis=1, skipna=False),
        mean_of_groups=groups.mean(axis=1, skipna=False),
        tasks=values.notna().sum(axis=1),
    )


def average_table(
    rows: Iterable[Mapping[str, Any]] = (), *, published: bool = True
) -> pd.DataFrame:
    """Own and published methods with group means and both averages: what the figures draw."""
    parts = [store_table(rows)]
    if published:
        parts.append(published_table())
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    first = ["method", "source", *GROUPS, *AVERAGES, "tasks", "parameters"]
    return table[first + [name for name in table.columns if name not in first]]
