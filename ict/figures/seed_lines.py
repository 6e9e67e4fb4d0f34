"""What curves of several seeds are made of: lines, means, bands, levels, axes, and how many there are."""

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ict.analysis.groups import over_seeds
from ict.documents.number_words import number_words, share_words
from ict.figures import theme as look
from ict.store.run_rows import as_rows

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


MANY_AT_K = 4
_APART = 0.03  # decades between series at one K


FEW_EPOCHS = 2  # a line of so few points is drawn with markers, or it would not be seen


def ends(metric: str) -> tuple[float, float] | None:
    """Where intervals of a metric stop: accuracies at 0 and 100 %."""
    return PERCENT if METRICS.get(metric, ("", 1.0))[1] == 100 else None


def add_seed_lines(
    figure: go.Figure, part: pd.DataFrame, label: str, style: look.Look, y: str = "value"
) -> None:
    """A thin line a seed over `at`: the mean of its random draws, where it has several."""
    for seed, runs in part.groupby("seed", dropna=False):
        run = runs.groupby("epoch", as_index=False)[["at", y]].mean()
        named = label if pd.isna(seed) else f"{label}, seed {seed}"
        figure.add_scatter(
            x=run["at"],
            y=run[y],
            mode="lines",
            line={"color": style.fill(0.45), "width": 0.8},
            legendgroup=label,
            showlegend=False,
            text=[f"epoch {number_words(epoch)}" for epoch in run["epoch"]],
            hovertemplate=f"{named}<br>%{{text}}: %{{y:.4r}}<extra></extra>",
        )


def add_mean(
    figure: go.Figure,
    part: pd.DataFrame,
    *,
    x: str,
    name: str,
    style: look.Look,
    markers: bool,
    ends: tuple[float, float] | None = PERCENT,
    at: str | None = None,
) -> None:
    """The mean over seeds at each x; the interval as a band for lines, as bars for markers.

    It is drawn at the mean of the column `at` there, where one is named.
    """
    rows = as_rows(part.sort_values(x).to_dict("records"))
    points = over_seeds(rows, by=(x,), value="value", ends=ends)
    groups = [(group.setting[x], group.interval) for group in points]
    xs = [float(a) for a, _ in groups]
    where = xs if at is None else [float(value) for value in part.groupby(x)[at].mean()[xs]]
    mean = np.array([i.mean for _, i in groups])
    low, high = (np.array([getattr(i, end) for _, i in groups]) for end in ("low", "high"))
    sure = np.isfinite(low)
    banded = sure & np.array([i.n >= BAND_SEEDS for _, i in groups])
    if not markers and banded.any():
        add_band(figure, np.array(where)[banded], (low[banded], high[banded]), name, style)
    figure.add_scatter(
        x=where,
        y=mean,
        mode="lines+markers" if markers or len(xs) <= FEW_EPOCHS else "lines",
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
        text=[_at_words(x, a) for a in xs],
        hovertemplate=f"{name}<br>%{{text}}: %{{y:.2f}}<br>n = %{{customdata[0]}}, 95 % "
        "[%{customdata[1]:.2f}, %{customdata[2]:.2f}]<extra></extra>",
    )


def _at_words(x: str, value: float) -> str:
    if x == "ratio":
        return share_words(value)
    return f"epoch {number_words(value)}" if x == "epoch" else number_words(value, ".4g")


def add_band(
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


def add_dots(figure: go.Figure, part: pd.DataFrame, x: str, name: str, style: look.Look) -> None:
    draws = part["selection_seed"] if "selection_seed" in part else [None] * len(part)
    figure.add_scatter(
        x=part[x],
        y=part["value"],
        mode="markers",
        legendgroup=name,
        showlegend=False,
        marker={"size": 4, "color": style.fill(0.55), "symbol": "circle"},
        customdata=[*map(_seed_and_draw, part["seed"], draws)],
        hovertemplate=f"{name}%{{customdata}}: %{{y:.2f}}<extra></extra>",
    )


def _seed_and_draw(seed: Any, draw: Any) -> str:
    """`, seed 42, draw 3`: what tells the dots of one series apart."""
    named = {"seed": seed, "draw": draw}
    return "".join(f", {name} {_plain(value)}" for name, value in named.items() if pd.notna(value))


def _plain(value: Any) -> str:
    return number_words(float(value)) if isinstance(value, Real) else str(value)


def add_level(figure: go.Figure, part: pd.DataFrame, name: str, style: look.Look) -> None:
    (group,) = over_seeds(as_rows(part.to_dict("records")), by=(), value="value", ends=PERCENT)
    interval = group.interval
    span = {"xref": "paper", "x0": 0, "x1": 1, "layer": "below"}
    if np.isfinite(interval.low):
        band = {"y0": interval.low, "y1": interval.high, "line": {"width": 0}}
        figure.add_shape(type="rect", fillcolor=style.fill(0.12), **span, **band)
    line = {"color": style.colour, "dash": style.dash, "width": 1.6}
    figure.add_shape(type="line", y0=interval.mean, y1=interval.mean, line=line, **span)
    figure.add_scatter(  # carries the legend entry and keeps the line inside the range
        x=[None], y=[interval.mean], mode="lines", name=name, line=line, legendgroup=name
    )


def beside(table: pd.DataFrame) -> pd.Series:
    """Where to draw each row on the log axis of K/D: many series at one K stand side by side."""
    ratio = table["ratio"].astype(float)
    series = pd.Series(pd.factorize(table["series"])[0], index=table.index)
    rank = series.groupby(ratio).rank("dense")  # among the series at that K
    many = series.groupby(ratio).transform("nunique")
    ks = np.unique(np.log10(ratio.dropna()))
    gap = float(np.diff(ks).min()) if len(ks) > 1 else 0.3
    step = np.minimum(_APART, 0.5 * gap / many).where(many >= MANY_AT_K, 0.0)
    return ratio * 10 ** ((rank - (many + 1) / 2) * step)


def ratio_axis(figure: go.Figure, table: pd.DataFrame) -> None:
    ratios = sorted(set(table["ratio"].dropna()))
    figure.update_xaxes(
        title_text="tuned share of the channels, K/D",
        type="log",
        tickvals=ratios,
        ticktext=[share_words(ratio) for ratio in ratios],
    )


def seeds_words(table: pd.DataFrame) -> str:
    """What the means of a table of runs are over, and which series read no seed."""
    rows = as_rows(table.to_dict("records"))
    groups = over_seeds(rows, by=("series", "ratio"), value="value")
    seeded = [group for group in groups if group.over is not None]
    seedless = list(dict.fromkeys(str(g.setting["series"]) for g in groups if g.over is None))
    drawn = any(group.over == "draws" for group in seeded)
    unit = "seeds (or, at one seed, draws of random channels)" if drawn else "seeds"
    said = [n_words(pd.Series([group.n for group in seeded]), unit)] if seeded else []
    if seedless:
        verb = "reads" if len(seedless) == 1 else "read"
        said.append(f"{', '.join(seedless)} {verb} no seed: n = 1, no interval.")
    return " ".join(said)


def n_words(counts: pd.Series, unit: str, *, bands: bool = False) -> str:
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
