"""What selections are worth: stable over images, shared at every K, causal, good for another task."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ict.analysis.effect_agreement import interval
from ict.documents.number_words import number_words, range_words
from ict.figures import theme as look
from ict.figures.frames import Table, frame
from ict.figures.reference_lines import line_at_x, line_at_y


def stability_lines(
    table: Table,
    *,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Nogueira's stability by block, one line a task; rows of `ict stability`.

    The bars are its 95 % interval, which covers the Monte-Carlo error of the resamples only.
    """
    rows = frame(table)
    if rows.empty:
        return look.empty("no scores with per-image sums", theme)
    figure = go.Figure()
    names = list(dict.fromkeys(rows["task"]))
    styles = look.looks(names)
    for name in names:
        part = rows[rows["task"] == name]
        style = styles[name]
        figure.add_scatter(
            x=part["block"],
            y=part["stability"],
            name=name,
            mode="lines+markers",
            line={"color": style.colour, "dash": style.dash, "width": 2},
            marker={"symbol": style.symbol, "size": 7},
            error_y={"array": part["high"] - part["stability"], "width": 3, "thickness": 1.2},
            hovertemplate=f"{name}<br>block %{{x}}: %{{y:.3f}}<extra></extra>",
        )
    look.block_axis(figure, int(rows["block"].max()))
    figure.update_yaxes(title_text="stability (chance 0, identical 1)")
    look.legend_above(figure)
    resamples = int(rows["resamples"].max())
    caption = (
        f"Stability of the chosen channels (K = {values_words(rows['k'])}) over {resamples} "
        f"{rows['how'].iloc[0]} resamples of n = {values_words(rows['images'])} images, with the 95 % "
        "interval of the resampling."
    )
    return look.finish(figure, title=title, caption=caption, theme=theme)


def overlap_at_k(
    curves: Mapping[str, np.ndarray],
    *,
    k: int | None = None,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Shared share of the top K against K, one line a pair or block; chance is the diagonal K/D.

    `curves` are (D,) counts as `ict.analysis.overlap.at_every_k` gives them; `k` is marked.
    """
    if not curves:
        return look.empty("choose two tasks", theme)
    figure = go.Figure()
    styles = look.looks(list(curves))
    width = max(len(curve) for curve in curves.values())
    for name, curve in curves.items():
        x = np.arange(1, len(curve) + 1)
        figure.add_scatter(
            x=x,
            y=(100 * np.asarray(curve) / x).astype(np.float32),
            name=name,
            mode="lines",
            line={"color": styles[name].colour, "dash": styles[name].dash, "width": 2},
            hovertemplate=f"{name}<br>K = %{{x}}: %{{y:.1f}} %<extra></extra>",
        )
    figure.add_scatter(
        x=[1, width],
        y=[100 / width, 100],
        name="chance",
        mode="lines",
        line={"color": look.GREY, "dash": "dot", "width": 1.5},
        hoverinfo="skip",
    )
    if k:
        line_at_x(figure, k, {"dash": "dash", "width": 1}, f"K = {k}")
    figure.update_xaxes(title_text=f"K (of {width} channels)", rangemode="tozero")
    figure.update_yaxes(title_text="shared share of the top K (%)", range=[0, 101])
    look.legend_above(figure)
    marked = f" The dashed line is K = {k}." if k else ""
    caption = (
        f"Overlap ({', '.join(map(str, curves))}) of the top K for every K of {width}.{marked}"
    )
    return look.finish(figure, title=title, caption=caption, theme=theme)


def overlap_against_n(
    tables: Mapping[str, Table],
    *,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Kuncheva's index of pairs of tasks scored on n images each; bars hold 95 % of the draws.

    `tables` are rows of `ict.analysis.ceiling.overlap_against_n` by the name of the pair.
    """
    if not tables:
        return look.empty("choose two tasks", theme)
    figure = go.Figure()
    styles = look.looks(list(tables))
    frames = {name: frame(table) for name, table in tables.items()}
    for name, part in frames.items():
        style = styles[name]
        figure.add_scatter(
            x=part["n"],
            y=part["kuncheva"],
            name=name,
            mode="lines+markers",
            line={"color": style.colour, "dash": style.dash, "width": 2},
            marker={"symbol": style.symbol, "size": 7},
            error_y={
                "array": part["high"] - part["kuncheva"],
                "arrayminus": part["kuncheva"] - part["low"],
                "width": 3,
                "thickness": 1.2,
            },
            hovertemplate=f"{name}<br>n = %{{x}}: %{{y:.3f}}<extra></extra>",
        )
    sizes = sorted({int(n) for part in frames.values() for n in part["n"]})
    figure.update_xaxes(title_text="images that were scored", type="log", tickvals=sizes)
    figure.update_yaxes(title_text="Kuncheva's index (0 = chance)")
    look.legend_above(figure)
    caption = (
        f"Overlap ({', '.join(map(str, tables))}) of selections from n = {sizes[0]} to {sizes[-1]} images of each task, mean over "
        "blocks; bars hold 95 % of the draws."
    )
    return look.finish(figure, title=title, caption=caption, theme=theme)


def score_against_effect(
    scores: np.ndarray,
    effects: np.ndarray,
    *,
    criterion: str = "score",
    effect: str = "drop in accuracy (points)",
    chosen: Sequence[int] = (),
    names: Sequence[str] | None = None,
    images: int | None = None,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """One point a channel: its score against what removing it does; (D,) both.

    `names` tells the points apart where they are not the channels 0 to D - 1 of one block; effects
    were measured on n = `images` images.
    """
    values, drops = np.asarray(scores, dtype=float), np.asarray(effects, dtype=float)
    words = np.asarray(names if names is not None else [str(i) for i in range(len(values))])
    picked = np.zeros(len(values), dtype=bool)
    picked[list(chosen)] = True
    figure = go.Figure()
    for name, part, colour in (("not chosen", ~picked, look.GREY), ("chosen", picked, look.BLUE)):
        if part.any():
            figure.add_scatter(
                x=values[part],
                y=drops[part],
                name=name,
                mode="markers",
                marker={"size": 5, "color": look.transparent(colour, 0.7)},
                customdata=words[part],
                hovertemplate="channel %{customdata}<br>score %{x:.4r}<br>%{y:.3r}<extra></extra>",
            )
    line_at_y(figure, 0, {"width": 1, "dash": "dot"}, "no effect")
    figure.update_xaxes(title_text=criterion)
    figure.update_yaxes(title_text=effect)
    figure.update_layout(showlegend=bool(picked.any()))
    look.legend_above(figure)
    both_finite = np.isfinite(values) & np.isfinite(drops)
    ranks = [pd.Series(v[both_finite]).rank() for v in (values, drops)]
    correlation = float(ranks[0].corr(ranks[1])) if both_finite.sum() > 2 else float("nan")
    low, high = interval(correlation, n=int(both_finite.sum()))
    said = f" (95 % {range_words(low, high, '.2f')})" if np.isfinite(low) else ""
    caption = (
        f"{criterion} of n = {int(both_finite.sum())} channels against their causal effect"
        f"{f' on n = {images} images' if images else ''}; Spearman's correlation {number_words(correlation, '.2f')}{said}."
    )
    return look.finish(figure, title=title, caption=caption, theme=theme)


def values_words(column: pd.Series) -> str:
    """All values that occur, in order, in words."""
    values = sorted({int(v) for v in column.dropna()})
    return " / ".join(map(str, values)) if len(values) <= 4 else f"{values[0]} to {values[-1]}"
