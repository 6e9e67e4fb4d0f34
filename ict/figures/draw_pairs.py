"""Figures of tasks against each other: what their scores share, in all blocks, one pair, at every K."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from ict.analysis import agreement, benchmark
from ict.analysis.overlap import at_every_k
from ict.analysis.overlap_row import OverlapRow
from ict.analysis.pairs import similarity
from ict.analysis.score_pairs import growth_of_files, overlap_of_files
from ict.criteria import is_ranking
from ict.errors import InputError
from ict.figures import matrices
from ict.figures.asked import Behind, Choice, Drawn, Found
from ict.figures.frames import frame
from ict.figures.overlap_curves import overlap_against_n, overlap_at_k
from ict.figures.score_sources import NO_RANKING, ScoreFile, open_scores, score_files
from ict.figures.sources import Source
from ict.selection import resolve_k
from ict.tasks import bundled

_SHARES = (64, 32, 16, 8, 4, 2, 1)
_RANK = ["bundled", *benchmark.GROUPS, "other"]
_MEANS = (
    "k", "channels", "overlap", "jaccard", "kuncheva", "floor", "half_overlap", "ceiling",
    "total_ratio", "total_ratio_low", "total_ratio_high",
)  # fmt: skip


@dataclass(frozen=True)
class Tasks:
    """The score files that are compared, one a task, and why the others are not drawn."""

    paths: Mapping[str, Path]
    sources: Mapping[str, Source]
    reasons: Mapping[str, str]

    @property
    def first(self) -> Source:
        return next(iter(self.sources.values()))

    def only(self, wanted: Collection[str], reason: str) -> "Tasks":
        """Those of the tasks `wanted`; the others are left out with that reason."""
        others = [s for task, s in self.sources.items() if task not in wanted]
        return Tasks(
            {task: self.paths[task] for task in wanted},
            {task: self.sources[task] for task in wanted},
            {**self.reasons, **{source.record.score_id: reason for source in others}},
        )


def _by_task(found: Found, choice: Choice) -> Tasks:
    """One score file a task, the first. Raises InputError for scores of one task only."""
    paths: dict[str, Path] = {}
    sources: dict[str, Source] = {}
    reasons: dict[str, str] = {}
    for file in score_files(found, choice):
        source = open_scores(ScoreFile(file.path), found.store, site=choice.site)
        task = str((file.row and file.row.task) or source.record.task or file.id)
        if not is_ranking(source.record.criterion):
            reasons[file.id] = NO_RANKING
        elif task in paths:
            reasons[file.id] = "another score file of a task that is drawn"
        else:
            paths[task], sources[task] = file.path, source
    reasons |= {row.run_id: "no scores of its own" for row in found.rows if not row.score_id}
    if len(paths) < 2:
        raise InputError("overlap needs scores of two tasks or more behind the sources")
    return Tasks(paths, sources, reasons)


def task_groups(tasks: Sequence[str]) -> dict[str, str] | None:
    """The group of each task: one of VTAB-1K's, bundled or other; None where all are of one."""
    groups = {
        task: benchmark.GROUP_OF.get(task, "bundled" if task in bundled.DRAWN else "other")
        for task in tasks
    }
    ordered = dict(sorted(groups.items(), key=lambda item: _RANK.index(item[1])))
    return ordered if len(set(groups.values())) > 1 else None


def _rows(found: Found, choice: Choice) -> tuple[Sequence[OverlapRow], Tasks]:
    tasks = _by_task(found, choice)
    rows = overlap_of_files(
        tasks.paths, found.store, site=choice.site or tasks.first.site, ratio=choice.ratio,
        ceiling=choice.ceiling,
    )  # fmt: skip
    return rows, tasks


def _behind(tasks: Tasks, ks: Iterable[int], **facts: Any) -> Behind:
    """What is drawn of these score files, and the sentence that says so."""
    first = tasks.first
    images = [
        f"{source.record.images} of {task}"
        for task, source in tasks.sources.items()
        if source.record.images
    ]
    said = {
        "backbone": first.record.backbone,
        "site": first.site,
        "criterion": first.criterion,
    }
    words = [f"{name}: {value}" for name, value in said.items() if value]
    words += [f"n = {', '.join(images)} images"] if images and len(images) <= 8 else []
    words += ["random weights"] if first.record.is_random else []
    sentence = "; ".join(words)
    return Behind(
        scores=[source.record for source in tasks.sources.values()],
        context=f"{sentence[:1].upper()}{sentence[1:]}.",
        facts={"site": first.site, "criterion": first.criterion, "k": sorted(set(ks)), **facts},
        reasons=tasks.reasons,
    )


def _in_block(rows: Sequence[OverlapRow], block: int | None) -> list[OverlapRow]:
    blocks = {row.block for row in rows}
    if block is not None and block not in blocks:
        raise InputError(f"block {block}: there are blocks 0 to {max(blocks)}")
    return [row for row in rows if block in (None, row.block)]


def _ks(rows: Sequence[OverlapRow]) -> list[int]:
    return [row.k for row in rows]


