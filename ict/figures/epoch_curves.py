"""A metric of runs along epochs, steps or time: means over seeds, their 95 % t intervals, every run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ict.analysis.groups import Seed
from ict.analysis.run_fields import field_title, in_words
from ict.figures import theme as look
from ict.figures.curve_view import (
    KNOWN,
    X_TITLES,
    Along,
    CurveView,
    axis_range,
    smoothed_values,
    smoothing_words,
)
from ict.figures.field_colours import FieldColours, field_colours
from ict.figures.seed_lines import METRICS, add_mean, add_seed_lines, ends, n_words
from ict.store.epoch_rows import Epoch, as_epochs


@dataclass(frozen=True)
class Curve:
    """A run over its epochs: runs of one label are drawn in one colour, with their mean."""

    label: str
    seed: Seed
    epochs: tuple[Epoch, ...]
    steps: int | None = None
    """Optimiser steps of an epoch, for runs that did not write them."""
    value: Any = None
    """Of the field that gives the colours."""

    @classmethod
    def of(cls, run: Any) -> "Curve":
        """A curve, also of {"label", "seed", "progress": lines of progress.jsonl}."""
        if isinstance(run, Curve):
            return run
        return cls(run["label"], run.get("seed"), as_epochs(run["progress"]))

    def at(self, along: Along) -> np.ndarray:
        """Where each epoch stands (E,): its number, the steps so far, the seconds of training so far.

        NaN where the run did not write them.
        """
        numbers = np.array([one.epoch for one in self.epochs], dtype=float)
        if along == "epoch":
            return numbers
        if along == "time":
            return np.cumsum(_column(self.epochs, "seconds"))
        written = _column(self.epochs, "steps")
        reckoned = np.nan if self.steps is None else self.steps
        return np.where(np.isfinite(written), written, numbers * reckoned)


def _column(epochs: Sequence[Epoch], name: str) -> np.ndarray:
    return np.array([np.nan if (v := one.get(name)) is None else v for one in epochs], dtype=float)


def progress_table(curves: Iterable[Curve]) -> pd.DataFrame:
    """Rows (label, seed, epoch, metrics…), one an epoch of a run."""
    return pd.DataFrame(
        {"label": run.label, "seed": run.seed, "epoch": one.epoch, **one.measured}
        for run in curves
        for one in run.epochs
    )


def viewed(curves: Iterable[Curve], metric: str, view: CurveView) -> pd.DataFrame:
    """Rows (label, seed, field, epoch, at, raw, value): `raw` as measured, `value` smoothed.

    Epochs without a measurement, or without a place along x, have no row.
    """
    parts = [
        pd.DataFrame(
            {
                "label": run.label,
                "seed": run.seed,
                "field": pd.Series([run.value] * len(run.epochs), dtype=object),
                "epoch": [one.epoch for one in run.epochs],
                "at": run.at(view.x),
                "raw": (raw := _column(run.epochs, metric)),
                "value": smoothed_values(raw, view.smooth) if view.smooths else raw,
            }
        )
        for run in curves
        if run.epochs
    ]
    columns = ["label", "seed", "field", "epoch", "at", "raw", "value"]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return table.dropna(subset=["raw", "at"])


def training_curves(
    runs_progress: Iterable[Curve],
    metric: str = "train_accuracy",
    *,
    smooth: float = 1,
    view: CurveView | None = None,
    colour: str | None = None,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """A metric along x, one colour a label: thin lines are seeds, the thick one their mean.

    The band is the 95 % t interval of the mean where three or more seeds reached the epoch: of two
    it is 12.7 standard errors wide and hides every other line; the hover still gives it. A mean
    is of one epoch, at the mean x of its seeds. `view` says along what, how smoothed (the thin lines then
    are as measured) and within which limits; `smooth` alone is the mean of so many last epochs. With
    `colour`, a field, colours are those of the runs' values of it.
    """
    view = view or CurveView(smooth=smooth)
    axis, factor = METRICS.get(metric, (metric.replace("_", " "), 1.0))
    curves = [Curve.of(run) for run in runs_progress]
    table = viewed(curves, metric, view)
    if table.empty:
        words = f"{metric.replace('_', ' ')}{KNOWN[view.x]}"
        return look.empty(f"no run has written {words} yet", theme)
    table = table.assign(value=table["value"] * factor, raw=table["raw"] * factor)
    colours = None if colour is None else field_colours(colour, [one.value for one in curves])
    figure = go.Figure()
    _add_lines(figure, table, metric, view, colours)
    _axes(figure, table, axis, view, log=view.log or metric == "lr")
    named = table["label"].nunique() > 1 if colours is None else colours.bar is None
    look.legend_above(figure).update_layout(showlegend=named)
    caption = (
        f"{axis[0].upper()}{axis[1:]} over {_along_words(view.x)}{smoothing_words(view.smooth)}"
    )
    caption += "; thin lines are as measured. " if view.smooths else ". "
    if colours is not None:
        caption += f"Colours: {field_title(colours.name)}. "
    seeds = table.groupby(_group_columns(colours), dropna=False)["seed"].nunique(dropna=False)
    caption += n_words(seeds, "seeds", bands=True)
    look.finish(figure, title=title, caption=caption, theme=theme)
    # a zoom of the reader's stays while epochs arrive, and goes with the axes that it was of
    kept = f"{metric} {view.x} {view.log} {view.xlim} {view.ylim}"
    return figure.update_layout(uirevision=kept)


def _along_words(along: Along) -> str:
    return {"epoch": "epochs", "step": "optimiser steps", "time": "training time"}[along]


def _group_columns(colours: FieldColours | None) -> list[str]:
    return ["label"] if colours is None else ["label", "field"]


def _add_lines(
    figure: go.Figure,
    table: pd.DataFrame,
    metric: str,
    view: CurveView,
    colours: FieldColours | None,
) -> None:
    """Thin lines and a mean for each label, and each value of the field that gives the colours."""
    labels = list(dict.fromkeys(table["label"]))
    styles = look.looks(labels)
    named: set[str] = set()
    for label in labels:
        own = table[table["label"] == label]
        values = list(dict.fromkeys(own["field"])) if colours else [None]
        for value in values:
            part = own if colours is None else own[[one == value for one in own["field"]]]
            style = styles[label] if colours is None else colours.looks[value]
            name = label if colours is None else _said(label, colours.name, value)
            before = len(figure.data)
            if part["seed"].nunique(dropna=False) > 1 or view.smooths:
                add_seed_lines(figure, part, name, style, y="raw" if view.smooths else "value")
            add_mean(
                figure, part, x="epoch", at="at", name=name, style=style, markers=False,
                ends=ends(metric),
            )  # fmt: skip
            if colours is not None:
                _legend_by_value(figure.data[before:], colours, value, named)
    if colours is not None:
        colours.add_bar(figure)


def _said(label: str, name: str, value: Any) -> str:
    """A label with a value of a field, unless it says it."""
    words = in_words(name, value)
    return label if words in label else f"{label} · {field_title(name)} {words}"


def _legend_by_value(
    traces: Sequence[Any], colours: FieldColours, value: Any, named: set[str]
) -> None:
    """Of the traces of one line: the value of the field in the legend, once, in place of the label."""
    shown = f"{field_title(colours.name)} {in_words(colours.name, value)}"
    for trace in traces:
        trace.legendgroup = shown
    traces[-1].update(name=shown, showlegend=colours.bar is None and shown not in named)
    named.add(shown)


def _axes(figure: go.Figure, table: pd.DataFrame, axis: str, view: CurveView, *, log: bool) -> None:
    figure.update_xaxes(title_text=X_TITLES[view.x], rangemode="tozero")
    if view.x == "epoch" and table["epoch"].max() <= 10:
        figure.update_xaxes(dtick=1)
    figure.update_yaxes(title_text=axis, type="log" if log else "linear")
    above = table["value"][table["value"] > 0]
    if log and above.max() > 10 * above.min():
        figure.update_yaxes(dtick=1)
    if (x := axis_range(view.xlim, log=False)) is not None:
        figure.update_xaxes(range=x)
    if (y := axis_range(view.ylim, log=log)) is not None:
        figure.update_yaxes(range=y)
