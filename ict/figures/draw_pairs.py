"""Figures of tasks against each other: what their scores share, in all blocks, one pair, at every K."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ict.analysis import agreement, benchmark, pairs
from ict.analysis.overlap import at_every_k
from ict.analysis.sources import open_source as open_sums
from ict.errors import InputError
from ict.figures import matrices
from ict.figures.asked import Choice, Drawn, Found, Row
from ict.figures.overlap_curves import overlap_against_n, overlap_at_k
from ict.figures.score_sources import open_scores, score_files
from ict.figures.sources import Source
from ict.selection import resolve_k
from ict.store.store import Store
from ict.tasks import bundled

_SHARES = (64, 32, 16, 8, 4, 2, 1)


def _by_task(found: Found, choice: Choice) -> tuple[dict[str, tuple[Path, Source]], dict[str, str]]:
    """One score file a task, the first, and why the others are not drawn."""
    kept: dict[str, tuple[Path, Source]] = {}
    reasons: dict[str, str] = {}
    for path, row in score_files(found, choice):
        source = open_scores(path, found.store, row=None, site=choice.site)
        task = str((row and row.task) or source.meta.get("task") or path.parent.name)
        if task in kept:
            reasons[path.parent.name] = "another score file of a task that is drawn"
        else:
            kept[task] = (path, source)
    reasons |= {
        row["run_id"]: "no scores of its own" for row in found.rows if not row.get("score_id")
    }
    if len(kept) < 2:
        raise InputError("overlap needs scores of two tasks or more behind the sources")
    return kept, reasons


def overlap_table(
    paths: Mapping[str, Path], store: Store, *, site: str, ratio: float, ceiling: bool = True
) -> list[Row]:
    """Rows of every pair and block: with a noise ceiling where the files have per-image sums, or the
    store kept what was made of them; else, and without `ceiling`, on all images only."""
    sources = {task: open_scores(path, store, row=None, site=site) for task, path in paths.items()}
    if ceiling and lacking_sums(paths.values(), site) is None:
        opened = [open_sums(path, site=site, name=task) for task, path in paths.items()]
        return pairs.overlap_rows(opened, ratio=ratio, permutations=0, store=store)
    if ceiling:
        metas = [{**source.meta, "task": task} for task, source in sources.items()]
        if (kept := pairs.kept_rows(metas, site=site, ratio=ratio, store=store)) is not None:
            return kept
    first = next(iter(sources.values()))
    ks = resolve_k(first.widths, k=None, ratio=ratio)
    return pairs.plain_rows([(task, source.stages) for task, source in sources.items()], ks)


def lacking_sums(paths: Any, site: str) -> Path | None:
    """The first score file without per-image sums; None if all have them."""
    for path in paths:
        try:
            open_sums(path, site=site)
        except InputError:
            return Path(path)
    return None


def task_groups(tasks: Sequence[str]) -> dict[str, str] | None:
    """The group of each task: one of VTAB-1K's, bundled or other; None where all are of one."""
    groups = {
        task: benchmark.GROUP_OF.get(task, "bundled" if task in bundled.TASKS else "other")
        for task in tasks
    }
    ordered = dict(sorted(groups.items(), key=lambda item: _RANK.index(item[1])))
    return ordered if len(set(groups.values())) > 1 else None


_RANK = ["bundled", *benchmark.GROUPS, "other"]


def _rows(found: Found, choice: Choice) -> tuple[list[Row], dict[str, Source], dict[str, str]]:
    kept, reasons = _by_task(found, choice)
    site = choice.site or next(iter(kept.values()))[1].site
    rows = overlap_table(
        {task: path for task, (path, _) in kept.items()}, found.store,
        site=site, ratio=choice.ratio, ceiling=choice.ceiling,
    )  # fmt: skip
    return rows, {task: source for task, (_, source) in kept.items()}, reasons


def _drawn(sources: Mapping[str, Source], rows: Sequence[Row], **facts: Any) -> dict[str, Any]:
    """What is drawn of these score files, and the sentence that says so."""
    first = next(iter(sources.values()))
    images = [f"{s.meta['images']} of {t}" for t, s in sources.items() if s.meta.get("images")]
    said = {
        "backbone": first.meta.get("backbone"),
        "site": first.site,
        "criterion": first.criterion,
    }
    words = [f"{name}: {value}" for name, value in said.items() if value]
    words += [f"n = {', '.join(images)} images"] if images and len(images) <= 8 else []
    words += ["random weights"] if first.meta.get("weights") == "none" else []
    sentence = "; ".join(words)
    k = sorted({row["k"] for row in rows if row.get("k")})
    return {
        "scores": [source.meta for source in sources.values()],
        "context": f"{sentence[:1].upper()}{sentence[1:]}.",
        "facts": {
            "site": first.site, "criterion": first.criterion, **({"k": k} if k else {}), **facts
        },
    }  # fmt: skip


def _in_block(rows: Sequence[Row], block: int | None) -> list[Row]:
    blocks = {row["block"] for row in rows}
    if block is not None and block not in blocks:
        raise InputError(f"block {block}: there are blocks 0 to {max(blocks)}")
    return [row for row in rows if block in (None, row["block"])]


