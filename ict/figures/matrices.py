"""Task by task, criterion by criterion, block by block: overlap, agreement, clustering."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from scipy.cluster import hierarchy

from ict.figures import theme as look
from ict.figures.frames import Table, frame
from ict.figures.reference_lines import line_at_x, line_at_y

OVERLAP_UNITS = {
    "overlap": "shared channels",
    "jaccard": "Jaccard index",
    "kuncheva": "Kuncheva's index (0 = chance)",
    "coefficient": "shared share of K",
    "ratio_to_ceiling": "ratio to ceiling",
}


def overlap_matrix(
    table: Table,
    *,
    value: str = "kuncheva",
    block: int | None = None,
    groups: Mapping[str, str] | None = None,
    order: Sequence[str] | None = None,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Tasks × tasks: `value` of the rows of `ict overlap`, of one block or the mean of all.

    With `groups` (task → group) the tasks are grouped and lines part the groups. The diagonal is
    left empty: a selection shares everything with itself. customdata is [task_a, task_b].
    """
    rows = frame(table)
    if block is not None and not rows.empty:
        rows = rows[rows["block"] == block]
    if rows.empty:
        return look.empty("choose two tasks or more", theme)
    tasks = list(order or dict.fromkeys([*rows["task_a"], *rows["task_b"]]))
    if groups and order is None:
        rank = list(dict.fromkeys(groups.values()))
        tasks.sort(key=lambda t: rank.index(groups[t]) if t in groups else len(rank))
    matrix = pair_matrix(rows, tasks, value)
    figure = _square(
        matrix, tasks, OVERLAP_UNITS.get(value, value), "{:.0f}" if value == "overlap" else "{:.2f}"
    )
    if groups:
        _part_groups(figure, [groups.get(t, "other") for t in tasks])
    where = "mean over blocks" if block is None else f"block {block}"
    caption = (
        f"{OVERLAP_UNITS.get(value, value)} of the channels that {len(tasks)} tasks choose, {where}"
    )
    if "k" in rows:
        caption += f"; K = {_ks(rows)}"
    size = len(tasks)
    return look.finish(
        figure,
        title=title,
        caption=caption[0].upper() + caption[1:] + ".",
        theme=theme,
        height=190 + 24 * max(size, 5),
        aspect=0.85,
        span="column" if size <= 8 else "text",
    )


def pair_matrix(rows: pd.DataFrame, tasks: Sequence[str], value: str) -> np.ndarray:
    """The symmetric matrix of `value` (mean over the rows of a pair), NaN on the diagonal."""
    place = {task: i for i, task in enumerate(tasks)}
    matrix = np.full((len(tasks), len(tasks)), np.nan)
    means = rows.groupby(["task_a", "task_b"])[value].mean()
    for (a, b), mean in means.items():  # type: ignore[misc]  # the stubs know no index of pairs
        if a in place and b in place and a != b:
            matrix[place[a], place[b]] = matrix[place[b], place[a]] = mean
    return matrix


