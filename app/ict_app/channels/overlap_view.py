"""*Overlap*: which channels tasks share, against chance and against the noise of the scores."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from ict.analysis.ceiling import SPLITS
from ict.analysis.families import of_tasks
from ict.analysis.growth import growth_rows, kept_growth_rows
from ict.analysis.overlap import at_every_k
from ict.analysis.overlap_row import CeilingRow, OverlapRow
from ict.analysis.pairs import kept_rows, overlap_rows, plain_rows
from ict.analysis.ranks import shared_channels
from ict.analysis.score_pairs import has_sums, with_ceilings
from ict.analysis.sources import lacking_sums
from ict.analysis.sources import open_source as open_sums
from ict.catalogue import SITE
from ict.documents.score_record import ScoreRecord
from ict.figures import findings, overlap_against_n, overlap_at_k, overlap_lines
from ict.figures.asked import Choice, Request
from ict.figures.draw_pairs import overlap_squares, task_tree
from ict.selection import resolve_k
from ict.store import Store
from ict_app.common import address, plot, readers, shell, sources, words
from ict_app.common.controls import block_input
from ict_app.common.terms import help_of
from ict_app.jobs import lines, view
from ict_app.tune import plan

VALUES = {"kuncheva": "Kuncheva's index", "overlap": "shared channels", "jaccard": "Jaccard"}
Rows = Sequence[OverlapRow]
LOOKS = {"blocks": "By block", "ks": "At every K", "images": "More images"}
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
    st.subheader("One pair", anchor=False)
    pair(shown, rows, chosen, site=site, ratio=ratio)


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
        in_files = _in_files(shown, files)
        if (rows := kept_rows(in_files, site=site, ratio=ratio, store=shown)) is not None:
            return rows
        st.caption(_without_ceiling(lacking, some=len(summed) > 1))
        view.folded("Compute the halves", lambda: _halves(lacking, site), key="halves")
    ceilings: Sequence[CeilingRow] = ()
    if len(summed) > 1 and (len(summed) <= FEW or address.toggle("Noise ceiling", key="ceiling")):
        root = "" if readers.is_example(shown) else str(shown.root)
        ceilings = _with_ceiling(root, tuple(one.path for one in summed), site, ratio)
    plain = _plain(str(shown.root), tuple(_ids(files)), site, ratio)
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


def _in_files(shown: Store, files: Sequence[ScoreRecord]) -> list[ScoreRecord]:
    """What the score files themselves say: what was made of their sums is kept under that."""
    return [readers.channel_scores(shown, one.score_id).record for one in files]


def without_sums(files: Sequence[ScoreRecord], site: str) -> str | None:
    """Why no ceiling can be computed; None if it can."""
    by_path = {Path(one.path): one.task for one in files}
    path = lacking_sums(by_path, site)
    if path is None:
        return None
    task = by_path[path]
    return f"the scores of {task} keep no sums by image; `ict score {task} --keep-images` does"


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
    how, ids = replace(how, ceiling=has_ceiling(rows), block=block), _ids(files)
    with left:
        plot.draw(
            figure, "overlap-matrix", f"{value} of each pair of tasks",
            request=Request("overlap", ids, replace(how, value=value)), on_page=plot.once(_clickable, figure, seen=(seen, theme)), on_select=_pair_clicked,
            selection_mode="points",
        )  # fmt: skip
        if len(tasks) > 2:
            st.caption("A click on a cell shows its pair below.")
    if len(tasks) > 2:
        with right:
            plot.draw(
                plot.once(task_tree, rows, block, seen=(tuple(rows), block), theme=theme), "task-tree",
                "Clustering of tasks by shared channels", request=Request("dendrogram", ids, how),
            )  # fmt: skip


def has_ceiling(rows: Rows) -> bool:
    return any(isinstance(row, CeilingRow) for row in rows)


def _ids(files: Sequence[ScoreRecord]) -> list[str]:
    return [one.score_id for one in files]


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


def pair(
    shown: Store, rows: Rows, files: Sequence[ScoreRecord], *, site: str, ratio: float
) -> None:
    """One pair: block by block, at every K, with more images; the channels shared in one block."""
    tasks = [str(one.task) for one in files]
    first, second, third = st.columns([2, 2, 1])
    a = address.select("Task", tasks, key="task_a", place=first)
    others = [task for task in tasks if task != a]
    b = address.select("and task", others, key="task_b", noun="other task", place=second)
    own = [row for row in rows if set(row.pair) == {a, b}]
    block = block_input(len(own) - 1, third)
    two = [next(one for one in files if one.task == task) for task in (a, b)]
    tabs = address.tabs(LOOKS, key="pair_as")
    k = own[block].k
    if tabs["blocks"].open:
        with tabs["blocks"]:
            shown_as = Choice(site=site, ratio=ratio, ceiling=has_ceiling(rows), pair=(a, b))
            _by_block(own, Request("overlap-lines", _ids(files), shown_as), _both(two))
    if tabs["ks"].open:
        with tabs["ks"]:
            _at_every_k(shown, two, site, block, k)
    if tabs["images"].open:
        with tabs["images"]:
            _with_more_images(shown, two, site, ratio)
    st.markdown(f"**Block {block}: {own[block].overlap} of {k} channels are shared**")
    ids = _ids(two)
    st.dataframe(
        shared(shown, ids[0], ids[1], block, k), hide_index=True, placeholder="", height=240,
        column_config={
            name: st.column_config.Column(f"rank in {task}", help=help_of("rank"))
            for name, task in (("a", a), ("b", b))
        },
    )  # fmt: skip
    both = {"of": ids[0], "with": ids[1], "block": block}
    address.link("channels", "Both maps in Channels", icon="grid_on", **both)


def _by_block(own: Rows, request: Request, both: str) -> None:
    plot.draw(
        plot.once(overlap_lines, own, seen=tuple(own), theme=shell.theme()), "overlap-by-block",
        f"Channels that {both} share, by block", request=request,
    )  # fmt: skip


def _at_every_k(shown: Store, two: Sequence[ScoreRecord], site: str, block: int, k: int) -> None:
    one, other = (sources.open_source(shown, record.score_id, site) for record in two)
    curve = at_every_k(one.row(block), other.row(block))
    plot.draw(
        overlap_at_k({_both(two): curve}, k=k, theme=shell.theme()), "overlap-at-k",
        f"Channels of block {block} that {_both(two)} share, for every K",
        request=Request("overlap-at-k", _ids(two), Choice(site=site, block=block, k=(k,))),
    )  # fmt: skip
    st.caption(
        f"It shows block {block}: an overlap that stands above chance at every K does not hang on where "
        "the cut is made. It cannot show noise; *By block* holds it against halves of the images."
    )


def _with_more_images(shown: Store, two: Sequence[ScoreRecord], site: str, ratio: float) -> None:
    """On request, and kept: it scores 20 draws of each number of images."""
    rows = kept_growth_rows(_in_files(shown, two), site=site, ratio=ratio, store=shown)
    if rows is None and (lacking := without_sums(two, site)):
        st.caption(f"Not known: {lacking}.")
        return
    if rows is None:
        if not st.button("Draw fewer images 80 times", icon=":material/casino:"):
            st.caption("A sixteenth to a half of the images, 20 draws each; kept in the store.")
            return
        with st.spinner("Drawing …"):
            rows = growth_rows(
                *(open_sums(Path(one.path), site=site) for one in two), ratio=ratio,
                store=None if readers.is_example(shown) else shown,
            )  # fmt: skip
    plot.draw(
        overlap_against_n({_both(two): rows}, theme=shell.theme()), "overlap-against-n",
        f"Overlap of {_both(two)} against the number of images",
        request=Request("overlap-against-n", _ids(two), Choice(site=site, ratio=ratio)),
    )  # fmt: skip
    st.caption(
        "It shows whether the overlap still grows with the images that are scored: a curve that rises to "
        "the right says that noise, not the tasks, keeps the choices apart. It cannot show more images "
        "than there are."
    )


def _both(two: Sequence[ScoreRecord]) -> str:
    return " and ".join(str(one.task) for one in two)


def shared(shown: Store, a: str, b: str, block: int, k: int) -> pd.DataFrame:
    """Channels among the top K of both, with their ranks."""
    one, other = sources.open_source(shown, a), sources.open_source(shown, b)
    both = shared_channels(one.row(block), other.row(block), k)
    return pd.DataFrame(both, columns=["channel", "a", "b"])
