"""One channel, one block: where its energy comes from, how classes drive it, its values."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ict.documents.number_words import number_words
from ict.figures import theme as look
from ict.figures.frames import Table, frame
from ict.figures.reference_lines import Side, line_at_x, line_at_y
from ict.figures.ticks import LETTER_PX, NARROWEST_PX
from ict.scores import ranked

PARTS = ("offset", "class", "image", "token")
PART_WORDS = {
    "offset": "offset (grand mean)",
    "class": "class means",
    "image": "images within class",
    "token": "tokens within image",
}
SHUFFLED = "classes if labels were shuffled"
MANY_CLASSES = 30


def energy_split(
    table: Table,
    *,
    by: str = "block",
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Shares of Σ a² by block (or channel): offset, class, image, token; each row adds to 100 %.

    Columns: `by`, offset, class, image, token (energies or shares; they are normalised here), and
    `shuffled` if it is known: the level that class means of labels without meaning would reach before
    the correction. A class share below 0 is drawn as 0, taken off the images' share.
    """
    rows = frame(table)
    if rows.empty:
        return look.empty("no scores with per-image sums", theme)
    whole = rows[list(PARTS)].to_numpy(float).sum(axis=1)
    below = rows["class"].clip(upper=0)
    rows = rows.assign(**{"class": rows["class"] - below, "image": rows["image"] + below})
    shares = 100 * rows[list(PARTS)].to_numpy(float) / whole[:, None]
    figure = go.Figure()
    for i, part in enumerate(PARTS):
        figure.add_bar(
            x=rows[by],
            y=shares[:, i],
            name=PART_WORDS[part],
            marker={"color": look.ENERGY_COLOURS[part], "line": {"width": 0}},
            hovertemplate=f"{by} %{{x}}<br>{PART_WORDS[part]}: %{{y:.1f}} %<extra></extra>",
        )
    if "shuffled" in rows:
        _shuffled_level(figure, rows[by], shares[:, 0], 100 * rows["shuffled"] / whole)
    figure.update_layout(barmode="stack", bargap=0.15)
    figure.update_xaxes(title_text=by, showgrid=False, type="category")
    figure.update_yaxes(title_text="share of the energy Σ a² (%)", range=[0, 100])
    look.legend_above(figure)
    caption = (
        f"Energy of the activations by {by}: offset, class, image and token, which add up to all of it; "
        "the class share is that beyond what shuffled labels would give."
    )
    return look.finish(figure, title=title, caption=caption, theme=theme)


def _shuffled_level(figure: go.Figure, at: pd.Series, offset: np.ndarray, level: pd.Series) -> None:
    """A dash where the class part would end by chance alone; (n,) percentages."""
    figure.add_scatter(
        x=at,
        y=offset + level,
        mode="markers",
        name=SHUFFLED,
        marker={"symbol": "line-ew", "size": 14, "line": {"width": 1.5, "color": look.GREY}},
        customdata=level,
        hovertemplate=f"{SHUFFLED}: %{{customdata:.1f}} %<extra></extra>",
    )


