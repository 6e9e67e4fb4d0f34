"""Curves of runs from a store: along epochs, steps or time, by setting or coloured by any field."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ict.analysis.groups import has_epochs, over_seeds, seed_of
from ict.analysis.run_fields import FIELDS_OF_RUNS, field_value
from ict.analysis.setting_words import number_of
from ict.documents.number_words import number_words
from ict.errors import InputError, did_you_mean, quoted
from ict.figures.asked import Choice, Drawn, Found, of_runs
from ict.figures.curve_view import ALONG, KNOWN, CurveView, limits
from ict.figures.draw_runs import asked, of_ids
from ict.figures.epoch_curves import Curve, progress_table, training_curves, viewed
from ict.figures.labels import labels
from ict.figures.seed_lines import METRICS, ends
from ict.store.epoch_rows import Epoch, epoch_rows
from ict.store.run_rows import RunRow, as_rows


def view_of(choice: Choice) -> CurveView:
    """How the curves are looked at. Raises InputError for what cannot be."""
    if choice.x not in ALONG:
        raise InputError(
            f"x {quoted(choice.x)}: choose one of {', '.join(ALONG)}{did_you_mean(choice.x, ALONG)}"
        )
    if choice.smooth < 0:
        raise InputError(f"smooth {number_words(choice.smooth)}: choose a weight from 0 to below 1")
    return CurveView(
        x=choice.x, log=choice.log, smooth=choice.smooth,
        xlim=limits(choice.xlim, "x"), ylim=limits(choice.ylim, "y"),
    )  # fmt: skip


def over_epochs(found: Found, choice: Choice) -> Drawn:
    view, colour = view_of(choice), _colour(choice)
    rows = [r for r in asked(found, choice) if r.status not in ("missing", "unreadable")]
    rows = of_ids(rows, [row.run_id for row in rows])
    converged = {r.run_id: "a converged probe has no epochs" for r in rows if not has_epochs(r)}
    rows = [row for row in rows if row.run_id not in converged]
    progress = {r.run_id: epoch_rows(found.store.run(r.run_id)) for r in rows}
    if not rows and choice.task is not None:
        raise InputError(f"no run on {choice.task} behind these sources")
    if not any(progress.values()):
        raise InputError(next(iter(converged.values()), "no epoch has been run yet"))
    metric = _metric(choice, [line for one in progress.values() for line in one])
    reasons = {r.run_id: _why_not(r, progress[r.run_id], metric, view) for r in rows}
    drawn = [row for row in rows if not reasons[row.run_id]]
    if not drawn:
        raise InputError(f"no run behind these sources has written {_lacking(metric, view)}")
    runs = curve_runs(drawn, progress, colour)
    return Drawn(
        figure=training_curves(runs, metric, view=view, colour=colour),
        table=_table(runs, metric, view),
        summary=_last_epochs(progress_table(runs), metric),
        context=of_runs(drawn),
        runs=drawn,
        facts={"metric": metric, "smooth": choice.smooth, "x": view.x},
        reasons=converged | {run: reason for run, reason in reasons.items() if reason},
    )


def _metric(choice: Choice, lines: Sequence[Epoch]) -> str:
    with_val = any(line.get("val_accuracy") is not None for line in lines)
    metric = choice.metric or ("val_accuracy" if with_val else "train_accuracy")
    if metric not in METRICS:
        raise InputError(f"metric {metric!r}: choose one of {', '.join(METRICS)}")
    return metric


def _colour(choice: Choice) -> str | None:
    if choice.colour is not None and choice.colour not in FIELDS_OF_RUNS:
        near = did_you_mean(choice.colour, FIELDS_OF_RUNS)
        raise InputError(f"no field {quoted(choice.colour)} to colour by{near}")
    return choice.colour


def _why_not(row: RunRow, lines: Sequence[Epoch], metric: str, view: CurveView) -> str:
    """Why a run is not drawn; nothing where it is."""
    if not lines:
        return "no epoch has ended"
    return "" if is_drawn(row, lines, metric, view) else f"no {_lacking(metric, view)} was written"


def _lacking(metric: str, view: CurveView) -> str:
    return metric.replace("_", " ") + KNOWN[view.x]


def is_drawn(row: RunRow, lines: Sequence[Epoch], metric: str, view: CurveView) -> bool:
    """Whether a run has written the metric, and where it stands along x."""
    return not viewed([_curve(row, "", tuple(lines))], metric, view).empty


def curve_runs(
    rows: Sequence[RunRow], progress: Mapping[str, tuple[Epoch, ...]], colour: str | None = None
) -> list[Curve]:
    """What `training_curves` takes: the runs by label, so that seeds stand together."""
    names = labels(rows)
    return [
        _curve(row, names[row.run_id], progress[row.run_id], colour)
        for row in sorted(rows, key=lambda row: names[row.run_id])
    ]


def _curve(row: RunRow, label: str, lines: tuple[Epoch, ...], colour: str | None = None) -> Curve:
    value = None if colour is None else field_value(row, colour)
    return Curve(label, seed_of(row), lines, steps_of(row), value)


def steps_of(row: RunRow) -> int | None:
    """Optimiser steps of an epoch, from the images and the batch of a finished run; else not known."""
    images, batch = (number_of(row.get(name)) for name in ("train_images", "batch_size"))
    return max(1, int(images // batch)) if images and batch else None


def _table(runs: Sequence[Curve], metric: str, view: CurveView) -> pd.DataFrame:
    """Rows of the lines as measured, with where they stand, and smoothed where they are drawn so."""
    table = viewed(runs, metric, view)
    names: dict[str, Any] = {"label": "label", "seed": "seed", "epoch": "epoch"}
    if view.x != "epoch":
        names["at"] = {"step": "step", "time": "seconds"}[view.x]
    names["raw"] = metric
    if view.smooths:
        names["value"] = f"{metric}_smoothed"
    return table[list(names)].rename(columns=names)


def _last_epochs(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The last epoch of each run, its mean over the seeds of a label with n and interval."""
    last = table.dropna(subset=[metric]).sort_values("epoch")
    last = last.groupby(["label", "seed"], dropna=False, sort=False).tail(1)
    factor = METRICS[metric][1]
    epochs = last.groupby("label", sort=False)["epoch"].max()
    last = last.assign(value=factor * last[metric].astype(float))
    runs = as_rows(last.to_dict("records"))
    rows = []
    for group in over_seeds(runs, by=("label",), value="value", ends=ends(metric)):
        over, label = group.interval, group.setting["label"]
        span = {"mean": over.mean, "low": over.low, "high": over.high, "n": over.n}
        rows.append({"label": label, "epoch": int(epochs[label]), **span})
    return pd.DataFrame(rows)
