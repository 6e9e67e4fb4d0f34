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
from ict.figures.channels import class_map, class_profile, energy_split, histogram
from ict.figures.draw_runs import asked
from ict.figures.overlap_curves import stability_lines
from ict.figures.sources import (
    Source,
    by_stage,
    chosen,
    chosen_in_block,
    comparable,
    default_ks,
    marks,
    overlap_rows,
    ranked_in_block,
)
from ict.scores import load_scores
from ict.selection import Selection, resolve_k
from ict.store import channel_sets
from ict.store.inspect_files import Inspection, channel_page, inspections
from ict.store.store import Store

ONE_FILE = "another score file than the one that is drawn"


def score_files(found: Found, choice: Choice) -> list[tuple[Path, Row | None]]:
    """Score files in the order of the sources: those that were named, then those of runs, each once.

    With a run goes its row, whose choice of channels a figure marks. Raises InputError for none.
    """
    files: dict[Path, Row | None] = {}
    for path in found.scores:
        if choice.task in (None, load_scores(path, kinds=()).meta.get("task")):
            files.setdefault(path, None)
    for row in asked(found, choice):
        if row.get("score_id"):
            path = found.store.score_dir(str(row["score_id"])) / "scores.safetensors"
            files.setdefault(path, row)
    if not files:
        raise InputError("no scores behind these sources; name a score id, or runs of method ict")
    return list(files.items())


def open_scores(path: Path, store: Store, *, row: Row | None, site: str | None) -> Source:
    """The scores of a file at `site`, by default where the run of `row` was scored, or the first."""
    scores = load_scores(path, kinds=("", "per_class"))
    if site is not None and site not in scores.sites:
        raise InputError(f"no site {site!r} in {path.parent.name}: {', '.join(scores.sites)}")
    own = None
    if row is not None:
        record = store.run(row["run_id"]).selection()
        own = Selection.from_dict(record) if record else None
    wanted = site or (row or {}).get("score_site")
    at = wanted if wanted in scores.sites else scores.sites[0]
    return Source(
        scores=scores, site=at, meta={**scores.meta, "score_id": path.parent.name}, own=own
    )


def _opened(found: Found, choice: Choice) -> tuple[Source, Row | None]:
    path, row = score_files(found, choice)[0]
    return open_scores(path, found.store, row=row, site=choice.site), row


def picked_channels(source: Source, choice: Choice) -> tuple[Selection, dict[str, Any]]:
    """The channels that are marked, and how they were chosen: a saved set, the run's own, or an order."""
    if choice.set is not None:
        return channel_sets.load(Store(), choice.set).selection, {"chosen": f"set {choice.set}"}
    ks = _ks(source, choice)
    picked = chosen(source, ks, choice.order)
    if picked is source.own:
        return picked, {"chosen": "the run's own"}
    return picked, {"chosen": {"own": "top"}.get(choice.order, choice.order)}


def _ks(source: Source, choice: Choice) -> tuple[int, ...]:
    if choice.k is not None:
        return resolve_k(source.widths, k=choice.k, ratio=None)
    if choice.order == "own":
        return default_ks(source, choice.ratio)
    return resolve_k(source.widths, k=None, ratio=choice.ratio)


def _k_of(picked: Selection) -> Any:
    """K of the blocks: one number where all have the same."""
    found = list(dict.fromkeys(len(block.indices) for block in picked.blocks))
    return found[0] if len(found) == 1 else found


def _of_one(
    found: Found,
    choice: Choice,
    source: Source,
    row: Row | None,
    *,
    picked: Selection | None = None,
) -> dict[str, Any]:
    """What is drawn of a score file, and the runs and files behind the sources that are not.

    A run counts as drawn where its own choice is marked; others with these scores and this K are in
    the figure as much, so they are not said to be left out.
    """
    own = picked is not None and picked is source.own
    reasons: dict[str, str] = {}
    for path, _ in score_files(found, choice)[1:]:
        reasons[path.parent.name] = ONE_FILE
    for other in asked(found, choice):
        if other.get("score_id") is None:
            reasons[other["run_id"]] = "no scores of its own"
        elif other.get("score_id") != source.meta["score_id"]:
            reasons[other["run_id"]] = ONE_FILE
        elif own and row is not None and other.get("k") != row.get("k"):
            reasons[other["run_id"]] = "another K than the one that is marked"
        else:
            reasons[other["run_id"]] = ""  # its scores are those that are drawn
    return {
        "runs": [row] if own and row is not None else [],
        "scores": [source.meta],
        "reasons": reasons,
    }