def overlap_lines(
    table: Table,
    *,
    value: str = "overlap",
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Overlap of one pair of tasks by block, between the chance band and the noise ceiling.

    Rows of `ict overlap` of one pair: block, overlap (full data), half_overlap (on the halves, the
    only one to be compared with the ceiling), ceiling, floor, floor_low, floor_high, k.
    """
    rows = frame(table)
    if rows.empty:
        return look.empty("choose two tasks", theme)
    rows = rows.sort_values("block")
    pair = f"{rows['task_a'].iloc[0]} and {rows['task_b'].iloc[0]}"
    figure = go.Figure()
    x = rows["block"]
    if "floor_low" in rows:
        figure.add_scatter(
            x=[*x, *x[::-1]],
            y=[*rows["floor_high"], *rows["floor_low"][::-1]],
            fill="toself",
            fillcolor=look.transparent(look.GREY, 0.25),
            mode="none",
            name="chance, central 95 %",
            hoverinfo="skip",
        )
    series = [
        ("ceiling", "noise ceiling (halves)", look.Look(look.ORANGE, "triangle-down", "dash")),
        ("half_overlap", "the pair (halves)", look.Look(look.BLUE, "circle", "solid")),
        (value, "the pair (all images)", look.Look(look.SKY, "circle-open", "dot")),
        ("floor", "chance", look.Look(look.GREY, "line-ew", "dot")),
    ]
    for column, name, style in series:
        if column in rows and rows[column].notna().any():
            figure.add_scatter(
                x=x,
                y=rows[column],
                name=name,
                mode="lines+markers" if column != "floor" else "lines",
                line={"color": style.colour, "dash": style.dash, "width": 2},
                marker={"symbol": style.symbol, "size": 7},
                hovertemplate=f"{name}<br>block %{{x}}: %{{y:.1f}}<extra></extra>",
            )
    k = int(rows["k"].max())
    look.block_axis(figure, int(rows["block"].max())).update_xaxes(showgrid=False)
    figure.update_yaxes(title_text=f"shared channels (of {k})", range=[0, k * 1.04])
    look.legend_above(figure)
    caption = f"Channels shared by {pair} in each block, K = {_ks(rows)}."
    if "ceiling" in rows:
        splits = f" ({int(rows['splits'].max())} splits)" if "splits" in rows else ""
        caption += (
            " The ceiling and the solid line are computed on the same class-stratified halves of the "
            f"images{splits}."
        )
    caption += " The band is chance, its central 95 %." if "floor_low" in rows else ""
    return look.finish(figure, title=title, caption=caption, theme=theme, height=400)


def agreement_matrix(
    names: Sequence[str],
    values: np.ndarray,
    *,
    unit: str = "Spearman correlation",
    title: str | None = None,
    theme: look.Theme = "light",
    n: str = "",
) -> go.Figure:
    """Criteria × criteria, (C, C) in −1…1: diverging colours, the numbers in the cells."""
    matrix = np.array(values, dtype=float)
    np.fill_diagonal(matrix, np.nan)
    figure = _square(matrix, list(names), unit, "{:.2f}")
    figure.update_layout(coloraxis={"colorscale": look.DIVERGING, "cmin": -1, "cmax": 1})
    caption = f"{unit} of the scores of {len(names)} criteria{', ' + n if n else ''}."
    return look.finish(
        figure, title=title, caption=caption, theme=theme,
        height=190 + 30 * len(names), aspect=0.85 if len(names) <= 6 else 0.6,
        span="column" if len(names) <= 6 else "text",
    )  # fmt: skip


def dendrogram(
    linkage: np.ndarray,
    labels: Sequence[str],
    *,
    groups: Mapping[str, str] | None = None,
    unit: str = "1 − Kuncheva's index",
    where: str = "",
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """The tree of a hierarchical clustering (SciPy linkage): distance at which tasks join."""
    if len(labels) < 2:
        return look.empty("choose two tasks or more", theme)
    tree = hierarchy.dendrogram(linkage, labels=list(labels), no_plot=True)
    figure = go.Figure()
    for across, along in zip(tree["icoord"], tree["dcoord"], strict=True):
        figure.add_scatter(
            x=along,
            y=across,
            mode="lines",
            line={"color": look.BLUE, "width": 1.6},
            hovertemplate="joined at %{x:.3f}<extra></extra>",
            showlegend=False,
        )
    places = [5 + 10 * i for i in range(len(labels))]
    if groups:
        _group_dots(figure, tree["ivl"], places, groups)
    highest = float(np.max(linkage[:, 2])) or 1.0
    figure.update_xaxes(title_text=f"distance ({unit})", range=[1.02 * highest, 0])
    figure.update_yaxes(
        tickvals=places, ticktext=tree["ivl"], showgrid=False, side="right", ticklabelstandoff=6
    )
    figure.update_yaxes(range=[0, 10 * len(labels)])
    look.legend_above(figure)
    caption = (
        f"Clustering of {len(labels)} tasks by the channels that they choose "
        f"(average linkage{f', {where}' if where else ''})."
    )
    return look.finish(
        figure, title=title, caption=caption, theme=theme,
        height=130 + 24 * max(len(labels), 5), aspect=min(0.35 + 0.035 * len(labels), 1.1), rows=len(labels) + 2,
    )  # fmt: skip


def _ks(rows: pd.DataFrame) -> str:
    """The K that occur, in words."""
    return ", ".join(str(k) for k in sorted(set(rows["k"])))


def _square(matrix: np.ndarray, names: list[str], unit: str, form: str) -> go.Figure:
    text = [["" if np.isnan(v) else _cell_text(v, form) for v in row] for row in matrix]
    pairs = [[[a, b] for b in names] for a in names]
    figure = go.Figure(
        go.Heatmap(
            z=matrix.astype(np.float32),
            x=names,
            y=names,
            text=text if len(names) <= 24 else None,
            texttemplate="%{text}",
            customdata=pairs,
            hovertemplate=f"%{{y}} and %{{x}}<br>{unit}: %{{z:.3f}}<extra></extra>",
            coloraxis="coloraxis",
            xgap=1,
            ygap=1,
        )
    )
    figure.update_xaxes(showgrid=False, tickangle=-45 if len(names) <= 8 else -90, showline=False)
    figure.update_yaxes(showgrid=False, autorange="reversed", showline=False)
    figure.update_layout(coloraxis={"colorbar": {"title": {"text": unit}}})
    return figure


def _cell_text(value: float, form: str) -> str:
    """Short enough for a narrow cell: .42, −.07."""
    return form.format(value).replace("-0.", "−.").replace("-", "−").removeprefix("0").rjust(1, "0")


def _part_groups(figure: go.Figure, groups: Sequence[str]) -> None:
    edges = [i - 0.5 for i in range(1, len(groups)) if groups[i] != groups[i - 1]]
    for edge in edges:
        line_at_y(figure, edge, {"width": 2.5, "color": look.VERMILION}, "")
        line_at_x(figure, edge, {"width": 2.5, "color": look.VERMILION}, "")


def _group_dots(
    figure: go.Figure, names: Sequence[str], places: Sequence[int], groups: Mapping[str, str]
) -> None:
    for group in dict.fromkeys(groups.get(name, "other") for name in names):
        at = [place for name, place in zip(names, places, strict=True)
              if groups.get(name, "other") == group]  # fmt: skip
        figure.add_scatter(
            x=[0.0] * len(at),
            y=at,
            mode="markers",
            name=group,
            marker={"color": look.GROUP_COLOURS.get(group, look.GREY), "size": 9},
            cliponaxis=False,
            hoverinfo="skip",
        )
