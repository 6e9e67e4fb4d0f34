"""Lines over epochs, over K, over removed channels: a mean, its 95 % t interval, every seed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ict.analysis.groups import over_seeds
from ict.figures import theme as look

METRICS = {
    "train_loss": ("training loss (nats)", 1.0),
    "train_accuracy": ("training accuracy (%)", 100.0),
    "val_accuracy": ("accuracy on val200 (%)", 100.0),
    "lr": ("learning rate", 1.0),
    "images_per_second": ("images per second", 1.0),
    "seconds": ("seconds per epoch", 1.0),
}
PERCENT = (0.0, 100.0)
MANY_LINES = 12
BAND_SEEDS = 3
FEW_EPOCHS = 2  # a line of so few points is drawn with markers, or it would not be seen


def ends(metric: str) -> tuple[float, float] | None:
    """Where intervals of a metric stop: accuracies at 0 and 100 %."""
    return PERCENT if METRICS.get(metric, ("", 1.0))[1] == 100 else None


def progress_table(runs_progress: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows (label, seed, epoch, metrics…) of runs {"label", "seed", "progress": [rows]}."""
    rows = [
        {"label": run["label"], "seed": run.get("seed"), **line}
        for run in runs_progress
        for line in run["progress"]
    ]
    return pd.DataFrame(rows)


def smoothed(rows: Sequence[Mapping[str, Any]], metric: str, epochs: int) -> list[dict[str, Any]]:
    """`rows` with `metric` as the mean of the last `epochs` epochs; unchanged for 1."""
    if epochs <= 1:
        return [dict(row) for row in rows]
    values = pd.Series([row.get(metric) for row in rows], dtype=float)
    means = values.rolling(epochs, min_periods=1).mean()
    return [{**row, metric: float(mean)} for row, mean in zip(rows, means, strict=True)]


