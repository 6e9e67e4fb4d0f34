"""This store's results beside published ones: group means, and accuracy against parameters."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ict.analysis.benchmark import SOURCE, UNOFFICIAL
from ict.figures import theme as look

PUBLISHED_BY = SOURCE.removesuffix(" (published)")
AVERAGES = {"mean_of_tasks": "mean of the tasks", "mean_of_groups": "mean of the group means"}
GROUPS = ("natural", "specialized", "structured")


def shown_rows(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The rows that have a number in one of `columns` at least: those that are drawn."""
    there = [name for name in columns if name in table]
    return table[table[there].notna().any(axis=1)] if there else table.iloc[:0]


def parameter_rows(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows that have a place on a log axis of parameters, and a number in `column`."""
    if table.empty:
        return table
    return table[(table["parameters"] > 0) & table[column].notna()].sort_values(
        ["parameters", "method"]
    )


def _kind(source: str) -> str:
    """`published`, `this store`, or `imported`: what a colour stands for."""
    return next((kind for kind in _LOOKS if source.startswith(kind)), source)


def _style(source: str) -> look.Look:
    return _LOOKS.get(_kind(source)) or look.look(source)


_LOOKS = {
    "published": look.Look(look.GREY, "circle-open", "solid"),
    "this store": look.Look(look.BLUE, "circle", "solid"),
    "imported": look.Look(look.ORANGE, "diamond", "solid"),
}
_COLOURS = {"published": "grey", "this store": "blue", "imported": "orange"}


def _whose(rows: pd.DataFrame) -> str:
    """Whose numbers are drawn in which colour: the published and the imported with their source."""
    said = []
    for kind, colour in _COLOURS.items():
        part = [str(one) for one in rows["source"] if _kind(str(one)) == kind]
        if not part:
            continue
        files = dict.fromkeys(one.partition(": ")[2] for one in part)
        words = {
            "published": f"published numbers of {PUBLISHED_BY}",
            "this store": "runs of this store",
            "imported": f"imported from {', '.join(filter(None, files))}",
        }
        said.append(f"{colour}: {len(part)} {words[kind]}")
    return "; ".join(said)


def benchmark_dots(
    table: pd.DataFrame,
    *,
    columns: Sequence[str] = ("natural", "specialized", "structured", "mean_of_tasks"),
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Accuracy (%) of each method by group of tasks, a dot a method; own runs are blue.

    Columns: method, source ("published" or "this store"), natural, specialized, structured,
    mean_of_tasks, mean_of_groups (percent, NaN where tasks are missing), tasks (how many).
    """
    rows = shown_rows(pd.DataFrame(table), columns)
    shown = [c for c in columns if c in rows and rows[c].notna().any()]
    if rows.empty or not shown:
        return look.empty("no benchmark results to draw", theme)
    rows = rows.sort_values([shown[-1], "method"], na_position="first")
    colours = [_style(str(source)).colour for source in rows["source"]]
    named = row_names(rows)
    figure = go.Figure()
    for i, column in enumerate(shown):
        figure.add_scatter(
            y=named,
            x=rows[column],
            mode="markers+text",
            xaxis=f"x{i + 1}" if i else "x",
            marker={"color": colours, "size": 9},
            customdata=rows["source"],
            text=[f"{v:.1f}" if np.isfinite(v) else "" for v in rows[column]],
            textposition="middle right",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2f} %<br>%{customdata}<extra></extra>",
            showlegend=False,
        )
        low, high = rows[column].min(), rows[column].max()
        axis = {
            "domain": [(i + 0.04 * (i > 0)) / len(shown), (i + 1) / len(shown) - 0.01],
            "title": {"text": f"{AVERAGES.get(column, column)}<br>(%)"},
            "range": [max(0.0, low - 0.06 * (high - low + 4)), high + 0.3 * (high - low + 4)],
            "nticks": 4,
        }
        figure.update_layout({f"xaxis{i + 1}" if i else "xaxis": axis})
    figure.update_yaxes(showgrid=True, griddash="dot", type="category", dtick=1)
    means = ", ".join(AVERAGES.get(column, column) for column in shown)
    caption = f"Accuracy (%) of {len(rows)} methods on VTAB-1K, {means}; {_whose(rows)}."
    return look.finish(
        figure,
        title=title,
        caption=caption,
        theme=theme,
        height=120 + 22 * len(rows),
        aspect=min(0.16 + 0.026 * len(rows), 1.1),
        span="text",
        rows=len(rows),
    )


