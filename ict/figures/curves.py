"""Lines over K and over removed channels: a mean, its 95 % t interval, every seed."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from ict.analysis.summary import SeriesRow
from ict.documents.number_words import number_words
from ict.figures import theme as look
from ict.figures.coinciding import SEEN, said, together
from ict.figures.epoch_curves import Curve, progress_table, training_curves
from ict.figures.frames import Table, frame
from ict.figures.reference_lines import line_at_y
from ict.figures.seed_lines import (
    METRICS,
    add_dots,
    add_level,
    add_mean,
    beside,
    ends,
    ratio_axis,
    seeds_words,
)

__all__ = [
    "METRICS", "Curve", "accuracy_against_k", "deletion_curves", "ends", "progress_table", "training_curves",
]  # fmt: skip


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
    table = table.assign(value=table["accuracy"].astype(float) * 100, at=beside(table))
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
            add_mean(figure, part, x="ratio", at="at", name=name, style=styles[name], markers=True)
            add_dots(figure, part, "at", name, styles[name])
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
    parts = {name: rows[rows["series"] == name].sort_values(["share", "seed"]) for name in names}
    lines = {n: p[["share", "seed", "value"]].to_numpy() for n, p in parts.items()}
    groups = together(lines, within=100 * SEEN * float(rows["accuracy"].max()))
    for same in groups:
        add_mean(
            figure, parts[same.first], x="share", name=same.joint, style=styles[same.first],
            markers=True,
        )  # fmt: skip
    verb = "replaced" if direction == "deletion" else "kept"
    shares = sorted({share for share in rows["share"] if share > 0})
    figure.update_xaxes(
        title_text=f"channels {verb} (% of each block)", type="log", tickvals=shares,
        ticktext=[number_words(share, '.3g') for share in shares],
    )  # fmt: skip
    figure.update_yaxes(title_text=f"accuracy on {split} (%)")
    if untouched is not None:
        line_at_y(
            figure, 100 * untouched, {"width": 1, "dash": "dot"}, "nothing replaced",
            below="end" if direction == "deletion" else "start",
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
    caption += said(groups)
    return look.finish(figure, title=title, caption=caption, theme=theme)
