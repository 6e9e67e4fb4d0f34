"""Straight lines across the axes of a figure that has one pair of them, each with what it stands for.

What `add_hline` and `add_vline` of Plotly draw, in a fifth of their time: they look for subplots.
"""

from typing import Literal

import plotly.graph_objects as go

from ict.figures.theme import PlotlyJSON

Side = Literal["left", "right"]


def line_at_y(
    figure: go.Figure, y: float, line: PlotlyJSON, says: str, *, below: str | None = None
) -> None:
    """A horizontal line over the whole width; `says` stands above its right end, or `below` an end of it."""
    label = {**label_of(says), **({"textposition": below, "yanchor": "top"} if below else {})}
    figure.add_shape(
        type="line", x0=0, x1=1, xref="x domain", y0=y, y1=y, yref="y", line=line, label=label
    )  # fmt: skip


def line_at_x(
    figure: go.Figure, x: float, line: PlotlyJSON, says: str, *, side: Side = "right"
) -> None:
    """A vertical line over the whole height; `says` stands beside its upper end."""
    figure.add_shape(
        type="line", x0=x, x1=x, xref="x", y0=0, y1=1, yref="y domain", line=line,
        label=label_beside(says, side),
    )  # fmt: skip


def label_beside(says: str, side: Side, end: Literal["start", "end"] = "end") -> PlotlyJSON:
    """A text at one side of an end of a vertical line, inside the axes."""
    if not says:
        return {}
    return {
        "text": says, "textposition": end, "textangle": 0, "xanchor": "left" if side == "right" else "right",
        "yanchor": "top" if end == "end" else "bottom",
    }  # fmt: skip


def label_of(says: str) -> PlotlyJSON:
    """A text that moves with its line; none for one that only parts."""
    return {"text": says, "textposition": "end", "yanchor": "bottom"} if says else {}
