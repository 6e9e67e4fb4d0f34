"""Figures of one score file, of one block of it, of one channel: each with the choice that is marked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ict.analysis.sources import open_source as open_sums
from ict.analysis.tables import energy_rows, kept_energy_rows, kept_stability_rows, stability_rows
from ict.errors import InputError
from ict.figures import maps, matrices
from ict.figures.asked import Choice, Drawn, Found, Row, of_scores
from ict.figures.channels import energy_split, histogram
from ict.figures.draw_runs import asked
from ict.figures.overlap_curves import stability_lines
from ict.figures.score_sources import (
    channel_of,
    facts_of,
    k_of,
    ks_of,
    of_one,
    open_scores,
    opened,
    picked_channels,
    said_of,
    score_files,
)
from ict.figures.sources import (
    Source,
    by_stage,
    chosen,
    chosen_in_block,
    comparable,
    marks,
    overlap_rows,
)
from ict.selection import Selection
from ict.store.run_rows import RunRow


def score_map(found: Found, choice: Choice) -> Drawn:
    source, row = opened(found, choice)
    picked, how = picked_channels(source, choice)
    figure = maps.score_map(
        source.stages, view=choice.view, selection=marks(source, picked), criterion=source.criterion
    )
    table = _channel_table(source, picked)
    k = k_of(picked)
    return Drawn(
        figure=figure,
        table=table,
        summary=_block_summary(table),
        context=f"K = {_words(k)} of each block ({how['chosen']}). {said_of(source)}",
        facts=facts_of(source, view=choice.view, k=k, **how),
        **of_one(found, choice, source, row, picked=picked),
    )


def _words(k: Any) -> str:
    return " / ".join(map(str, k)) if isinstance(k, list) else str(k)


def _channel_table(source: Source, picked: Selection) -> pd.DataFrame:
    """One row a channel: stage, block, channel, score, rank, chosen."""
    rows, block = [], 0
    for stage, (values, own) in enumerate(
        zip(source.stages, by_stage(source, picked), strict=True)
    ):
        for scores, rank, mine in zip(values, maps.ranks(values), own, strict=True):
            marked = set(mine)
            rows += [
                {"stage": stage, "block": block, "channel": c, "score": float(scores[c]),
                 "rank": int(rank[c]), "chosen": c in marked}
                for c in range(len(scores))
            ]  # fmt: skip
            block += 1
    return pd.DataFrame(rows)


def _block_summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row a block: channels, K, the range of its scores, the chosen ones' share of their sum."""
    rows = []
    for block, part in table.groupby("block"):
        mine = part[part["chosen"]]
        total = part["score"].sum()
        rows.append(
            {"block": block, "channels": len(part), "k": len(mine), "lowest": part["score"].min(),
             "median": part["score"].median(), "highest": part["score"].max(),
             "lowest chosen": mine["score"].min() if len(mine) else np.nan,
             "chosen share (%)": 100 * mine["score"].sum() / total if total > 0 else np.nan}
        )  # fmt: skip
    return pd.DataFrame(rows)


def block_profile(found: Found, choice: Choice) -> Drawn:
    source, row = opened(found, choice)
    block = choice.block or 0
    scores = source.row(block)
    picked, how = picked_channels(source, choice)
    mine = chosen_in_block(picked, block)
    table = pd.DataFrame({"channel": range(len(scores)), "score": scores.astype(float)})
    marked = table.assign(block=block, chosen=table["channel"].isin(mine))
    return Drawn(
        figure=maps.block_profile(scores, len(mine), criterion=source.criterion),
        table=table,
        summary=_block_summary(marked),
        context=f"Block {block}. {said_of(source)}",
        facts=facts_of(source, block=block, k=len(mine), **how),
        **of_one(found, choice, source, row, picked=picked),
    )


def score_histogram(found: Found, choice: Choice) -> Drawn:
    source, row = opened(found, choice)
    block, channel = channel_of(source, choice)
    scores = source.row(block)
    return Drawn(
        figure=histogram(scores, unit="score", what="channels", mark=float(scores[channel])),
        table=pd.DataFrame({"channel": range(len(scores)), "score": scores.astype(float)}),
        summary=_spread("score", scores, this=float(scores[channel])),
        context=f"Block {block}, channel {channel}. {said_of(source)}",
        facts=facts_of(source, block=block, channel=channel),
        **of_one(found, choice, source, row),
    )