def class_profile(
    values: Sequence[float] | np.ndarray,
    names: Sequence[str] | None = None,
    *,
    unit: str = "L2 norm over the class",
    what: str = "class",
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """One channel's value for each class, (C,), sorted; up to 30 classes carry their names.

    `what` is `class`, or `channel` where the values are those of other channels.
    """
    scores = np.asarray(values, dtype=float)
    words = (
        [str(name) for name in names] if names is not None else [str(i) for i in range(len(scores))]
    )
    order = ranked(np.nan_to_num(scores, nan=-np.inf))
    few = len(scores) <= MANY_CLASSES
    figure = go.Figure(
        go.Bar(
            x=[words[i] for i in order] if few else np.arange(1, len(order) + 1),
            y=scores[order],
            customdata=[words[i] for i in order],
            marker={"color": look.BLUE, "line": {"width": 0}},
            hovertemplate="%{customdata}<br>%{y:.4r}<extra></extra>",
            showlegend=False,
        )
    )
    mean = float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")
    line_at_y(figure, mean, {"dash": "dash", "width": 1}, "mean")
    figure.update_xaxes(
        title_text=what if few else f"{what}, sorted ({len(scores)})", showgrid=False
    )
    if few:
        figure.update_xaxes(type="category", tickangle=_tilt(words))
    figure.update_yaxes(title_text=unit, rangemode="tozero")
    figure.update_layout(bargap=0.1)
    many = {"class": "classes"}.get(what, f"{what}s")
    caption = (
        f"{unit} of one channel, for each of {len(scores)} {many}; the dashed line is their mean."
    )
    return look.finish(figure, title=title, caption=caption, theme=theme, height=320)


def _tilt(words: Sequence[str]) -> int:
    """The angle at which ticks do not meet in a narrow column."""
    longest = max(map(len, words))
    if longest > 3:
        return -45
    return 0 if len(words) * (longest + 1) * LETTER_PX <= NARROWEST_PX["column"] else -90


def class_map(
    values: np.ndarray,
    channels: Sequence[int],
    names: Sequence[str] | None = None,
    *,
    criterion: str = "score",
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Which class drives which channel: scores (C, K) of `channels` over their mean of all classes.

    1 (white) says that the class drives the channel as much as classes do on average. Columns are
    in the order given; a class without images is a gap.
    """
    scores = np.asarray(values, dtype=np.float64)
    scored = np.isfinite(scores).any(axis=1)
    if not scored.any() or not scores.shape[1]:
        return look.empty("no score for single classes", theme)
    mean = np.nanmean(scores[scored], axis=0)
    ratio = scores / np.where(mean > 0, mean, np.nan)
    far = float(np.nanmax(np.abs(np.log2(np.where(ratio > 0, ratio, np.nan))), initial=0.01))
    words = (
        [str(name) for name in names] if names is not None else [str(i) for i in range(len(scores))]
    )
    figure = go.Figure(
        go.Heatmap(
            z=np.log2(np.where(ratio > 0, ratio, np.nan)).astype(np.float32),
            x=[str(channel) for channel in channels],
            y=words,
            customdata=np.stack([ratio, scores], axis=-1).astype(np.float32),
            hovertemplate="class %{y}, channel %{x}<br>%{customdata[0]:.2f} of the mean over classes"
            "<br>score %{customdata[1]:.4r}<extra></extra>",
            coloraxis="coloraxis",
        )
    )
    ticks = [-far, 0, far]
    figure.update_layout(
        coloraxis={
            "colorscale": look.DIVERGING, "cmin": -far, "cmax": far,
            "colorbar": {"title": {"text": f"{criterion} / mean over classes"}, "tickvals": ticks,
                         "ticktext": [number_words(2**tick, '.2g') for tick in ticks]},
        },
    )  # fmt: skip
    few = scores.shape[1] <= MANY_CLASSES
    figure.update_xaxes(
        title_text="channel, by rank", type="category", showgrid=False, showticklabels=few,
        tickangle=-90 if few else 0,
    )  # fmt: skip
    figure.update_yaxes(
        title_text="class", type="category", showgrid=False, autorange="reversed",
        showticklabels=len(words) <= MANY_CLASSES,
    )  # fmt: skip
    caption = (
        f"Class scores ({criterion}) of {scores.shape[1]} channels over {int(scored.sum())} classes, each "
        "over the channel's mean of all classes (log scale)."
    )
    height = 150 + 16 * min(len(words), MANY_CLASSES)
    return look.finish(figure, title=title, caption=caption, theme=theme, height=height)


def histogram(
    values: Sequence[float] | np.ndarray,
    *,
    unit: str = "activation",
    what: str = "images",
    bins: int = 40,
    edges: Sequence[float] | np.ndarray | None = None,
    mark: float | None = None,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Distribution of `values`; with `edges`, `values` are the counts between them.

    `mark` is the value that a dashed line shows: that of the channel which is looked at.
    """
    if edges is None:
        numbers = np.asarray(values, dtype=float)
        counts, bounds = np.histogram(numbers[np.isfinite(numbers)], bins=bins)
    else:
        counts, bounds = np.asarray(values), np.asarray(edges, dtype=float)
    figure = go.Figure(
        go.Bar(
            x=(bounds[1:] + bounds[:-1]) / 2,
            y=counts,
            width=np.diff(bounds),
            customdata=np.stack([bounds[:-1], bounds[1:]], axis=1),
            marker={"color": look.BLUE, "line": {"width": 0}},
            hovertemplate="%{customdata[0]:.3r} to %{customdata[1]:.3r}: %{y}<extra></extra>",
            showlegend=False,
        )
    )
    figure.update_xaxes(title_text=unit)
    figure.update_yaxes(title_text=f"number of {what}", rangemode="tozero")
    figure.update_layout(bargap=0)
    caption = f"Distribution of {unit} over n = {int(np.sum(counts)):,} {what}."
    if mark is not None:
        side: Side = "left" if mark > (bounds[0] + bounds[-1]) / 2 else "right"
        line_at_x(figure, mark, {"dash": "dash", "width": 2}, "this channel", side=side)
        caption += f" The dashed line is that of one channel, {number_words(mark, '.4g')}."
    return look.finish(figure, title=title, caption=caption, theme=theme, height=320)


def block_profile(
    row: np.ndarray,
    k: int | None,
    *,
    title: str | None = None,
    theme: look.Theme = "light",
    criterion: str = "score",
) -> go.Figure:
    """Scores of one block, (D,), sorted from the highest, with the cut at K."""
    scores = np.asarray(row, dtype=np.float64)
    order = ranked(scores)
    x = np.arange(1, len(order) + 1)
    figure = go.Figure()
    kept = k or 0
    for name, part, colour in (
        ("chosen", slice(0, kept), look.BLUE),
        ("not chosen", slice(kept, None), look.GREY),
    ):
        if len(x[part]):
            figure.add_bar(
                x=x[part],
                y=scores[order][part].astype(np.float32),
                customdata=order[part].astype(np.int32),
                name=name,
                marker={"color": colour, "line": {"width": 0}},
                hovertemplate="channel %{customdata}<br>rank %{x}<br>score %{y:.4r}<extra></extra>",
            )
    if k and k < len(x):
        line_at_x(figure, k + 0.5, {"dash": "dash", "width": 1}, f"K = {k}")
    figure.update_layout(bargap=0, showlegend=bool(k))
    figure.update_xaxes(title_text=f"rank of the channel (of {len(x)})", range=[0.5, len(x) + 0.5])
    figure.update_yaxes(title_text=f"{criterion}", rangemode="tozero")
    share = float(scores[order][:kept].sum() / scores.sum()) if kept and scores.sum() > 0 else None
    caption = f"Scores ({criterion}) of the {len(x)} channels of one block, sorted."
    if share is not None:
        caption += f" The chosen {k} carry {share:.0%} of the sum of scores."
    look.legend_above(figure)
    return look.finish(figure, title=title, caption=caption, theme=theme, height=320)
