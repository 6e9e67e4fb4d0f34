"""VTAB-1K: this store's runs beside published accuracies of ViT-B/16 (ImageNet-21k).

`published.csv` is V-PETL Bench's table (20 methods × 19 tasks, percent). Two averages circulate, the
mean of the 19 tasks and the mean of the three groups' means; both are always given.
"""

import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import pandas as pd

from ict.analysis.groups import Seed, by_seed, key, varying_within
from ict.analysis.groups import words as in_words
from ict.analysis.intervals import Interval, t_interval
from ict.criteria import CRITERION
from ict.documents.number_words import number_words
from ict.methods.registry import title_of
from ict.store.run_rows import RunRow, as_rows

BACKBONE = "vit_base_patch16_224.orig_in21k"
SOURCE = "V-PETL Bench (published)"
UNOFFICIAL = "not the official test set"
"""What ends the source of rows that were measured on another test set than the published ones."""
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
_PARTS = ("method", "backbone", "source", "k", "criterion")  # what parts rows in any case


@functools.cache
def _published() -> pd.DataFrame:
    table = pd.read_csv(Path(__file__).parent / "published.csv")
    millions = table.pop("params").str.removesuffix("M").astype(float)
    return table.assign(parameters=(millions * 1e6).round())


def published_table() -> pd.DataFrame:
    """Published rows: method, source, the 19 tasks (percent), averages, parameters, tasks."""
    return _with_averages(_published().drop(columns="mean").assign(source="published"))


def store_table(rows: Iterable[RunRow], *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Own and imported runs as the published ones: one row a method and setting.

    `by` adds fields to method, backbone, K and criterion that part the rows; so does every setting in
    which runs of one such row differ on one task (a trial on fewer images is no seed of the whole
    run). Settings may differ between tasks, as in a recipe. Percent, mean over seeds. A task without
    a run is NaN, and so is an average of which a task is missing. seeds is the smallest number of
    seeds of a task (1 for a method that reads none); low and high are the 95 % t interval of the mean
    of the tasks, over seeds that ran on all of them; official says whether all runs used the official
    test sets.
    """
    done = [row for row in as_rows(rows) if row.done and row.test_accuracy is not None]
    filled = [_filled(row) for row in done if row.task in GROUP_OF]
    if not filled:
        return published_table().iloc[:0]
    names = [*_PARTS, *by]
    names += varying_within(filled, [*names, "task"])
    parts: dict[tuple[str, ...], list[RunRow]] = defaultdict(list)
    for row in filled:
        parts[key(row, names)].append(row)
    own = [_own_row(part, names).to_dict() for part in parts.values()]
    return _with_averages(pd.DataFrame(own))


@dataclass(frozen=True, kw_only=True)
class BenchmarkRow:
    """A method in one setting on VTAB-1K, in percent; NaN where there is nothing to tell."""

    method: str
    """As the table names it: with K, criterion, backbone and what else parts it from other rows."""
    backbone: str
    source: str
    tasks: Mapping[str, float]
    """The mean over seeds of each of the 19 tasks."""
    parameters: float
    seeds: int
    low: float
    high: float
    official: bool
    runs: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """One flat row: method, backbone, source, a column a task, parameters, …"""
        row = dict(vars(self))
        tasks, runs = row.pop("tasks"), list(row.pop("runs"))
        first = {name: row.pop(name) for name in ("method", "backbone", "source")}
        return {**first, **tasks, **row, "runs": runs}


def _filled(row: RunRow) -> RunRow:
    """The row with what an imported one may lack, and with words for where it was measured."""
    own = "this store" if row.official_data else f"this store, {UNOFFICIAL}"
    return replace(
        row,
        source=row.source or own,
        backbone=row.backbone or BACKBONE,
        more={name: value for name, value in row.more.items() if value is not None},
    )


def _own_row(part: Sequence[RunRow], names: Sequence[str]) -> BenchmarkRow:
    """Runs that agree in `names` as one row."""
    by_task: dict[str, list[RunRow]] = defaultdict(list)
    for row in part:
        by_task[str(row.task)].append(row)
    values = {task: by_seed(rows) for task, rows in by_task.items()}
    over = _over_all_tasks(values)
    adapters = [float(row.adapter_parameters) for row in part if row.adapter_parameters]
    return BenchmarkRow(
        method=_label(part[0], names),
        backbone=str(part[0].backbone),
        source=part[0].source,
        tasks={t: 100 * fmean(values[t].values()) if t in values else np.nan for t in TASKS},
        parameters=median(adapters) if adapters else np.nan,
        seeds=min(len(rows) for rows in values.values()),
        low=over.low if over else np.nan,
        high=over.high if over else np.nan,
        official=all(bool(row.official_data) for row in part),
        runs=tuple(sorted(row.run_id for row in part if row.run_id)),
    )


def _over_all_tasks(values: Mapping[str, Mapping[Seed, float]]) -> Interval | None:
    """The mean of the 19 tasks over seeds that ran on all of them; None where no seed did."""
    if set(values) != set(TASKS):
        return None
    common = set.intersection(*(set(of_task) for of_task in values.values()))
    means = [100 * fmean(values[task][seed] for task in TASKS) for seed in common]
    return t_interval(means) if means else None


def _label(row: RunRow, names: Sequence[str]) -> str:
    """How the table names the setting of a row: by those of `names` that say something."""
    words = [title_of(row.method)]
    if row.k is not None and not pd.isna(row.k):
        words.append(
            f"K={number_words(row.k)}" if isinstance(row.k, (int, float)) else f"K={row.k}"
        )
    if row.criterion not in (None, CRITERION) and not pd.isna(row.criterion):
        words.append(str(row.criterion))
    if row.backbone != BACKBONE:
        words.append(f"({row.backbone})")
    said = {name: row.get(name) for name in names if name not in _PARTS}
    more = [in_words(name, value) for name, value in said.items() if value is not None]
    return ", ".join([" ".join(words), *more])


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


def average_table(rows: Iterable[RunRow] = (), *, published: bool = True) -> pd.DataFrame:
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
