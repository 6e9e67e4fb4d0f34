"""Score and effect: one point a block with its interval, and all blocks together. No line joins them."""

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

    The pooled value is a diamond at the end of the axis; blocks with too few channels have no point of
    their own. Effects were measured on n = `images` images.
    """
    rows = frame(table)
    if rows.empty or rows["spearman"].isna().all():
        return look.empty("no single channels were replaced", theme)
    names = list(dict.fromkeys(rows["criterion"]))
    blocks = sorted({int(b) for b in rows["block"].dropna()})
    end = blocks[-1] + 1.5 if blocks else 0.0
    styles = look.looks(names)
    figure = go.Figure()
    for i, name in enumerate(names):
        shift = (i - (len(names) - 1) / 2) * 0.7 / len(names)
        figure.add_trace(_points(rows[rows["criterion"] == name], name, styles[name], (end, shift)))
    line_at_y(figure, 0, {"width": 1, "dash": "dot"}, "no correlation")
    figure.update_xaxes(
        title_text="block" if blocks else None, showgrid=False, tickvals=[*blocks, end],
        ticktext=[*map(str, blocks), POOLED], range=[(blocks or [0])[0] - 0.8, end + 0.8],
    )  # fmt: skip
    figure.update_yaxes(title_text="Spearman with the effect", range=[-1.05, 1.05])
    look.legend_above(figure)
    figure.update_layout(showlegend=len(names) > 1)
    return look.finish(figure, title=title, caption=_caption(rows, names, images), theme=theme)


def _points(
    part: pd.DataFrame, name: str, style: look.Look, place: tuple[float, float]
) -> go.Scatter:
    end, shift = place
    pooled = part["block"].isna()
    value = part["spearman"]
    return go.Scatter(
        x=part["block"].astype(float).fillna(end) + shift,
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
            ["all blocks" if pd.isna(row.block) else f"block {row.block:.0f}", row.low, row.high, row.n]
            for row in part.itertuples()
        ],
        hovertemplate=f"{name}, %{{customdata[0]}}: %{{y:.2f}}<br>95 % [%{{customdata[1]:.2f}}, "
        "%{customdata[2]:.2f}], n = %{customdata[3]}<extra></extra>",
    )  # fmt: skip


def _caption(rows: pd.DataFrame, names: list[str], images: int | None) -> str:
    """What a point is, of how many channels, and what is pooled."""
    pooled = rows[rows["block"].isna()]["n"].max()
    single = sorted({int(n) for n in rows[rows["block"].notna()]["n"]})
    caption = f"Spearman of the score by {', '.join(names)} with the effect of single channels"
    caption += f", on n = {images} images" if images else ""
    caption += f": a diamond is all blocks (n = {int(pooled)} channels, ranked within their block)"
    if single:
        caption += f", a point one block (n = {', '.join(map(str, single))} channels)"
    return f"{caption}, with 95 % intervals."
