"""One channel, one block: where its energy comes from, how classes drive it, its values."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ict.figures import theme as look

PARTS = ("offset", "class", "image", "token")
PART_WORDS = {
    "offset": "offset (grand mean)",
    "class": "class means",
    "image": "images within class",
    "token": "tokens within image",
}
MANY_CLASSES = 30


def energy_split(
    table: pd.DataFrame | Sequence[Mapping[str, Any]],
    *,
    by: str = "block",
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Shares of Σ a² by block (or channel): offset, class, image, token; each row adds to 100 %.

    Columns: `by`, offset, class, image, token (energies or shares; they are normalised here).
    """
    rows = pd.DataFrame(table)
    if rows.empty:
        return look.empty("no scores with per-image sums", theme)
    parts = rows[list(PARTS)].to_numpy(float)
    shares = 100 * parts / parts.sum(axis=1, keepdims=True)
    figure = go.Figure()
    for i, part in enumerate(PARTS):
        figure.add_bar(
            x=rows[by],
            y=shares[:, i],
            name=PART_WORDS[part],
            marker={"color": look.ENERGY_COLOURS[part], "line": {"width": 0}},
            hovertemplate=f"{by} %{{x}}<br>{PART_WORDS[part]}: %{{y:.1f}} %<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.15)
    figure.update_xaxes(title_text=by, showgrid=False, type="category")
    figure.update_yaxes(title_text="share of the energy Σ a² (%)", range=[0, 100])
    look.legend_above(figure)
    caption = (
        f"Energy of the activations by {by}, split exactly into offset, class, image and token."
    )
    return look.finish(figure, title=title, caption=caption, theme=theme)


def class_profile(
    values: Sequence[float] | np.ndarray,
    names: Sequence[str] | None = None,
    *,
    unit: str = "L2 norm over the class",
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """One channel's score for each class, (C,), sorted; up to 30 classes carry their names."""
    scores = np.asarray(values, dtype=float)
    words = (
        [str(name) for name in names] if names is not None else [str(i) for i in range(len(scores))]
    )
    order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
    few = len(scores) <= MANY_CLASSES
    figure = go.Figure(
        go.Bar(
            x=[words[i] for i in order] if few else np.arange(1, len(order) + 1),
            y=scores[order],
            customdata=[words[i] for i in order],
            marker={"color": look.BLUE, "line": {"width": 0}},
            hovertemplate="%{customdata}<br>%{y:.4g}<extra></extra>",
            showlegend=False,
        )
    )
    mean = float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")
    figure.add_hline(y=mean, line={"dash": "dash", "width": 1})
    figure.update_xaxes(
        title_text="class" if few else f"class, sorted ({len(scores)})", showgrid=False
    )
    if few:
        figure.update_xaxes(type="category", tickangle=-45 if max(map(len, words)) > 3 else 0)
    figure.update_yaxes(title_text=unit, rangemode="tozero")
    figure.update_layout(bargap=0.1)
    caption = (
        f"{unit} of one channel for each of {len(scores)} classes; the dashed line is their mean."
    )
    return look.finish(figure, title=title, caption=caption, theme=theme, height=320)


def histogram(
    values: Sequence[float] | np.ndarray,
    *,
    unit: str = "activation",
    what: str = "images",
    bins: int = 40,
    edges: Sequence[float] | np.ndarray | None = None,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Distribution of `values`; with `edges`, `values` are the counts between them."""
    if edges is None:
        found = np.asarray(values, dtype=float)
        counts, bounds = np.histogram(found[np.isfinite(found)], bins=bins)
    else:
        counts, bounds = np.asarray(values), np.asarray(edges, dtype=float)
    figure = go.Figure(
        go.Bar(
            x=(bounds[1:] + bounds[:-1]) / 2,
            y=counts,
            width=np.diff(bounds),
            customdata=np.stack([bounds[:-1], bounds[1:]], axis=1),
            marker={"color": look.BLUE, "line": {"width": 0}},
            hovertemplate="%{customdata[0]:.3g} to %{customdata[1]:.3g}: %{y}<extra></extra>",
            showlegend=False,
        )
    )
    figure.update_xaxes(title_text=unit)
    figure.update_yaxes(title_text=f"number of {what}", rangemode="tozero")
    figure.update_layout(bargap=0)
    caption = f"Distribution of {unit} over n = {int(np.sum(counts)):,} {what}."
    return look.finish(figure, title=title, caption=caption, theme=theme, height=300)
