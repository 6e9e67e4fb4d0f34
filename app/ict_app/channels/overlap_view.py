"""*Overlap*: which channels tasks share, against chance and against the noise of the scores."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from ict.analysis.overlap import at_every_k
from ict.analysis.pairs import growth_rows, kept_growth_rows, kept_rows, overlap_rows, plain_rows
from ict.analysis.sources import open_source as open_sums
from ict.errors import InputError
from ict.figures import overlap_against_n, overlap_at_k, overlap_lines
from ict.figures.asked import Choice, Request
from ict.figures.draw_pairs import overlap_squares, task_tree
from ict.selection import resolve_k
from ict.store import Store
from ict_app.common import plot, readers, shell, sources
from ict_app.common.controls import block_input

VALUES = {"kuncheva": "Kuncheva's index", "overlap": "shared channels", "jaccard": "Jaccard"}
Meta = dict[str, Any]
Rows = list[dict[str, Any]]
LOOKS = ("By block", "At every K", "More images")
FEW = 6  # tasks whose ceiling is computed without asking


def families(shown: Store) -> dict[str, list[dict[str, Any]]]:
    """Score files that can be compared with each other, one a task, by what they have in common."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for meta in readers.scores_of(shown):
        name = " · ".join(str(meta[part]) for part in ("backbone", "criterion") if meta.get(part))
        if meta.get("weights") == "none":
            name += " · random weights"
        if meta.get("tokens") not in (None, "patch"):
            name += f" · {meta['tokens']} tokens"
        tasks = found.setdefault(name, {})
        if _richer(meta, tasks.get(str(meta.get("task")))):
            tasks[str(meta.get("task"))] = meta
    return {name: list(tasks.values()) for name, tasks in found.items() if len(tasks) > 1}


def _richer(meta: dict[str, Any], other: dict[str, Any] | None) -> bool:
    """Files with per-image sums win, then those of more images."""
    if other is None:
        return True
    rank = [bool(meta.get("keep_images")), meta.get("images") or 0]
    return rank > [bool(other.get("keep_images")), other.get("images") or 0]


def table(
    shown: Store, metas: Sequence[dict[str, Any]], *, site: str, ratio: float
) -> list[dict[str, Any]]:
    """Every pair and block, with a noise ceiling where per-image sums, or a kept result, allow it.

    Says why there is none. Many tasks take a while, so their ceiling is asked for.
    """
    lacking = has_sums(metas, site)
    if lacking is None:
        if len(metas) <= FEW or st.toggle("Noise ceiling", key="ceiling", bind="query-params"):
            root = "" if readers.is_example(shown) else str(shown.root)
            return _with_ceiling(root, tuple(str(m["path"]) for m in metas), site, ratio)
    elif (found := _kept(shown, metas, site=site, ratio=ratio)) is not None:
        return found
    else:
        st.caption(f"No noise ceiling: {lacking}.")
    return _plain(str(shown.root), tuple(str(m["score_id"]) for m in metas), site, ratio)


@st.cache_data(max_entries=30, show_spinner="Splitting the images in halves, 50 times …")
def _with_ceiling(
    root: str, paths: tuple[str, ...], site: str, ratio: float
) -> list[dict[str, Any]]:
    found = [open_sums(Path(path), site=site) for path in paths]
    kept = Store(root) if root else None
    return overlap_rows(found, ratio=ratio, permutations=0, store=kept)


@st.cache_data(max_entries=200, show_spinner=False)
def _plain(root: str, keys: tuple[str, ...], site: str, ratio: float) -> list[dict[str, Any]]:
    found = [sources.open_source(Store(root), key, site) for key in keys]
    ks = resolve_k(found[0].widths, k=None, ratio=ratio)
    return plain_rows([(source.task, source.stages) for source in found], ks)


def _kept(
    shown: Store, metas: Sequence[dict[str, Any]], *, site: str, ratio: float
) -> list[dict[str, Any]] | None:
    """Rows with a ceiling that the store kept from sums that are not here any more."""
    scores = [readers.channel_scores(shown, str(meta["score_id"])).meta for meta in metas]
    return kept_rows(scores, site=site, ratio=ratio, store=shown)


def has_sums(metas: Sequence[dict[str, Any]], site: str) -> str | None:
    """Why no ceiling can be computed; None if it can."""
    for meta in metas:
        try:
            open_sums(Path(meta["path"]), site=site)
        except InputError:
            task = meta.get("task")
            return (
                f"the scores of {task} keep no sums by image; `ict score {task} --keep-images` does"
            )
    return None


def matrix(rows: Rows, metas: Sequence[Meta], how: Choice) -> None:
    """Tasks × tasks beside the tree of who chooses alike."""
    tasks, blocks = [str(meta["task"]) for meta in metas], 1 + max(row["block"] for row in rows)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        extra = ["ratio_to_ceiling"] if rows and "ratio_to_ceiling" in rows[0] else []
        names = {**VALUES, "ratio_to_ceiling": "ratio to ceiling"}
        value = st.segmented_control(
            "Measure", [*VALUES, *extra], default="kuncheva", required=True, format_func=names.get,
            key="measure", bind="query-params",
        )  # fmt: skip
        where = st.selectbox(
            "Where", ["all blocks", *map(str, range(blocks))], key="in_block", bind="query-params",
            width=160, format_func=lambda b: b if b == "all blocks" else f"block {b}",
        )  # fmt: skip
    block = None if where == "all blocks" else int(where)
    left, right = st.columns([1.15, 1])
    figure = overlap_squares(rows, value, block, theme=shell.theme())
    how, ids = replace(how, ceiling=has_ceiling(rows), block=block), _ids(metas)
    with left:
        plot.draw(
            figure, "overlap-matrix", f"{value} of each pair of tasks",
            request=Request("overlap", ids, replace(how, value=value)), on_page=_clickable(figure), on_select=_pair_clicked,
            selection_mode="points",
        )  # fmt: skip
        if len(tasks) > 2:
            st.caption("A click on a cell shows its pair below.")
    if len(tasks) > 2:
        with right:
            plot.draw(
                task_tree(rows, block, theme=shell.theme()), "task-tree",
                "Clustering of tasks by shared channels", request=Request("dendrogram", ids, how),
            )  # fmt: skip


