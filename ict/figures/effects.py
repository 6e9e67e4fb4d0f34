"""Score and effect: one point a block with its interval, and all blocks together. No line joins them."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ict.figures import theme as look
from ict.figures.frames import Table, frame
from ict.figures.reference_lines import line_at_y

POOLED = "all"


def effect_points(
    table: Table,
    *,
    images: int | None = None,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Spearman of score and effect, rows of `ict.analysis.effect_agreement`: points with 95 % intervals.

    The pooled value is a diamond at the end of the axis; where blocks have too few channels for points of
    their own, early, middle and late ones have some together. Effects were measured on n = `images` images.
    """
    rows = frame(table)
    if rows.empty or rows["spearman"].isna().all():
        return look.empty("no single channels were replaced", theme)
    names = list(dict.fromkeys(rows["criterion"]))
    rows = rows.assign(where=_where(rows))
    of = rows[rows["block"].notna()]
    ticks = dict(sorted(zip(_middle(of), of["where"], strict=True)))
    step = min(np.diff(list(ticks)), default=1.0)
    end = max(ticks) + 1.5 * step if ticks else 0.0
    styles = look.looks(names)
    figure = go.Figure()
    for i, name in enumerate(names):
        shift = (i - (len(names) - 1) / 2) * 0.7 * step / len(names)
        figure.add_trace(_points(rows[rows["criterion"] == name], name, styles[name], (end, shift)))
    line_at_y(figure, 0, {"width": 1, "dash": "dot"}, "no correlation")
    figure.update_xaxes(
        title_text="block" if ticks else None, showgrid=False, tickvals=[*ticks, end],
        ticktext=[*ticks.values(), POOLED], range=[min(ticks, default=0) - 0.8 * step, end + 0.8 * step],
    )  # fmt: skip
    figure.update_yaxes(title_text="Spearman with the effect", range=[-1.05, 1.05])
    look.legend_above(figure)
    figure.update_layout(showlegend=len(names) > 1)
    return look.finish(figure, title=title, caption=_caption(rows, names, images), theme=theme)


def _where(rows: pd.DataFrame) -> list[str]:
    """Which blocks each row is of: `3`, `0 to 3`, `all`."""
    last = rows["last_block"] if "last_block" in rows else [None] * len(rows)
    return [
        POOLED if pd.isna(a) else f"{a:.0f}" if pd.isna(b) else f"{a:.0f} to {b:.0f}"
        for a, b in zip(rows["block"], last, strict=True)
    ]


def _middle(rows: pd.DataFrame) -> pd.Series:
    """Where a row stands among the blocks; NaN for all of them."""
    first = rows["block"].astype(float)
    last = rows["last_block"].astype(float) if "last_block" in rows else first
    return (first + last.fillna(first)) / 2


def _points(
    part: pd.DataFrame, name: str, style: look.Look, place: tuple[float, float]
) -> go.Scatter:
    end, shift = place
    pooled = part["block"].isna()
    value = part["spearman"]
    return go.Scatter(
        x=_middle(part).fillna(end) + shift,
        y=value,
        name=name,
        mode="markers",
        marker={
            "color": style.colour,
            "opacity": 1,
            "line": {"width": 0},
            "size": [9 if one else 6 for one in pooled],
            "symbol": ["diamond" if one else style.symbol for one in pooled],
        },
        error_y={
            "array": (part["high"] - value).fillna(0).to_numpy(float),
            "arrayminus": (value - part["low"]).fillna(0).to_numpy(float),
            "width": 3, "thickness": 1.2,
        },
        customdata=[
            [f"{row.where} blocks" if row.where == POOLED else f"block {row.where}", row.low, row.high, row.n]
            for row in part.itertuples()
        ],
        hovertemplate=f"{name}, %{{customdata[0]}}: %{{y:.2f}}<br>95 % [%{{customdata[1]:.2f}}, "
        "%{customdata[2]:.2f}], n = %{customdata[3]}<extra></extra>",
    )  # fmt: skip


def _caption(rows: pd.DataFrame, names: list[str], images: int | None) -> str:
    """What a point is, of how many channels, and what is pooled."""
    pooled = rows[rows["block"].isna()]["n"].max()
    caption = f"Spearman of the score by {', '.join(names)} with the effect of single channels"
    caption += f", on n = {images} images" if images else ""
    caption += f": a diamond is all blocks (n = {int(pooled)} channels, ranked within their block)"
    of = rows[rows["block"].notna()]
    if len(of):
        which = "some blocks" if of["where"].str.contains("to").any() else "one block"
        counts = ", ".join(map(str, sorted({int(n) for n in of["n"]})))
        caption += f", a point {which} (n = {counts} channels)"
    return f"{caption}, with 95 % intervals."