def _spread(name: str, values: np.ndarray, **more: float) -> pd.DataFrame:
    """One row: how many, and the quartiles."""
    low, first, middle, third, high = np.nanquantile(values, (0, 0.25, 0.5, 0.75, 1))
    return pd.DataFrame(
        [{"of": name, "n": len(values), "lowest": low, "quartile 1": first, "median": middle,
          "quartile 3": third, "highest": high, **more}]
    )  # fmt: skip


def energies(found: Found, choice: Choice) -> Drawn:
    (path, row), *_ = score_files(found, choice)
    source = open_scores(path, found.store, row=row, site=choice.site)
    rows = kept_energy_rows(source.meta, site=source.site, store=found.store)
    if rows is None:
        rows = energy_rows(open_sums(path, site=source.site), store=found.store)
    return Drawn(
        figure=energy_split(rows),
        table=pd.DataFrame(rows),
        context=said_of(source),
        facts=facts_of(source),
        **of_one(found, choice, source, row),
    )


def steadiness(found: Found, choice: Choice) -> Drawn:
    rows: list[Row] = []
    metas, site, seen = [], None, set()
    reasons: dict[str, str] = {}
    for path, row in score_files(found, choice):
        source = open_scores(path, found.store, row=row, site=choice.site)
        if source.task in seen:
            reasons[path.parent.name] = "another score file of a task that is drawn"
            continue
        seen.add(source.task)
        ks, site = ks_of(source, choice), source.site
        kept = kept_stability_rows(source.meta, ks, site=site, store=found.store)
        rows += kept or stability_rows(
            open_sums(path, site=site, name=source.task), ks, store=found.store
        )
        metas.append(source.meta)
    return Drawn(
        figure=stability_lines(rows),
        table=pd.DataFrame(rows),
        summary=_by_task(rows),
        context=" ".join(of_scores(meta, site=site) for meta in metas[:4]),
        scores=metas,
        facts={"site": site, "k": sorted({row["k"] for row in rows})},
        reasons=reasons,
    )


def _by_task(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Of few tasks a row a block; of many the mean over their blocks."""
    table = pd.DataFrame(rows)[["task", "block", "k", "stability", "low", "high"]]
    if table["task"].nunique() <= 2:
        return table
    means = table.groupby("task", sort=False)[["stability"]].agg(["mean", "min", "max"])
    means.columns = [f"{name} of stability" for name in ("mean", "lowest", "highest")]
    return means.reset_index()


def shared_channels(found: Found, choice: Choice) -> Drawn:
    files = score_files(found, choice)
    if len(found.names) < 2 and len(files) < 2:
        raise InputError("shared-channels compares two runs or score files: name them")
    (first, one), (second, other) = _two(found, choice, files)
    a = open_scores(first, found.store, row=one, site=choice.site)
    b = open_scores(second, found.store, row=other, site=a.site)
    if trouble := comparable(a, b):
        raise InputError(trouble)
    picked, how = picked_channels(a, choice)
    ks = ks_of(a, choice)
    theirs = chosen(b, ks, "top" if choice.set is not None else choice.order)
    rows = overlap_rows(a, b, picked, theirs)
    if not rows:
        raise InputError("the two choices have no block with equally many channels")
    both = ((a, one, picked), (b, other, theirs))
    return Drawn(
        figure=matrices.overlap_lines(rows),
        table=pd.DataFrame(rows),
        context=" ".join(dict.fromkeys(said_of(source) for source in (a, b))),
        runs=[row for source, row, mine in both if row is not None and mine is source.own],
        scores=[a.meta, b.meta],
        facts=facts_of(a, k=k_of(picked), **how),
    )


def _two(
    found: Found, choice: Choice, files: Sequence[tuple[Path, RunRow | None]]
) -> tuple[tuple[Path, RunRow | None], ...]:
    """The first two sources, in the order in which they were named; two runs may share a file."""
    by_name: dict[str, tuple[Path, RunRow | None]] = {}
    for path in found.scores:
        by_name[path.parent.name] = by_name[str(path)] = (path, None)
    for row in asked(found, choice):
        if row.get("score_id"):
            path = found.store.score_file(str(row["score_id"]))
            by_name[row["run_id"]] = (path, row)
    named = [by_name[name] for name in found.names if name in by_name]
    return tuple(named[:2]) if len(named) >= 2 else tuple(files[:2])