def has_ceiling(rows: Rows) -> bool:
    return any("ceiling" in row for row in rows)


def _ids(metas: Sequence[Meta]) -> list[str]:
    return [str(meta["score_id"]) for meta in metas]


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
        st.session_state["task_a"], st.session_state["task_b"] = map(str, names)


def pair(shown: Store, rows: Rows, metas: Sequence[Meta], *, site: str, ratio: float) -> None:
    """One pair: block by block, at every K, with more images; the channels shared in one block."""
    tasks = [str(meta["task"]) for meta in metas]
    first, second, third = st.columns([2, 2, 1])
    a = first.selectbox("Task", tasks, key="task_a", bind="query-params")
    b = second.selectbox(
        "and task", [task for task in tasks if task != a], key="task_b", bind="query-params"
    )
    own = [row for row in rows if {row["task_a"], row["task_b"]} == {a, b}]
    block = block_input(len(own) - 1, third)
    two = [next(meta for meta in metas if meta["task"] == task) for task in (a, b)]
    tabs = st.tabs(LOOKS, key="pair_as", on_change="rerun", bind="query-params")
    k = own[block]["k"]
    if tabs[0].open:
        with tabs[0]:
            shown_as = Choice(site=site, ratio=ratio, ceiling=has_ceiling(rows), pair=(a, b))
            _by_block(own, Request("overlap-lines", _ids(metas), shown_as), _both(two))
    if tabs[1].open:
        with tabs[1]:
            _at_every_k(shown, two, site, block, k)
    if tabs[2].open:
        with tabs[2]:
            _with_more_images(shown, two, site, ratio)
    st.markdown(f"**Block {block}: {own[block]['overlap']} of {k} channels are shared**")
    ids = [str(meta["score_id"]) for meta in two]
    st.dataframe(
        shared(shown, *ids, block, k), hide_index=True, placeholder="", height=240,
        column_config={"a": f"rank in {a}", "b": f"rank in {b}"},
    )  # fmt: skip
    st.page_link(
        shell.path("channels"), label="Both maps in Channels", icon=":material/grid_on:",
        query_params={"of": ids[0], "with": ids[1], "block": str(block)},
    )  # fmt: skip


def _by_block(own: Rows, request: Request, both: str) -> None:
    plot.draw(
        overlap_lines(own, theme=shell.theme()), "overlap-by-block",
        f"Channels that {both} share, by block", request=request,
    )  # fmt: skip


def _at_every_k(shown: Store, two: Sequence[Meta], site: str, block: int, k: int) -> None:
    one, other = (sources.open_source(shown, str(meta["score_id"]), site) for meta in two)
    stage, row = one.place(block)
    curve = at_every_k(one.stages[stage][row], other.stages[stage][row])
    plot.draw(
        overlap_at_k({_both(two): curve}, k=k, theme=shell.theme()), "overlap-at-k",
        f"Channels of block {block} that {_both(two)} share, for every K",
        request=Request("overlap-at-k", _ids(two), Choice(site=site, block=block, k=(k,))),
    )  # fmt: skip
    st.caption(
        f"It shows block {block}: an overlap that stands above chance at every K does not hang on where "
        "the cut is made. It cannot show noise; *By block* holds it against halves of the images."
    )


def _with_more_images(shown: Store, two: Sequence[Meta], site: str, ratio: float) -> None:
    """On request, and kept: it scores 20 draws of each number of images."""
    scores = [readers.channel_scores(shown, str(meta["score_id"])).meta for meta in two]
    rows = kept_growth_rows(scores, site=site, ratio=ratio, store=shown)
    if rows is None and (lacking := has_sums(two, site)):
        st.caption(f"Not known: {lacking}.")
        return
    if rows is None:
        if not st.button("Draw fewer images 80 times", icon=":material/casino:"):
            st.caption("A sixteenth to a half of the images, 20 draws each; kept in the store.")
            return
        with st.spinner("Drawing …"):
            rows = growth_rows(
                *(open_sums(Path(meta["path"]), site=site) for meta in two), ratio=ratio,
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


def _both(two: Sequence[Meta]) -> str:
    return " and ".join(str(meta["task"]) for meta in two)


def shared(shown: Store, a: str, b: str, block: int, k: int) -> pd.DataFrame:
    """Channels among the top K of both, with their ranks."""
    one, other = sources.open_source(shown, a), sources.open_source(shown, b, None)
    stage, row = one.place(block)
    table = pd.DataFrame(
        {"a": _ranks(one.stages[stage][row]), "b": _ranks(other.stages[stage][row])}
    )
    table.insert(0, "channel", table.index)
    table = table[(table["a"] <= k) & (table["b"] <= k)]
    return table.sort_values("a")


def _ranks(scores: Any) -> pd.Series:
    return pd.Series(scores).rank(ascending=False, method="first").astype(int)
