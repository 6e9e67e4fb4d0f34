"""The figures that `ict figure` knows by name: each from the runs or scores behind its sources.

Each gives the figure, the table behind it, the columns in which the best is marked, and a sentence
for the caption: which task, backbone and K it is of.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from ict.analysis import agreement, benchmark, pairs, summary
from ict.analysis.sources import open_source
from ict.errors import InputError, quoted
from ict.figures import curves, maps, matrices
from ict.figures.benchmark import accuracy_against_parameters, benchmark_dots
from ict.figures.channels import energy_split
from ict.figures.selections import stability_lines
from ict.figures.tables import grouped_accuracy
from ict.scores import ChannelScores, load_scores
from ict.selection import Selection, resolve_k, select
from ict.store import Store, read_json

Row = dict[str, Any]
Drawn = tuple[go.Figure, pd.DataFrame, Mapping[str, str], str]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What can be asked of a figure besides its sources."""

    task: str | None = None
    metric: str | None = None
    view: maps.View = "raw"
    ratio: float = 0.125
    block: int = 0
    value: str = "kuncheva"


@dataclass(frozen=True)
class Found:
    """Sources, looked up: rows of runs, and score files that were named themselves."""

    store: Store
    rows: list[Row]
    scores: list[Path]
    names: list[str]


def _of_runs(rows: Sequence[Row]) -> str:
    """Task, backbone and K of runs, where they are few enough to be said."""
    words = []
    for title, name in (("Task", "task"), ("backbone", "backbone"), ("K", "k")):
        values = list(dict.fromkeys(str(r[name]) for r in rows if r.get(name) is not None))
        if 1 <= len(values) <= 8:
            words.append(f"{title}: {', '.join(values)}")
    if any(row.get("official_data") is False for row in rows):
        words.append("not measured on the whole official test set")
    return "; ".join(words) + "." if words else ""


def _of_scores(meta: Mapping[str, Any]) -> str:
    """Task, images, backbone and tokens of a score file, as far as it says."""
    images = f" (n = {meta['images']} images)" if meta.get("images") else ""
    words = [f"Task: {meta.get('task', 'unknown')}{images}"]
    words += [f"{n}: {meta[n]}" for n in ("backbone", "site", "tokens") if meta.get(n)]
    return "; ".join(words) + "."


def _done(found: Found, choice: Choice) -> list[Row]:
    rows = [r for r in found.rows if r.get("status") == "done"]
    if choice.task is not None:
        rows = [r for r in rows if r.get("task") == choice.task]
    if not rows:
        where = f" on {choice.task}" if choice.task else ""
        raise InputError(f"no finished run{where} in {', '.join(found.names) or found.store.root}")
    return rows


def _one_task(rows: Sequence[Row]) -> None:
    tasks = sorted({str(row["task"]) for row in rows})
    if len(tasks) > 1:
        raise InputError(f"runs on {', '.join(tasks)}: choose one with --task")


def _curves(found: Found, choice: Choice) -> Drawn:
    rows = [
        r for r in found.rows if choice.task in (None, r.get("task")) and r["status"] != "missing"
    ]
    names = differing(rows, _LABELS)
    runs = [
        {
            "label": label(row, names),
            "seed": row.get("seed"),
            "progress": found.store.run(row["run_id"]).progress(),
        }
        for row in rows
    ]
    table = curves.progress_table(runs)
    if table.empty and choice.task is not None and not rows:
        raise InputError(f"no run on {choice.task} behind these sources")
    if table.empty:
        raise InputError("no epoch has been run yet")
    with_val = "val_accuracy" in table and table["val_accuracy"].notna().any()
    metric = choice.metric or ("val_accuracy" if with_val else "train_accuracy")
    if metric not in curves.METRICS:
        allowed = ", ".join(curves.METRICS)
        raise InputError(f"metric {quoted(metric)}: choose one of {allowed}")
    kept = table[["label", "seed", "epoch", *([metric] if metric in table else [])]]
    return curves.training_curves(runs, metric), kept, {}, _of_runs(rows)


_LABELS = ("method", "task", "backbone", "criterion", "k", "lr_multiplier", "tune_site", "init")