def overlap(found: Found, choice: Choice) -> Drawn:
    rows, tasks = _rows(found, choice)
    part = _in_block(rows, choice.block)
    table = frame(part)
    if choice.value not in table:
        raise InputError(f"no {choice.value} for these scores: they have no noise ceiling")
    means = table.groupby(["task_a", "task_b"], sort=False)
    names = {f"total_ratio{end}": f"ratio{end or '_mean'}" for end in ("", "_low", "_high")}
    table = means[[name for name in _MEANS if name in table]].mean().reset_index()
    table = table.rename(columns=names)
    return Drawn(
        figure=overlap_squares(rows, choice.value, choice.block),
        table=table,
        summary=_pairs_summary(table, choice.value),
        **vars(_behind(tasks, _ks(part), value=choice.value, block=choice.block)),
    )


def overlap_squares(
    rows: Sequence[OverlapRow], value: str, block: int | None, **look: Any
) -> go.Figure:
    """Tasks × tasks, parted by groups, on one scale of 0 to 1 but for counts of channels."""
    names = list(dict.fromkeys(task for row in rows for task in row.pair))
    figure = matrices.overlap_matrix(
        rows, value=value, block=block, groups=task_groups(names), **look
    )
    return figure if value == "overlap" else figure.update_coloraxes(cmin=0, cmax=1)


def _pairs_summary(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """Every pair of few tasks; of many, what each task shares with the others."""
    if len(table) <= 45 or value not in table:
        return table
    both = pd.concat(
        [
            table.rename(columns={"task_a": "task", "task_b": "with"}),
            table.rename(columns={"task_b": "task", "task_a": "with"}),
        ]
    )
    by_task = both.groupby("task", sort=False)[value].agg(["mean", "min", "max"])
    by_task.columns = [f"{name} {value}" for name in ("average", "lowest", "highest")]
    return by_task.reset_index()


def task_tree(rows: Sequence[OverlapRow], block: int | None, **look: Any) -> go.Figure:
    """Tasks clustered by Kuncheva's index, of one block or of the mean of all."""
    names, matrix = similarity(_in_block(rows, block))
    where = "mean over blocks" if block is None else f"block {block}"
    return matrices.dendrogram(
        agreement.cluster(matrix), names, groups=task_groups(names), where=where, **look
    )


def dendrogram(found: Found, choice: Choice) -> Drawn:
    rows, tasks = _rows(found, choice)
    part = _in_block(rows, choice.block)
    names, matrix = similarity(part)
    table = pd.DataFrame(matrix, columns=names)
    table.insert(0, "task", names)
    return Drawn(
        figure=task_tree(rows, choice.block),
        table=table,
        **vars(_behind(tasks, _ks(part), block=choice.block)),
    )


def overlap_lines(found: Found, choice: Choice) -> Drawn:
    rows, tasks = _rows(found, choice)
    a, b = choice.pair or rows[0].pair
    part = [row for row in rows if set(row.pair) == {a, b}]
    if not part:
        raise InputError(f"no pair {a}, {b}: the tasks are {', '.join(tasks.sources)}")
    two = _only_pair(tasks, [task for task in tasks.sources if task in (a, b)], choice)
    return Drawn(
        figure=matrices.overlap_lines(part), table=frame(part), **vars(_behind(two, _ks(part)))
    )


def _only_pair(tasks: Tasks, pair: Collection[str], choice: Choice) -> Tasks:
    """The two of a pair: nobody asked for the others where the pair was named."""
    return tasks.only(pair, "" if choice.pair else "no task of the pair that is drawn")


def _pair(found: Found, choice: Choice) -> Tasks:
    """The two score files of one pair: of --pair, or the first two."""
    tasks = _by_task(found, choice)
    pair = choice.pair or tuple(tasks.sources)[:2]
    if missing := [task for task in pair if task not in tasks.sources]:
        names = ", ".join(tasks.sources)
        raise InputError(f"no scores of {missing[0]}: the tasks are {names}")
    return _only_pair(tasks, pair, choice)


def overlap_at_every_k(found: Found, choice: Choice) -> Drawn:
    two = _pair(found, choice)
    block = choice.block or 0
    one, other = two.sources.values()
    curve = at_every_k(one.row(block), other.row(block))
    width = len(curve)
    ks = choice.k or resolve_k(one.widths, k=None, ratio=choice.ratio)[one.place(block)[0] :]
    table = pd.DataFrame({"k": range(1, width + 1), "overlap": curve})
    marks = sorted({max(1, width // part) for part in _SHARES} | {ks[0]})
    summary = table[table["k"].isin(marks)]
    return Drawn(
        figure=overlap_at_k({" and ".join(two.sources): curve}, k=ks[0]),
        table=table,
        summary=summary.assign(chance=summary["k"] ** 2 / width),
        **vars(_behind(two, ks[:1], block=block).said(before=f"Block {block}.")),
    )


def overlap_growth(found: Found, choice: Choice) -> Drawn:
    two = _pair(found, choice)
    rows = growth_of_files(two.paths, found.store, site=two.first.site, ratio=choice.ratio)
    ks = resolve_k(two.first.widths, k=None, ratio=choice.ratio)
    return Drawn(
        figure=overlap_against_n({" and ".join(two.sources): rows}),
        table=frame(rows),
        **vars(_behind(two, ks, n={"images": [row.n for row in rows]})),
    )