def task_dots(
    table: pd.DataFrame, *, task: str, title: str | None = None, theme: look.Theme = "light"
) -> go.Figure:
    """Accuracy (%) of each method on one task, the highest on top, with its 95 % interval over seeds.

    Columns: method, source (as `benchmark_dots`), mean, low, high (percent; NaN without an interval),
    n (how many seeds or draws; missing for published numbers).
    """
    rows = pd.DataFrame(table)
    if rows.empty:
        return look.empty(f"no results on {task} to draw", theme)
    rows = rows.sort_values(["mean", "method"])
    numbers = rows[["mean", "low", "high"]].astype(float)
    figure = go.Figure()
    figure.add_scatter(
        x=numbers["mean"],
        y=row_names(rows),
        mode="markers",
        marker={"color": [_style(str(one)).colour for one in rows["source"]], "size": 9},
        error_x={
            "type": "data",
            "array": (numbers["high"] - numbers["mean"]).to_numpy(),
            "arrayminus": (numbers["mean"] - numbers["low"]).to_numpy(),
        },
        customdata=rows[["source", "n"]].astype(object).where(rows[["source", "n"]].notna(), "–"),
        hovertemplate="%{y}: %{x:.2f} %<br>n = %{customdata[1]}<br>%{customdata[0]}<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(title_text=f"test accuracy on {task} (%)")
    figure.update_yaxes(showgrid=True, griddash="dot", dtick=1)
    caption = f"Accuracy (%) of {len(rows)} methods on {task}; {_whose(rows)}. {_n_words(rows)}"
    return look.finish(
        figure, title=title, caption=caption.strip(), theme=theme, height=120 + 22 * len(rows),
        aspect=min(0.16 + 0.026 * len(rows), 1.1), span="text", rows=len(rows),
    )  # fmt: skip


def row_names(rows: pd.DataFrame) -> list[str]:
    """The method of each row, with its source where two have one name; `not official` is never cut."""
    twice = rows["method"].duplicated(keep=False)
    named = zip(rows["method"], rows["source"], twice, strict=True)
    return [_row_name(str(method), str(source), same=same) for method, source, same in named]


def _row_name(method: str, source: str, *, same: bool) -> str:
    told = _kind(source) if source.endswith(UNOFFICIAL) else source
    said = [told] if same else []
    said += ["not official"] if source.endswith(UNOFFICIAL) else []
    return f"{method} ({', '.join(said)})" if said else method


def _n_words(rows: pd.DataFrame) -> str:
    """Of how many runs the means are, and what a bar is; nothing where all numbers are published."""
    counts = rows["n"].dropna().astype(int)
    if counts.empty:
        return ""
    low, high = counts.min(), counts.max()
    if high == 1:
        return "One run each (n = 1): no interval."
    n = f"{low}" if low == high else f"{low} to {high}"
    few = " Rows of two or three are exploratory." if counts.between(2, 3).any() else ""
    return f"Mean of n = {n} seeds with its 95 % t interval; n = 1 has none.{few}"


def accuracy_against_parameters(
    table: pd.DataFrame,
    *,
    column: str = "mean_of_tasks",
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Accuracy (%) over trained parameters without the head, on a log axis, one point a method.

    Columns: method, source, parameters (a count; 0 has no place on a log axis and is left out),
    and `column`; low and high, where known, are the ends of the 95 % interval over seeds.
    """
    rows = pd.DataFrame(table)
    rows = parameter_rows(rows, column)
    if rows.empty:
        return look.empty("no method with parameters and results to draw", theme)
    figure = go.Figure()
    for source, part in rows.groupby("source", sort=False):
        style = _style(str(source))
        figure.add_scatter(
            x=part["parameters"] / 1e6,
            y=part[column],
            mode="markers",
            name=str(source),
            marker={"size": 9, "symbol": style.symbol, "color": style.colour},
            customdata=row_names(part),
            hovertemplate="%{customdata}<br>%{x:.3r} M parameters<br>%{y:.2f} %<extra></extra>",
        )
    _label_points(figure, rows, column)
    figure.update_xaxes(title_text="trained parameters without the head (millions)", type="log")
    figure.update_xaxes(tickvals=[0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300])
    figure.update_yaxes(title_text=f"accuracy, {AVERAGES.get(column, column)} (%)")
    look.legend_above(figure)
    caption = (
        f"Accuracy ({AVERAGES.get(column, column)}) against trained parameters of {len(rows)} methods "
        f"on VTAB-1K; {_whose(rows)}."
    )
    return look.finish(
        figure, title=title, caption=caption, theme=theme, height=460, aspect=0.6, span="text"
    )


def _label_points(figure: go.Figure, rows: pd.DataFrame, column: str) -> None:
    """Names beside points, each where the fewest others stand; those that would collide are left
    to the hover (and the table)."""
    x, y = np.log10(rows["parameters"].to_numpy(float) / 1e6), rows[column].to_numpy(float)
    x_unit = max(np.ptp(x), 0.5) / 100  # one hundredth of the axis, as are the boxes below
    y_unit = max(np.ptp(y), 1.0) / 100
    points = np.stack([x / x_unit, y / y_unit], axis=1)
    taken = [(px - 1.4, py - 2.0, px + 1.4, py + 2.0) for px, py in points]
    own = np.asarray(rows["source"] != "published")
    named = row_names(rows)
    for i in np.argsort(~own, kind="stable"):
        name = named[i]
        length, height = 2.1 * len(name), 5.5
        px, py = points[i]
        for shift_x, shift_y, anchor, side in (
            (2.2, -height / 2, "left", "middle"),
            (-2.2 - length, -height / 2, "right", "middle"),
            (-length / 2, 2.4, "center", "bottom"),
            (-length / 2, -2.4 - height, "center", "top"),
        ):
            box = (px + shift_x, py + shift_y, px + shift_x + length, py + shift_y + height)
            if not any(_meet(box, other) for j, other in enumerate(taken) if j != i):
                taken.append(box)
                figure.add_annotation(
                    x=x[i], y=y[i], text=name, showarrow=False, xanchor=anchor, yanchor=side,
                    xshift={"left": 6, "right": -6}.get(anchor, 0),
                    yshift={"bottom": 5, "top": -5}.get(side, 0),
                )  # fmt: skip
                break


def _meet(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
