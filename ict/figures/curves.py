"""Lines over epochs, over K, over removed channels: a mean, its 95 % t interval, every seed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from ict.analysis.groups import Seed
from ict.analysis.summary import SeriesRow
from ict.figures import theme as look
from ict.figures.frames import Table, frame
from ict.figures.seed_lines import (
    METRICS,
    add_dots,
    add_level,
    add_mean,
    add_seed_lines,
    ends,
    n_words,
    ratio_axis,
    seeds_words,
)
from ict.store.epoch_rows import Epoch, as_epochs


@dataclass(frozen=True)
class Curve:
    """A run over its epochs: runs of one label are drawn in one colour, with their mean."""

    label: str
    seed: Seed
    epochs: tuple[Epoch, ...]

    @classmethod
    def of(cls, run: Any) -> "Curve":
        """A curve, also of {"label", "seed", "progress": lines of progress.jsonl}."""
        if isinstance(run, Curve):
            return run
        return cls(run["label"], run.get("seed"), as_epochs(run["progress"]))

    def smoothed(self, metric: str, epochs: int) -> "Curve":
        """With `metric` as the mean of the last `epochs` epochs; unchanged for 1."""
        return replace(self, epochs=smoothed(self.epochs, metric, epochs))


def progress_table(curves: Iterable[Curve]) -> pd.DataFrame:
    """Rows (label, seed, epoch, metrics…), one an epoch of a run."""
    return pd.DataFrame(
        {"label": run.label, "seed": run.seed, "epoch": one.epoch, **one.measured}
        for run in curves
        for one in run.epochs
    )


def smoothed(rows: Sequence[Epoch], metric: str, epochs: int) -> tuple[Epoch, ...]:
    """`rows` with `metric` as the mean of the last `epochs` epochs; unchanged for 1."""
    if epochs <= 1:
        return tuple(rows)
    values = pd.Series([row.get(metric) for row in rows], dtype=float)
    means = values.rolling(epochs, min_periods=1).mean()
    return tuple(row.having(metric, float(mean)) for row, mean in zip(rows, means, strict=True))


def training_curves(
    runs_progress: Iterable[Curve],
    metric: str = "train_accuracy",
    *,
    smooth: int = 1,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """A metric over epochs, one colour a label: thin lines are seeds, the thick one their mean.

    The band is the 95 % t interval of the mean where three or more seeds reached the epoch: of two
    it is 12.7 standard errors wide and hides every other line; the hover still gives it. `smooth`
    draws the mean of so many last epochs.
    """
    axis, factor = METRICS.get(metric, (metric.replace("_", " "), 1.0))
    table = progress_table(Curve.of(run).smoothed(metric, smooth) for run in runs_progress)
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
            add_seed_lines(figure, part, label, styles[label])
        add_mean(
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
    caption += n_words(seeds, "seeds", bands=True)
    return look.finish(figure, title=title, caption=caption, theme=theme)


def accuracy_against_k(
    table: pd.DataFrame | Sequence[SeriesRow],
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
            add_level(figure, part, name, styles[name])
        else:
            part = part.dropna(subset=["ratio"])
            add_mean(figure, part, x="ratio", name=name, style=styles[name], markers=True)
            add_dots(figure, part, "ratio", name, styles[name])
    ratio_axis(figure, table)
    figure.update_yaxes(title_text=accuracy)
    look.legend_above(figure)
    caption = f"Accuracy against the share of tuned channels. {seeds_words(table)}"
    if level:
        caption += f" Level lines need no K: {', '.join(level)}."
    return look.finish(figure, title=title, caption=caption, theme=theme)


def deletion_curves(
    table: Table,
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
    rows = frame(table)
    if rows.empty:
        return look.empty("no causal check has been computed yet", theme)
    rows = rows.assign(
        value=rows["accuracy"].astype(float) * 100, share=rows["fraction"].astype(float) * 100
    )
    if "seed" not in rows:
        rows = rows.assign(seed=0)
    figure = go.Figure()
    names = list(dict.fromkeys(rows["series"]))
    styles = look.looks(names)
    for name in names:
        part = rows[rows["series"] == name]
        add_mean(figure, part, x="share", name=name, style=styles[name], markers=True)
    verb = "replaced" if direction == "deletion" else "kept"
    shares = sorted({share for share in rows["share"] if share > 0})
    figure.update_xaxes(
        title_text=f"channels {verb} (% of each block)", type="log", tickvals=shares,
        ticktext=[f"{share:.3g}" for share in shares],
    )  # fmt: skip
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
    draws = rows.groupby("series")["seed"].nunique()
    if draws.max() > 1:
        of = ", ".join(f"{name} (n = {n} draws)" for name, n in draws.items() if n > 1)
        caption += f" Mean of {of} with its 95 % t interval; the other orders are one each (n = 1)."
    return look.finish(figure, title=title, caption=caption, theme=theme)
