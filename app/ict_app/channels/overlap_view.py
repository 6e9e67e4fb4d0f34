"""*Overlap*: which channels tasks share, against chance and against the noise of the scores."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from ict.analysis.ceiling import SPLITS
from ict.analysis.families import of_tasks
from ict.analysis.overlap_row import CeilingRow, OverlapRow
from ict.analysis.pair_ratios import pair_ratios
from ict.analysis.pairs import kept_rows, overlap_rows, plain_rows
from ict.analysis.score_pairs import has_sums, with_ceilings
from ict.analysis.sources import open_source as open_sums
from ict.catalogue import SITE
from ict.documents.number_words import range_words
from ict.documents.score_record import ScoreRecord
from ict.figures import findings
from ict.figures.asked import Choice, Request
from ict.figures.draw_pairs import overlap_squares, task_tree
from ict.selection import resolve_k
from ict.store import Store
from ict_app.channels import overlap_pair_view
from ict_app.channels.overlap_pair_view import Rows, has_ceiling, ids_of, in_files
from ict_app.common import address, plot, readers, shell, signed, sources, words
from ict_app.common.terms import help_of
from ict_app.jobs import lines, view
from ict_app.tune import plan

VALUES = {"kuncheva": "Kuncheva's index", "overlap": "shared channels", "jaccard": "Jaccard"}
FEW = 6  # tasks whose ceiling is computed without asking


def draw(shown: Store) -> None:
    """The page below its heading: a part of its own, so that its slider moves only this."""
    chosen, site, ratio = _asked(of_tasks(readers.scores_of(shown)))
    if len(chosen) < 2:
        st.info("Choose two tasks or more.", icon=":material/join_inner:")
        return
    if sentence := words.unlike_images({str(one.task): one.images for one in chosen}):
        st.caption(sentence)
    rows = table(shown, chosen, site=site, ratio=ratio)
    shell.finding(findings.of_overlap(rows))
    if alike := findings.shared_images([str(one.task) for one in chosen]):
        st.caption(words.plain(alike))
    matrix(rows, chosen, Choice(site=site, ratio=ratio))
    _pairs(rows)
    st.subheader("One pair", anchor=False)
    overlap_pair_view.draw(shown, rows, chosen, site=site, ratio=ratio)


def _asked(families: Mapping[str, Sequence[ScoreRecord]]) -> tuple[list[ScoreRecord], str, float]:
    """The score files of the tasks that are compared, at which site and share."""
    left, middle, right = st.columns([2, 1.4, 1])
    by_slug = {address.slug(name): name for name in families}
    family = families[by_slug[address.select("Scores", by_slug, key="family", place=left)]]
    files = {str(record.task): record for record in family}
    share = address.select_slider(
        "K/D, share of the channels", plan.SHARES[:-1], key="kd", default="1/8", noun="K/D",
        place=middle,
    )  # fmt: skip
    site = address.select("Site", family[0].sites or (SITE,), key="at", place=right)
    tasks = address.multiselect("Tasks", list(files), key="among", default=list(files), noun="task")
    return [files[task] for task in tasks], site, plan.share_of(share)


def table(shown: Store, files: Sequence[ScoreRecord], *, site: str, ratio: float) -> Rows:
    """Every pair and block, with a noise ceiling where per-image sums, or a kept result, allow it.

    Says which tasks have none. Many tasks take a while, so their ceiling is asked for.
    """
    summed = [one for one in files if _has_sums(readers.stamp(Path(one.path)), site)]
    lacking = [one for one in files if one not in summed]
    if lacking:
        said = in_files(shown, files)
        if (rows := kept_rows(said, site=site, ratio=ratio, store=shown)) is not None:
            return rows
        st.caption(_without_ceiling(lacking, some=len(summed) > 1))
        view.folded("Compute the halves", lambda: _halves(lacking, site), key="halves")
    ceilings: Sequence[CeilingRow] = ()
    if len(summed) > 1 and (len(summed) <= FEW or address.toggle("Noise ceiling", key="ceiling")):
        root = "" if readers.is_example(shown) else str(shown.root)
        ceilings = _with_ceiling(root, tuple(one.path for one in summed), site, ratio)
    plain = _plain(str(shown.root), tuple(ids_of(files)), site, ratio)
    return with_ceilings(plain, ceilings)


def _halves(lacking: Sequence[ScoreRecord], site: str) -> None:
    """A job for each of the scores that keep no sums by image."""
    for one in lacking:
        line = lines.scored_with_sums(one, site)
        view.offer(f"Score {one.task} with sums", line, key=f"sums_{one.task}")


def _without_ceiling(lacking: Sequence[ScoreRecord], *, some: bool) -> str:
    """Which pairs have no ceiling, and the command that mends it."""
    tasks = [str(one.task) for one in lacking]
    which = f"for pairs with {words.plain(', '.join(tasks))}" if some else ""
    return (
        f"No noise ceiling {which}".rstrip()
        + f": the scores of {words.plain(', '.join(tasks))} keep "
        f"no sums by image; `ict score {tasks[0]} --keep-images` does."
    )


@st.cache_data(max_entries=500, show_spinner=False)
def _has_sums(of: readers.Stamp, site: str) -> bool:
    return has_sums(Path(of[0]), site)


@st.cache_data(max_entries=30, show_spinner=f"Splitting the images in halves, {SPLITS} times …")
def _with_ceiling(root: str, paths: tuple[str, ...], site: str, ratio: float) -> list[CeilingRow]:
    sums = [open_sums(Path(path), site=site) for path in paths]
    return overlap_rows(sums, ratio=ratio, permutations=0, store=Store(root) if root else None)


@st.cache_data(max_entries=200, show_spinner=False)
def _plain(root: str, keys: tuple[str, ...], site: str, ratio: float) -> list[OverlapRow]:
    opened = [sources.open_source(Store(root), key, site) for key in keys]
    ks = resolve_k(opened[0].widths, k=None, ratio=ratio)
    return plain_rows([(source.task, source.stages) for source in opened], ks)


def matrix(rows: Rows, files: Sequence[ScoreRecord], how: Choice) -> None:
    """Tasks × tasks beside the tree of who chooses alike."""
    tasks, blocks = [str(one.task) for one in files], 1 + max(row.block for row in rows)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        extra = ["ratio_to_ceiling"] if has_ceiling(rows) else []
        names = {**VALUES, "ratio_to_ceiling": "ratio to ceiling"}
        value = address.segmented(
            "Measure", {name: names[name] for name in (*VALUES, *extra)}, key="measure",
            help="\n\n---\n\n".join(map(help_of, ("kuncheva", "jaccard", "ceiling"))),
        )  # fmt: skip
        everywhere = {"all": "all blocks", **{str(b): f"block {b}" for b in range(blocks)}}
        where = address.select("Where", everywhere, key="in_block", noun="block", width=160)
    block = None if where == "all" else int(where)
    left, right = st.columns([1.15, 1])
    seen, theme = (tuple(rows), value, block), shell.theme()
    figure = plot.once(overlap_squares, rows, value, block, seen=seen, theme=theme)
    several = len(tasks) > 2
    tree = plot.once(task_tree, rows, block, seen=seen, theme=theme) if several else figure
    height = plot.level(figure, tree)
    how, ids = replace(how, ceiling=has_ceiling(rows), block=block), ids_of(files)
    with left:
        plot.draw(
            figure, "overlap-matrix", f"{value} of each pair of tasks",
            request=Request("overlap", ids, replace(how, value=value)), on_page=plot.once(_clickable, figure, seen=(seen, theme)), on_select=_pair_clicked,
            selection_mode="points", height=height,
        )  # fmt: skip
        if several:
            st.caption("A click on a cell shows its pair below.")
    if several:
        with right:
            plot.draw(
                tree, "task-tree", "Clustering of tasks by shared channels",
                request=Request("dendrogram", ids, how), height=height,
            )  # fmt: skip


def _pairs(rows: Rows) -> None:
    """Every pair with its share of the noise ceiling and the interval of that."""
    found = pair_ratios(rows)
    if len(found) < 2 or not has_ceiling(rows):
        return
    number = st.column_config.NumberColumn
    table = pd.DataFrame(
        [
            {
                "pair": " and ".join(one.pair),
                "shared": one.overlap,
                "kuncheva": one.kuncheva,
                "ratio": one.ratio,
                "verdict": one.verdict,
                "interval": ""
                if one.low is None or one.high is None
                else range_words(one.low, one.high, ".2f"),
            }
            for one in found
        ]
    )
    signed.draw(
        placeholder="", height="content" if len(found) <= 10 else 380,
        column_order=["pair", "shared", "kuncheva", "ratio", "interval", "verdict"],
        table=table, forms={"shared": ".1f", "kuncheva": ".2f", "ratio": ".2f"}, columns={
            "shared": number("shared channels", help="Mean over blocks."),
            "kuncheva": number("Kuncheva's index", help=help_of("kuncheva")),
            "ratio": number("of the noise ceiling", help=help_of("ceiling")),
            "interval": st.column_config.Column("95 % interval", help="Over splits into halves."),
        },
    )  # fmt: skip


def _clickable(matrix: go.Figure) -> go.Figure:
    """The matrix with unseen marks on its cells: Plotly selects no cell of a heatmap."""
    cells = matrix.data[0]
    pairs = [pair for row in cells.customdata for pair in row if pair[0] != pair[1]]
    values = [z for row, names in zip(cells.z, cells.customdata, strict=True)
              for z, (a, b) in zip(row, names, strict=True) if a != b]  # fmt: skip
    unseen = {"marker": {"opacity": 0}}
    return go.Figure(matrix).add_scatter(
        x=[b for _, b in pairs], y=[a for a, _ in pairs], customdata=pairs, text=values,
        mode="markers", marker={"size": 26, "symbol": "square", "opacity": 0}, selected=unseen,
        unselected=unseen, showlegend=False,
        hovertemplate=cells.hovertemplate.replace("%{z:.3f}", "%{text:.3f}"),
    )  # fmt: skip


def _pair_clicked() -> None:
    """A click on a cell chooses its two tasks for *One pair*."""
    if names := plot.clicked("overlap-matrix"):
        address.put(task_a=names[0], task_b=names[1])