def _facts(source: Source, **more: Any) -> dict[str, Any]:
    return {"site": source.site, "criterion": source.criterion, **more}


def score_map(found: Found, choice: Choice) -> Drawn:
    source, row = _opened(found, choice)
    picked, how = picked_channels(source, choice)
    figure = maps.score_map(
        source.stages, view=choice.view, selection=marks(source, picked), criterion=source.criterion
    )
    table = _channel_table(source, picked)
    k = _k_of(picked)
    return Drawn(
        figure=figure,
        table=table,
        summary=_block_summary(table),
        context=f"K = {_words(k)} of each block ({how['chosen']}). {_said(source)}",
        facts=_facts(source, view=choice.view, k=k, **how),
        **_of_one(found, choice, source, row, picked=picked),
    )


def _words(k: Any) -> str:
    return " / ".join(map(str, k)) if isinstance(k, list) else str(k)


def _said(source: Source) -> str:
    return of_scores(source.meta, site=source.site)


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
    source, row = _opened(found, choice)
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
        context=f"Block {block}. {_said(source)}",
        facts=_facts(source, block=block, k=len(mine), **how),
        **_of_one(found, choice, source, row, picked=picked),
    )


def _channel(source: Source, choice: Choice) -> tuple[int, int]:
    """Block and channel that were asked for; by default block 0, and its strongest channel."""
    block = choice.block or 0
    scores = source.row(block)
    channel = int(np.argmax(scores)) if choice.channel is None else choice.channel
    if not 0 <= channel < len(scores):
        raise InputError(f"channel {channel}: block {block} has channels 0 to {len(scores) - 1}")
    return block, channel


def class_bars(found: Found, choice: Choice) -> Drawn:
    source, row = _opened(found, choice)
    block, channel = _channel(source, choice)
    values = _by_class(source, block)[:, channel]
    names = source.meta.get("class_names")
    table = pd.DataFrame({"class": range(len(values)), "score": values.astype(float)})
    if names is not None:
        table.insert(1, "name", [str(name) for name in names])
    return Drawn(
        figure=class_profile(values, names, unit=source.class_unit),
        table=table,
        summary=table.nlargest(10, "score"),
        context=f"Block {block}, channel {channel}. {_said(source)}",
        facts=_facts(source, block=block, channel=channel, classes=len(values)),
        **_of_one(found, choice, source, row),
    )


def _by_class(source: Source, block: int) -> np.ndarray:
    values = source.by_class(block)
    if values is None:
        raise InputError(f"{source.criterion} has no score for single classes")
    return values


def classes_by_channel(found: Found, choice: Choice) -> Drawn:
    source, row = _opened(found, choice)
    block = choice.block or 0
    picked, how = picked_channels(source, choice)
    ranked = ranked_in_block(source, picked, block)
    values = _by_class(source, block)[:, ranked]
    table = class_cells(values, ranked)
    strongest = table.sort_values("score", ascending=False).drop_duplicates("channel")
    summary = strongest.groupby("class").agg(
        channels=("channel", "size"), highest=("score", "max"), channel=("channel", "first")
    )
    return Drawn(
        figure=class_map(
            values, ranked, source.meta.get("class_names"), criterion=source.criterion
        ),
        table=table,
        summary=summary.reset_index().rename(columns={"channels": "channels strongest for it"}),
        context=f"Block {block}. {_said(source)}",
        facts=_facts(source, block=block, k=len(chosen_in_block(picked, block)),
                     channel=ranked, classes=len(values), **how),
        **_of_one(found, choice, source, row, picked=picked),
    )  # fmt: skip


def class_cells(values: np.ndarray, channels: Sequence[int]) -> pd.DataFrame:
    """(C, K) as one row a class and channel."""
    rows = [
        {"class": label, "channel": channel, "score": float(values[label, column])}
        for label in range(len(values))
        for column, channel in enumerate(channels)
    ]
    return pd.DataFrame(rows)


