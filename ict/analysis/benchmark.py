"""VTAB-1K: this store's runs beside published accuracies of ViT-B/16 (ImageNet-21k).

`published.csv` is V-PETL Bench's table (20 methods × 19 tasks, percent). Two averages circulate, the
mean of the 19 tasks and the mean of the three groups' means; both are always given.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ict.analysis.intervals import t_interval

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

    `by` adds fields to method, backbone and K that part the rows. Percent, mean over seeds. A task
    without a run is NaN, and so is an average of which a task is missing. seeds is the smallest
    number of seeds of a task; low and high are the 95 % t interval of the mean of the tasks, over
    seeds that ran on all of them; official says whether all runs used the official test sets.
    """
    done = [r for r in rows if r.get("status") == "done" and r.get("test_accuracy") is not None]
    table = pd.DataFrame([_filled(r) for r in done if r.get("task") in GROUP_OF])
    if table.empty:
        return published_table().iloc[:0]
    names = ["method", "backbone", "source", *(n for n in ("k", "criterion", *by) if n in table)]
    own = [_own_row(dict(zip(names, key, strict=True)), part)
           for key, part in table.groupby(names, dropna=False, sort=False)]  # fmt: skip
    return _with_averages(pd.DataFrame(own))


def _filled(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with what an imported one may lack, and with words for where it was measured."""
    official = bool(row.get("official_data"))
    own = "this store" if official else "this store, not the official test set"
    defaults = {"source": own, "backbone": BACKBONE, "seed": 0, "run_id": None}
    return {**defaults, **{name: value for name, value in row.items() if value is not None}}


def _own_row(setting: dict[str, Any], part: pd.DataFrame) -> dict[str, Any]:
    part = part.assign(seed=part["seed"].astype(str))  # an imported one may be a name
    by_seed = 100 * part.pivot_table(index="seed", columns="task", values="test_accuracy")
    by_seed = by_seed.reindex(columns=list(TASKS))
    over = t_interval(by_seed.dropna().mean(axis=1)) if len(by_seed.dropna()) else None
    counted = part.groupby("task")["seed"].nunique()
    parameters = part["adapter_parameters"] if "adapter_parameters" in part else pd.Series([np.nan])
    official = part["official_data"] if "official_data" in part else pd.Series([False])
    return {
        "method": _label(setting),
        "backbone": setting["backbone"],
        "source": setting["source"],
        **by_seed.mean().to_dict(),
        "parameters": float(parameters.median()),
        "seeds": int(counted.min()),
        "low": over.low if over else np.nan,
        "high": over.high if over else np.nan,
        "official": bool(official.fillna(False).astype(bool).all()),
        "runs": sorted(part["run_id"].dropna()),
    }


def _label(setting: Mapping[str, Any]) -> str:
    words = [str(setting["method"]).upper() if setting["method"] == "ict" else setting["method"]]
    k, criterion = setting.get("k"), setting.get("criterion")
    if k is not None and not pd.isna(k):
        words.append(f"K={k:g}" if isinstance(k, (int, float)) else f"K={k}")
    if criterion not in (None, "class_l2") and not pd.isna(criterion):
        words.append(str(criterion))
    if setting["backbone"] != BACKBONE:
        words.append(f"({setting['backbone']})")
    return " ".join(map(str, words))


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