def overlap(found: Found, choice: Choice) -> Drawn:
    rows, sources, reasons = _rows(found, choice)
    if choice.value not in rows[0]:
        raise InputError(f"no {choice.value} for these scores: they have no noise ceiling")
    part = _in_block(rows, choice.block)
    means = pd.DataFrame(part).groupby(["task_a", "task_b"], sort=False)
    wanted = ["k", "channels", "overlap", "jaccard", "kuncheva", "floor", "half_overlap", "ceiling",
              "total_ratio", "total_ratio_low", "total_ratio_high"]  # fmt: skip
    table = means[[n for n in wanted if n in rows[0]]].mean().reset_index()
    names = {f"total_ratio{end}": f"ratio{end or '_mean'}" for end in ("", "_low", "_high")}
    return Drawn(
        figure=overlap_squares(rows, choice.value, choice.block),
        table=table.rename(columns=names),
        summary=_pairs_summary(table.rename(columns=names), choice.value),
        reasons=reasons,
        **_drawn(sources, part, value=choice.value, block=choice.block),
    )


def overlap_squares(rows: Sequence[Row], value: str, block: int | None, **look: Any) -> Any:
    """Tasks × tasks, parted by groups, on one scale of 0 to 1 but for counts of channels."""
    names = list(dict.fromkeys(t for r in rows for t in (r["task_a"], r["task_b"])))
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
    found = both.groupby("task", sort=False)[value].agg(["mean", "min", "max"])
    found.columns = [f"{name} {value}" for name in ("average", "lowest", "highest")]
    return found.reset_index()


def task_tree(rows: Sequence[Row], block: int | None, **look: Any) -> Any:
    """Tasks clustered by Kuncheva's index, of one block or of the mean of all."""
    names, matrix = pairs.similarity(_in_block(rows, block))
    where = "mean over blocks" if block is None else f"block {block}"
    return matrices.dendrogram(
        agreement.cluster(matrix), names, groups=task_groups(names), where=where, **look
    )


def dendrogram(found: Found, choice: Choice) -> Drawn:
    rows, sources, reasons = _rows(found, choice)
    part = _in_block(rows, choice.block)
    names, matrix = pairs.similarity(part)
    table = pd.DataFrame(matrix, columns=names)
    table.insert(0, "task", names)
    return Drawn(
        figure=task_tree(rows, choice.block),
        table=table,
        reasons=reasons,
        **_drawn(sources, part, block=choice.block),
    )


def overlap_lines(found: Found, choice: Choice) -> Drawn:
    rows, sources, reasons = _rows(found, choice)
    a, b = choice.pair or (rows[0]["task_a"], rows[0]["task_b"])
    part = [row for row in rows if {row["task_a"], row["task_b"]} == {a, b}]
    if not part:
        raise InputError(f"no pair {a}, {b}: the tasks are {', '.join(sources)}")
    two = {task: source for task, source in sources.items() if task in (a, b)}
    reasons |= _of_other_tasks(sources, two, choice)
    return Drawn(
        figure=matrices.overlap_lines(part),
        table=pd.DataFrame(part),
        reasons=reasons,
        **_drawn(two, part),
    )


def _of_other_tasks(sources: Mapping[str, Source], wanted: Any, choice: Choice) -> dict[str, str]:
    """Score files beside a pair: nobody asked for them where the pair was named."""
    reason = "" if choice.pair else "no task of the pair that is drawn"
    return {s.meta["score_id"]: reason for task, s in sources.items() if task not in wanted}


def _pair(found: Found, choice: Choice) -> tuple[dict[str, tuple[Path, Source]], dict[str, str]]:
    """The two score files of one pair: of --pair, or the first two."""
    kept, reasons = _by_task(found, choice)
    wanted = choice.pair or tuple(list(kept)[:2])
    if missing := [task for task in wanted if task not in kept]:
        raise InputError(f"no scores of {missing[0]}: the tasks are {', '.join(kept)}")
    others = {task: source for task, (_, source) in kept.items()}
    return {task: kept[task] for task in wanted}, reasons | _of_other_tasks(others, wanted, choice)


def overlap_at_every_k(found: Found, choice: Choice) -> Drawn:
    two, reasons = _pair(found, choice)
    block = choice.block or 0
    one, other = (source for _, source in two.values())
    curve = at_every_k(one.row(block), other.row(block))
    width = len(curve)
    k = (
        choice.k[0]
        if choice.k
        else resolve_k(one.widths, k=None, ratio=choice.ratio)[one.place(block)[0]]
    )
    table = pd.DataFrame({"k": range(1, width + 1), "overlap": curve})
    marks = sorted({max(1, width // part) for part in _SHARES} | {k})
    summary = table[table["k"].isin(marks)]
    drawn = _drawn({task: source for task, (_, source) in two.items()}, [{"k": k}], block=block)
    drawn["context"] = f"Block {block}. {drawn['context']}"
    return Drawn(
        figure=overlap_at_k({" and ".join(two): curve}, k=k),
        table=table,
        summary=summary.assign(chance=summary["k"] ** 2 / width),
        reasons=reasons,
        **drawn,
    )


def growth(found: Found, choice: Choice) -> Drawn:
    two, reasons = _pair(found, choice)
    sources = {task: source for task, (_, source) in two.items()}
    site = next(iter(sources.values())).site
    rows = pairs.kept_growth_rows(
        [source.meta for source in sources.values()],
        site=site,
        ratio=choice.ratio,
        store=found.store,
    )
    if rows is None:
        opened = [open_sums(path, site=site, name=task) for task, (path, _) in two.items()]
        rows = pairs.growth_rows(*opened, ratio=choice.ratio, store=found.store)
    widths = next(iter(sources.values())).widths
    ks = resolve_k(widths, k=None, ratio=choice.ratio)
    return Drawn(
        figure=overlap_against_n({" and ".join(two): rows}),
        table=pd.DataFrame(rows),
        reasons=reasons,
        **_drawn(sources, [{"k": k} for k in ks], n={"images": [int(row["n"]) for row in rows]}),
    )