def score_histogram(found: Found, choice: Choice) -> Drawn:
    source, row = _opened(found, choice)
    block, channel = _channel(source, choice)
    scores = source.row(block)
    return Drawn(
        figure=histogram(scores, unit="score", what="channels", mark=float(scores[channel])),
        table=pd.DataFrame({"channel": range(len(scores)), "score": scores.astype(float)}),
        summary=_spread("score", scores, this=float(scores[channel])),
        context=f"Block {block}, channel {channel}. {_said(source)}",
        facts=_facts(source, block=block, channel=channel),
        **_of_one(found, choice, source, row),
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
        context=_said(source),
        facts=_facts(source),
        **_of_one(found, choice, source, row),
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
        ks, site = _ks(source, choice), source.site
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
    ks = _ks(a, choice)
    theirs = chosen(b, ks, "top" if choice.set is not None else choice.order)
    rows = overlap_rows(a, b, picked, theirs)
    if not rows:
        raise InputError("the two choices have no block with equally many channels")
    both = ((a, one, picked), (b, other, theirs))
    return Drawn(
        figure=matrices.overlap_lines(rows),
        table=pd.DataFrame(rows),
        context=" ".join(dict.fromkeys(_said(source) for source in (a, b))),
        runs=[row for source, row, mine in both if row is not None and mine is source.own],
        scores=[a.meta, b.meta],
        facts=_facts(a, k=_k_of(picked), **how),
    )


def _two(
    found: Found, choice: Choice, files: Sequence[tuple[Path, Row | None]]
) -> tuple[tuple[Path, Row | None], ...]:
    """The first two sources, in the order in which they were named; two runs may share a file."""
    by_name: dict[str, tuple[Path, Row | None]] = {}
    for path in found.scores:
        by_name[path.parent.name] = by_name[str(path)] = (path, None)
    for row in asked(found, choice):
        if row.get("score_id"):
            path = found.store.score_dir(str(row["score_id"])) / "scores.safetensors"
            by_name[row["run_id"]] = (path, row)
    named = [by_name[name] for name in found.names if name in by_name]
    return tuple(named[:2]) if len(named) >= 2 else tuple(files[:2])


def activations(found: Found, choice: Choice) -> Drawn:
    """Of the inspection that was named, or of one at the backbone and site of the scores."""
    one, source, row = _inspection(found, choice)
    block = choice.block or 0
    if choice.channel is None and source is None:
        raise InputError("choose a channel with --channel")
    channel = choice.channel if source is None else _channel(source, choice)[1]
    page = channel_page(one, block, int(channel))  # type: ignore[arg-type]
    counts = pd.DataFrame({"from": page.edges[:-1], "to": page.edges[1:], "count": page.histogram})
    return Drawn(
        figure=histogram(page.histogram, edges=page.edges, unit="activation", what="tokens"),
        table=counts,
        summary=counts.nlargest(10, "count").sort_values("from"),
        context=f"Block {block}, channel {channel}. {of_scores(one.meta)}",
        facts={
            "inspect_ids": [one.path.name],
            **{name: one.meta.get(name) for name in ("task", "backbone", "site")},
            "block": block, "channel": channel,
            "n": {"images": one.meta.get("images"), "tokens": int(page.histogram.sum())},
        },
        reasons=_named_for_it(found, row),
    )  # fmt: skip


def _named_for_it(found: Found, row: Row | None) -> dict[str, str]:
    """The sources by which the inspection was found are not said to be left out."""
    if found.inspections:
        others = [one.path.name for one in found.inspections[1:]]
        return dict.fromkeys(others, "another inspection than the one that is drawn")
    ids = [path.parent.name for path in found.scores[:1]] if row is None else [row["run_id"]]
    return dict.fromkeys(ids, "")


def _inspection(found: Found, choice: Choice) -> tuple[Inspection, Source | None, Row | None]:
    if found.inspections:
        return found.inspections[0], None, None
    source, row = _opened(found, choice)
    one = inspection_of(found.store, source)
    if one is None:
        backbone = source.meta.get("backbone")
        raise InputError(
            f"no inspection yet: `ict inspect {source.task} --backbone {backbone}` makes one"
        )
    return one, source, row


def inspection_of(store: Store, source: Source) -> Inspection | None:
    """The inspection at the backbone and site of scores: of their own task if there is one."""
    here = (source.meta.get("backbone"), source.site)
    fitting = [
        o for o in inspections(store) if (o.meta.get("backbone"), o.meta.get("site")) == here
    ]
    fitting.sort(key=lambda one: one.meta.get("task") != source.task)
    return fitting[0] if fitting else None
