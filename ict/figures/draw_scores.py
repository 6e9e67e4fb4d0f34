"""Figures of one score file, of one block of it, of one channel: each with the choice that is marked."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ict.analysis.overlap_row import of_selections
from ict.analysis.tables import (
    StabilityRow,
    energy_of_file,
    stability_of_file,
)
from ict.errors import InputError
from ict.figures import channels, maps, matrices
from ict.figures.asked import Choice, Drawn, Found, of_scores
from ict.figures.channels import energy_split, histogram
from ict.figures.draw_runs import asked
from ict.figures.frames import frame
from ict.figures.overlap_curves import stability_lines
from ict.figures.score_sources import (
    ScoreFile,
    channel_of,
    k_of,
    ks_of,
    of_one,
    open_scores,
    opened,
    picked_channels,
    said_of,
    score_files,
    stages_of,
)
from ict.figures.sources import (
    Source,
    by_stage,
    chosen,
    chosen_in_block,
    comparable,
    marks,
)
from ict.selection import Selection


def score_map(found: Found, choice: Choice) -> Drawn:
    source, file = opened(found, choice)
    picked, how = picked_channels(source, choice)
    figure = maps.score_map(
        source.stages,
        view=choice.view,
        selection=marks(source, picked),
        written=marks(source, picked, written=True),
        criterion=source.criterion,
        beside=stages_of(choice.beside, found.store, source),
    )
    table = _channel_table(source, picked)
    k = k_of(picked)
    return Drawn(
        figure=figure,
        table=table,
        summary=_block_summary(table),
        **vars(
            of_one(
                found,
                choice,
                source,
                file,
                picked=picked,
                view=choice.view,
                k=k,
                chosen=how,
                context=f"K = {_words(k)} of each block ({how}). {said_of(source)}",
            )
        ),
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
    source, file = opened(found, choice)
    block = choice.block or 0
    scores = source.row(block)
    picked, how = picked_channels(source, choice)
    mine = chosen_in_block(picked, block)
    table = pd.DataFrame({"channel": range(len(scores)), "score": scores.astype(float)})
    marked = table.assign(block=block, chosen=table["channel"].isin(mine))
    return Drawn(
        figure=channels.block_profile(scores, len(mine), criterion=source.criterion),
        table=table,
        summary=_block_summary(marked),
        **vars(
            of_one(
                found,
                choice,
                source,
                file,
                picked=picked,
                block=block,
                k=len(mine),
                chosen=how,
                context=f"Block {block}. {said_of(source)}",
            )
        ),
    )


def score_histogram(found: Found, choice: Choice) -> Drawn:
    source, file = opened(found, choice)
    block, channel = channel_of(source, choice)
    scores = source.row(block)
    return Drawn(
        figure=histogram(scores, unit="score", what="channels", mark=float(scores[channel])),
        table=pd.DataFrame({"channel": range(len(scores)), "score": scores.astype(float)}),
        summary=_spread("score", scores, this=float(scores[channel])),
        **vars(
            of_one(
                found,
                choice,
                source,
                file,
                block=block,
                channel=channel,
                context=f"Block {block}, channel {channel}. {said_of(source)}",
            )
        ),
    )


def _spread(name: str, values: np.ndarray, **more: float) -> pd.DataFrame:
    """One row: how many, and the quartiles."""
    low, first, middle, third, high = np.nanquantile(values, (0, 0.25, 0.5, 0.75, 1))
    return pd.DataFrame(
        [{"of": name, "n": len(values), "lowest": low, "quartile 1": first, "median": middle,
          "quartile 3": third, "highest": high, **more}]
    )  # fmt: skip


def energies(found: Found, choice: Choice) -> Drawn:
    source, file = opened(found, choice)
    rows = energy_of_file(source.record, file.path, site=source.site, store=found.store)
    return Drawn(
        figure=energy_split(rows),
        table=frame(rows),
        **vars(of_one(found, choice, source, file, context=said_of(source))),
    )


def steadiness(found: Found, choice: Choice) -> Drawn:
    rows: list[StabilityRow] = []
    records, site, seen = [], None, set()
    reasons: dict[str, str] = {}
    for file in score_files(found, choice):
        source = open_scores(file, found.store, site=choice.site)
        if source.task in seen:
            reasons[file.id] = "another score file of a task that is drawn"
            continue
        seen.add(source.task)
        ks, site = ks_of(source, choice), source.site
        rows += stability_of_file(source.record, file.path, ks, site=site, store=found.store)
        records.append(source.record)
    return Drawn(
        figure=stability_lines(rows),
        table=frame(rows),
        summary=_by_task(frame(rows)),
        context=" ".join(of_scores(record, site=site) for record in records[:4]),
        scores=records,
        facts={"site": site, "k": sorted({row.k for row in rows})},
        reasons=reasons,
    )


def _by_task(rows: pd.DataFrame) -> pd.DataFrame:
    """Of few tasks a row a block; of many the mean over their blocks."""
    table = rows[["task", "block", "k", "stability", "low", "high"]]
    if table["task"].nunique() <= 2:
        return table
    means = table.groupby("task", sort=False)[["stability"]].agg(["mean", "min", "max"])
    means.columns = [f"{name} of stability" for name in ("mean", "lowest", "highest")]
    return means.reset_index()


def shared_channels(found: Found, choice: Choice) -> Drawn:
    files = score_files(found, choice)
    if len(found.names) < 2 and len(files) < 2:
        raise InputError("shared-channels compares two runs or score files: name them")
    one, other = _two(found, choice, files)
    a = open_scores(one, found.store, site=choice.site)
    b = open_scores(other, found.store, site=a.site)
    if trouble := comparable(a, b):
        raise InputError(trouble)
    picked, how = picked_channels(a, choice)
    ks = ks_of(a, choice)
    theirs = chosen(b, ks, "top" if choice.set is not None else choice.order)
    rows = of_selections((a.task, b.task), picked, theirs)
    if not rows:
        raise InputError("the two choices have no block with equally many channels")
    both = ((a, one.row, picked), (b, other.row, theirs))
    return Drawn(
        figure=matrices.overlap_lines(rows),
        table=frame(rows).drop(columns=["stage", "jaccard"]),
        context=" ".join(dict.fromkeys(said_of(source) for source in (a, b))),
        runs=[row for source, row, mine in both if row is not None and mine is source.own],
        scores=[a.record, b.record],
        facts={"site": a.site, "criterion": a.criterion, "k": k_of(picked), "chosen": how},
    )


def _two(found: Found, choice: Choice, files: Sequence[ScoreFile]) -> Sequence[ScoreFile]:
    """The first two sources, in the order in which they were named; two runs may share a file."""
    by_name: dict[str, ScoreFile] = {}
    for path in found.scores:
        by_name[path.parent.name] = by_name[str(path)] = ScoreFile(path)
    for row in asked(found, choice):
        if row.score_id:
            path = found.store.score_file(row.score_id)
            by_name[row.run_id] = ScoreFile(path, row)
    named = [by_name[name] for name in found.names if name in by_name]
    return named[:2] if len(named) >= 2 else files[:2]