def differing(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """Those of `names` in which rows that have them differ; a method without K differs in method."""
    return [n for n in names if len({str(r[n]) for r in rows if r.get(n) is not None}) > 1]


def label(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """A run in a few words: its method, and what else differs in the figure."""
    words = [str(row.get("method"))]
    for name in names:
        value = row.get(name)
        if name != "method" and value is not None and not pd.isna(value):
            words.append(f"K={value}" if name == "k" else str(value))
    return " ".join(words)


def _k_ratio(found: Found, choice: Choice) -> Drawn:
    rows = _done(found, choice)
    _one_task(rows)
    series = pd.DataFrame(summary.study_series(rows))
    table = grouped_accuracy(series, ["series", "ratio", "k"])
    return curves.accuracy_against_k(series), table, {"mean": "max"}, _of_runs(rows)


def _benchmark_table(found: Found) -> pd.DataFrame:
    return benchmark.average_table(found.rows)


_BEST = dict.fromkeys((*benchmark.GROUPS, *benchmark.AVERAGES), "max")


def _benchmark(found: Found, _: Choice) -> Drawn:
    table = _benchmark_table(found)
    columns = [*table.columns[: list(table.columns).index("parameters") + 1]]
    return benchmark_dots(table), table[columns], _BEST, ""


def _parameters(found: Found, _: Choice) -> Drawn:
    table = _benchmark_table(found)
    columns = ["method", "source", *benchmark.AVERAGES, "parameters"]
    return accuracy_against_parameters(table), table[columns], _BEST, ""


def _score_paths(found: Found, choice: Choice) -> dict[str, Path]:
    """Score files that were named, and those of the runs: one a task."""
    by_task: dict[str, Path] = {}
    for path in found.scores:
        meta = load_scores(path, kinds=()).meta
        by_task[str(meta.get("task", path.parent.name))] = path
    for row in found.rows:
        if row.get("score_id") and row.get("task") not in by_task:
            path = found.store.score_dir(row["score_id"]) / "scores.safetensors"
            by_task[str(row["task"])] = path
    if choice.task is not None:
        by_task = {task: path for task, path in by_task.items() if task == choice.task}
    if not by_task:
        raise InputError("no scores behind these sources; name a score id, or runs of method ict")
    return by_task


def _scores_and_choice(found: Found, choice: Choice) -> tuple[ChannelScores, str, Selection]:
    scores = load_scores(next(iter(_score_paths(found, choice).values())), kinds=("",))
    run = next((found.store.run(r["run_id"]) for r in found.rows if r.get("score_id")), None)
    record = read_json(run.path / "selection.json", None) if run else None
    chosen = None
    if record and record.get("score_id") == scores.meta.get("score_id"):
        chosen = Selection.from_dict(record)
    site = chosen.site if chosen and chosen.site in scores.sites else scores.sites[0]
    if chosen is None or chosen.site != site:
        chosen = select(scores, site=site, ratio=choice.ratio)
    return scores, site, chosen


def _score_map(found: Found, choice: Choice) -> Drawn:
    scores, site, chosen = _scores_and_choice(found, choice)
    criterion = str(scores.meta.get("criterion", "score"))
    stages = scores.site(site)
    figure = maps.score_map(stages, view=choice.view, selection=chosen, criterion=criterion)
    picked = {(b.block, c) for b in chosen.blocks for c in b.indices}
    rows = []
    block = 0
    for stage, values in enumerate(stages):
        for row, rank in zip(values, maps.ranks(values), strict=True):
            rows += [
                {"stage": stage, "block": block, "channel": c, "score": float(row[c]),
                 "rank": int(rank[c]), "chosen": (block, c) in picked}
                for c in range(len(row))
            ]  # fmt: skip
            block += 1
    return figure, pd.DataFrame(rows), {}, _of_scores(scores.meta)


def _block_profile(found: Found, choice: Choice) -> Drawn:
    scores, site, chosen = _scores_and_choice(found, choice)
    rows = [row for stage in scores.site(site) for row in stage]
    if not 0 <= choice.block < len(rows):
        raise InputError(f"block {choice.block}: there are {len(rows)} blocks, from 0")
    row = rows[choice.block]
    k = next((len(b.indices) for b in chosen.blocks if b.block == choice.block), None)
    table = pd.DataFrame({"channel": range(len(row)), "score": row.astype(float)})
    criterion = str(scores.meta.get("criterion", "score"))
    figure = maps.block_profile(row, k, criterion=criterion)
    return figure, table, {}, f"Block {choice.block}. {_of_scores(scores.meta)}"


def _overlap_rows(found: Found, choice: Choice) -> list[Row]:
    """With halves where all files have per-image sums, else on all images only."""
    paths = _score_paths(found, choice)
    if len(paths) < 2:
        raise InputError("overlap needs scores of two tasks or more behind the sources")
    every = {task: load_scores(path, kinds=("",)) for task, path in paths.items()}
    if all(scores.meta.get("keep_images") for scores in every.values()):
        opened = [open_source(path, name=task) for task, path in paths.items()]
        return pairs.overlap_rows(opened, ratio=choice.ratio, permutations=0, store=found.store)
    named = [(task, scores.site(scores.sites[0])) for task, scores in every.items()]
    ks = resolve_k([a.shape[1] for a in named[0][1]], k=None, ratio=choice.ratio)
    return pairs.plain_rows(named, ks)


def _overlap(found: Found, choice: Choice) -> Drawn:
    rows = _overlap_rows(found, choice)
    groups = {
        t: benchmark.GROUP_OF.get(t, "bundled") for r in rows for t in (r["task_a"], r["task_b"])
    }
    figure = matrices.overlap_matrix(rows, value=choice.value, groups=groups)
    table = pd.DataFrame(rows).groupby(["task_a", "task_b"], sort=False)
    wanted = ["k", "channels", "overlap", "jaccard", "kuncheva", "floor", "half_overlap", "ceiling",
              "total_ratio", "total_ratio_low", "total_ratio_high"]  # fmt: skip
    means = table[[n for n in wanted if n in rows[0]]].mean().reset_index()
    names = {f"total_ratio{end}": f"ratio{end or '_mean'}" for end in ("", "_low", "_high")}
    return figure, means.rename(columns=names), {}, ""


def _overlap_lines(found: Found, choice: Choice) -> Drawn:
    rows = _overlap_rows(found, choice)
    first = [
        r for r in rows if (r["task_a"], r["task_b"]) == (rows[0]["task_a"], rows[0]["task_b"])
    ]
    return matrices.overlap_lines(first), pd.DataFrame(first), {}, ""


def _dendrogram(found: Found, choice: Choice) -> Drawn:
    rows = _overlap_rows(found, choice)
    names, matrix = pairs.similarity(rows)
    tree = agreement.cluster(matrix)
    table = pd.DataFrame(matrix, columns=names)
    table.insert(0, "task", names)
    return matrices.dendrogram(tree, names, groups=benchmark.GROUP_OF), table, {}, ""


def _stability(found: Found, choice: Choice) -> Drawn:
    from ict.analysis.tables import stability_rows

    rows: list[Row] = []
    for task, path in _score_paths(found, choice).items():
        source = open_source(path, name=task)
        ks = resolve_k([s.shape[1] for s in source.scores()], k=None, ratio=choice.ratio)
        rows += stability_rows(source, ks, store=found.store)
    return stability_lines(rows), pd.DataFrame(rows), {}, ""


def _energy(found: Found, choice: Choice) -> Drawn:
    from ict.analysis.tables import energy_rows

    path = next(iter(_score_paths(found, choice).values()))
    rows = energy_rows(open_source(path), store=found.store)
    meta = load_scores(path, kinds=()).meta
    return energy_split(rows), pd.DataFrame(rows), {}, _of_scores(meta)


FIGURES: dict[str, tuple[Callable[[Found, Choice], Drawn], str]] = {
    "curves": (_curves, "a metric over epochs, by setting, with every seed"),
    "k-ratio": (_k_ratio, "test accuracy against K/D, with controls"),
    "score-map": (_score_map, "scores of all blocks and channels, chosen ones marked"),
    "block-profile": (_block_profile, "sorted scores of one block (--block)"),
    "overlap": (_overlap, "tasks × tasks, channels shared"),
    "overlap-lines": (_overlap_lines, "one pair by block, between chance and ceiling"),
    "dendrogram": (_dendrogram, "tasks clustered by the channels that they choose"),
    "stability": (_stability, "stability of the choice over images, by block"),
    "energy": (_energy, "offset, class, image and token energy by block"),
    "benchmark": (_benchmark, "group means beside published methods"),
    "parameters": (_parameters, "accuracy against trained parameters"),
}