def training_curves(
    runs_progress: Iterable[Mapping[str, Any]],
    metric: str = "train_accuracy",
    *,
    smooth: int = 1,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """A metric over epochs, one colour a label: thin lines are seeds, the thick one their mean.

    `runs_progress` holds {"label", "seed", "progress": rows of progress.jsonl} for each run; the
    band is the 95 % t interval of the mean where three or more seeds reached the epoch: of two it is
    12.7 standard errors wide and hides every other line; the hover still gives it. `smooth` draws the
    mean of so many last epochs.
    """
    axis, factor = METRICS.get(metric, (metric.replace("_", " "), 1.0))
    table = progress_table(
        {**run, "progress": smoothed(run["progress"], metric, smooth)} for run in runs_progress
    )
    if table.empty or metric not in table or table[metric].isna().all():
        return look.empty(f"no run has written {metric.replace('_', ' ')} yet", theme)
    table = table.dropna(subset=[metric]).assign(value=lambda t: t[metric].astype(float) * factor)
    figure = go.Figure()
    labels = list(dict.fromkeys(table["label"]))
    styles = look.looks(labels)
    for label in labels:
        part = table[table["label"] == label]
        seeds = part["seed"].nunique(dropna=False)
        if seeds > 1:
            _add_seed_lines(figure, part, label, styles[label])
        _add_mean(
            figure, part, x="epoch", name=label, style=styles[label], markers=False,
            ends=ends(metric),
        )  # fmt: skip
    figure.update_xaxes(title_text="epoch", rangemode="tozero")
    if table["epoch"].max() <= 10:
        figure.update_xaxes(dtick=1)
    figure.update_yaxes(title_text=axis, type="log" if metric == "lr" else "linear")
    if metric == "lr":
        figure.update_yaxes(dtick=1)
    look.legend_above(figure)
    figure.update_layout(showlegend=len(labels) > 1)
    caption = f"{axis[0].upper()}{axis[1:]} over epochs"
    caption += f", mean of the last {smooth}. " if smooth > 1 else ". "
    seeds = table.groupby("label")["seed"].nunique(dropna=False)
    caption += _n_words(seeds, "seeds", bands=True)
    return look.finish(figure, title=title, caption=caption, theme=theme)


def accuracy_against_k(
    table: pd.DataFrame | Sequence[Mapping[str, Any]],
    *,
    title: str | None = None,
    theme: look.Theme = "light",
    accuracy: str = "test accuracy (%)",
) -> go.Figure:
    """Accuracy over K/D on a log axis, one line a series; runs without a K are level lines.

    Columns: series, ratio (K/D; NaN for linear probe and full tuning), k, seed, accuracy (a
    fraction), and selection_seed where channels were drawn at random. Dots are runs, the line their
    mean, the bar its 95 % t interval (`ict.analysis.groups` says over what). A run without a seed
    reads none.
    """
    table = pd.DataFrame(table)
    if table.empty:
        return look.empty("no finished run to draw", theme)
    table = table.assign(value=table["accuracy"].astype(float) * 100)
    figure = go.Figure()
    names = list(dict.fromkeys(table["series"]))
    styles = look.looks(names)
    level = [n for n in names if table.loc[table["series"] == n, "ratio"].isna().all()]
    for name in names:
        part = table[table["series"] == name]
        if name in level:
            _add_level(figure, part, name, styles[name])
        else:
            part = part.dropna(subset=["ratio"])
            _add_mean(figure, part, x="ratio", name=name, style=styles[name], markers=True)
            _add_dots(figure, part, "ratio", name, styles[name])
    _ratio_axis(figure, table)
    figure.update_yaxes(title_text=accuracy)
    look.legend_above(figure)
    caption = f"Accuracy against the share of tuned channels. {_seeds_words(table)}"
    if level:
        caption += f" Level lines need no K: {', '.join(level)}."
    return look.finish(figure, title=title, caption=caption, theme=theme)


def deletion_curves(
    table: pd.DataFrame | Sequence[Mapping[str, Any]],
    *,
    direction: str = "deletion",
    untouched: float | None = None,
    images: int | None = None,
    split: str = "val200",
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """Accuracy while channels are replaced by their mean, most important first.

    Columns: series (criterion or order), fraction (of channels replaced), accuracy (a fraction),
    and seed where random orders were drawn more than once. `untouched` is the accuracy with nothing
    replaced, a fraction; all are measured on n = `images` images of `split`.
    """
    table = pd.DataFrame(table)
    if table.empty:
        return look.empty("no causal check has been computed yet", theme)
    table = table.assign(
        value=table["accuracy"].astype(float) * 100, share=table["fraction"].astype(float) * 100
    )
    if "seed" not in table:
        table = table.assign(seed=0)
    figure = go.Figure()
    names = list(dict.fromkeys(table["series"]))
    styles = look.looks(names)
    for name in names:
        part = table[table["series"] == name]
        _add_mean(figure, part, x="share", name=name, style=styles[name], markers=True)
    verb = "replaced" if direction == "deletion" else "kept"
    figure.update_xaxes(title_text=f"channels {verb} (% of each block)", rangemode="tozero")
    figure.update_yaxes(title_text=f"accuracy on {split} (%)")
    if untouched is not None:
        figure.add_hline(
            y=100 * untouched, line={"width": 1, "dash": "dot"},
            annotation_text="nothing replaced",
            annotation_position=f"bottom {'right' if direction == 'deletion' else 'left'}",
        )  # fmt: skip
    look.legend_above(figure)
    on = f" on n = {images} images of {split}" if images else ""
    caption = (
        f"Accuracy{on} while channels are {verb}, in the order of {', '.join(map(str, names))}."
    )
    draws = table.groupby("series")["seed"].nunique()
    if draws.max() > 1:
        of = ", ".join(f"{name} (n = {n} draws)" for name, n in draws.items() if n > 1)
        caption += f" Mean of {of} with its 95 % t interval; the other orders are one each (n = 1)."
    return look.finish(figure, title=title, caption=caption, theme=theme)


def _add_seed_lines(figure: go.Figure, part: pd.DataFrame, label: str, style: look.Look) -> None:
    for seed, run in part.groupby("seed", dropna=False):
        figure.add_scatter(
            x=run["epoch"],
            y=run["value"],
            mode="lines",
            line={"color": style.fill(0.45), "width": 0.8},
            legendgroup=label,
            showlegend=False,
            hovertemplate=f"{label}, seed {seed}<br>epoch %{{x}}: %{{y:.4g}}<extra></extra>",
        )


def _add_mean(
    figure: go.Figure,
    part: pd.DataFrame,
    *,
    x: str,
    name: str,
    style: look.Look,
    markers: bool,
    ends: tuple[float, float] | None = PERCENT,
) -> None:
    """The mean over seeds at each x; the interval as a band for lines, as bars for markers."""
    rows = part.sort_values(x).to_dict("records")
    found = over_seeds(rows, by=(x,), value="value", ends=ends)
    groups = [(group.setting[x], group.interval) for group in found]
    at = [float(a) for a, _ in groups]
    mean = np.array([i.mean for _, i in groups])
    low, high = (np.array([getattr(i, end) for _, i in groups]) for end in ("low", "high"))
    sure = np.isfinite(low)
    banded = sure & np.array([i.n >= BAND_SEEDS for _, i in groups])
    if not markers and banded.any():
        _add_band(figure, np.array(at)[banded], (low[banded], high[banded]), name, style)
    figure.add_scatter(
        x=at,
        y=mean,
        mode="lines+markers" if markers or len(at) <= FEW_EPOCHS else "lines",
        name=name,
        legendgroup=name,
        line={"color": style.colour, "dash": style.dash, "width": 2},
        marker={"symbol": style.symbol, "size": 7, "color": style.colour},
        error_y={
            "symmetric": False,
            "array": np.nan_to_num(high - mean),
            "arrayminus": np.nan_to_num(mean - low),
            "width": 3,
            "thickness": 1.2,
        }
        if markers and sure.any()
        else None,
        customdata=[[i.n, i.low, i.high] for _, i in groups],
        hovertemplate=f"{name}<br>%{{x:.4g}}: %{{y:.2f}}<br>n = %{{customdata[0]}}, 95 % "
        "[%{customdata[1]:.2f}, %{customdata[2]:.2f}]<extra></extra>",
    )


def _add_band(
    figure: go.Figure,
    x: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
    name: str,
    style: look.Look,
) -> None:
    low, high = ends
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        fill="toself",
        fillcolor=style.fill(),
        mode="none",
        legendgroup=name,
        showlegend=False,
        hoverinfo="skip",
    )


def _add_dots(figure: go.Figure, part: pd.DataFrame, x: str, name: str, style: look.Look) -> None:
    figure.add_scatter(
        x=part[x],
        y=part["value"],
        mode="markers",
        legendgroup=name,
        showlegend=False,
        marker={"size": 4, "color": style.fill(0.55), "symbol": "circle"},
        customdata=part["seed"],
        hovertemplate=f"{name}, seed %{{customdata}}: %{{y:.2f}}<extra></extra>",
    )


def _add_level(figure: go.Figure, part: pd.DataFrame, name: str, style: look.Look) -> None:
    (group,) = over_seeds(part.to_dict("records"), by=(), value="value", ends=PERCENT)
    found = group.interval
    span = {"xref": "paper", "x0": 0, "x1": 1, "layer": "below"}
    if np.isfinite(found.low):
        band = {"y0": found.low, "y1": found.high, "line": {"width": 0}}
        figure.add_shape(type="rect", fillcolor=style.fill(0.12), **span, **band)
    line = {"color": style.colour, "dash": style.dash, "width": 1.6}
    figure.add_shape(type="line", y0=found.mean, y1=found.mean, line=line, **span)
    figure.add_scatter(  # carries the legend entry and keeps the line inside the range
        x=[None], y=[found.mean], mode="lines", name=name, line=line, legendgroup=name
    )


def _ratio_axis(figure: go.Figure, table: pd.DataFrame) -> None:
    ratios = sorted(set(table["ratio"].dropna()))
    words = [f"1/{1 / r:.0f}" if r < 1 and abs(1 / r - round(1 / r)) < 0.02 else f"{r:.3g}"
             for r in ratios]  # fmt: skip
    figure.update_xaxes(
        title_text="tuned share of the channels, K/D",
        type="log",
        tickvals=ratios,
        ticktext=words,
    )


def _seeds_words(table: pd.DataFrame) -> str:
    """What the means of a table of runs are over, and which series read no seed."""
    found = over_seeds(table.to_dict("records"), by=("series", "ratio"), value="value")
    seeded = [group for group in found if group.over is not None]
    seedless = list(dict.fromkeys(str(g.setting["series"]) for g in found if g.over is None))
    drawn = any(group.over == "draws" for group in seeded)
    unit = "seeds (or, at one seed, draws of random channels)" if drawn else "seeds"
    said = [_n_words(pd.Series([group.n for group in seeded]), unit)] if seeded else []
    if seedless:
        verb = "reads" if len(seedless) == 1 else "read"
        said.append(f"{', '.join(seedless)} {verb} no seed: n = 1, no interval.")
    return " ".join(said)


def _n_words(counts: pd.Series, unit: str, *, bands: bool = False) -> str:
    """How many runs a mean is of, and what that allows to be said; `bands` are drawn from 3 seeds on."""
    low, high = int(counts.min()), int(counts.max())
    if high == 1:
        return "One run each (n = 1): no interval."
    n = f"{low}" if low == high else f"{low} to {high}"
    interval = "with its 95 % t interval"
    if bands and low < BAND_SEEDS:
        interval = (
            f"{interval} from n = {BAND_SEEDS} on" if high >= BAND_SEEDS else "without interval"
        )
    words = f"Mean of n = {n} {unit} {interval}; each is drawn as well."
    return words + (" Three or fewer: exploratory." if high <= 3 else "")
