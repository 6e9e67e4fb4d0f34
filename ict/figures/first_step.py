"""What sets of channels gain in a first step, on images that did not choose it."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ict.criteria.words import Choice, named, spelled
from ict.figures import theme as look
from ict.figures.frames import Table, frame
from ict.figures.reference_lines import label_beside

STEPS = {"unit": "unit step", "sign": "sign step (Adam's first)"}
_GAP = 0.06  # between two panels, of the width


def first_step_dots(
    table: Table, *, title: str | None = None, theme: look.Theme = "light"
) -> go.Figure:
    """Held-out gain of each set relative to the best two sets, one panel a norm, the best on top.

    Columns as `ict.analysis.first_step.FirstStep` has them. Bars are the range over halvings, which share
    images; a gain that has nothing to be relative to has no point, or no bar.
    """
    rows = _with_points(table)
    if rows.empty:
        return look.empty("no first step that gains anything on the other half", theme)
    norms = list(dict.fromkeys(rows["norm"]))
    means = rows[rows["norm"] == norms[0]].set_index("name")["relative_to_best"]
    names = sorted(dict.fromkeys(rows["name"]), key=lambda name: means.get(name, -np.inf))
    styles = look.looks(names)
    figure = go.Figure()
    for i, norm in enumerate(norms):
        part = rows[rows["norm"] == norm]
        axis = f"x{i + 1}" if i else "x"
        _points(figure, part, [styles[name].colour for name in part["name"]], axis)
        _until(figure, axis)
        share = (1 + _GAP) / len(norms)
        axis_of = {
            "domain": [i * share, (i + 1) * share - _GAP],
            "title": {"text": f"{STEPS[norm]}:<br>relative held-out gain"},
            "nticks": 6,
            "matches": "x" if i else None,
        }
        figure.update_layout({f"xaxis{axis[1:]}": axis_of})
    figure.update_yaxes(
        title_text="channels chosen by", type="category", showgrid=True, griddash="dot",
        categoryorder="array", categoryarray=[told(name) for name in names],
    )  # fmt: skip
    return look.finish(
        figure, title=title, caption=_caption(rows, names), theme=theme, height=130 + 28 * len(names),
        aspect=min(0.2 + 0.03 * len(names), 1.1), span="text", rows=len(names),
    )  # fmt: skip


def told(name: str) -> str:
    """How channels are chosen, in words: `gradient, two sets` for the selector `gradient_rw`."""
    return named(spelled(name, None)) if Choice(name, None).reads_gradient else name


def _with_points(table: Table) -> pd.DataFrame:
    """The rows that can be drawn."""
    rows = frame(table)
    if rows.empty:
        return rows
    relative = [name for name in rows if str(name).startswith("relative_")]
    rows = rows.astype(dict.fromkeys(relative, float))
    return rows[rows["relative_to_best"].notna()]


def _points(figure: go.Figure, rows: pd.DataFrame, colours: list[str], axis: str) -> None:
    mean = rows["relative_to_best"]
    figure.add_scatter(
        x=mean,
        y=rows["name"].map(told),
        xaxis=axis,
        mode="markers",
        marker={"color": colours, "size": 9},
        error_x={
            "type": "data",
            "color": look.GREY,  # that of the text is black on dark pages
            "array": (rows["relative_highest"] - mean).to_numpy(),
            "arrayminus": (mean - rows["relative_lowest"]).to_numpy(),
        },
        customdata=rows[["regret", "relative_lowest", "relative_highest"]],
        hovertemplate="%{y}: %{x:.3f}<br>%{customdata[1]:.3f} to %{customdata[2]:.3f} over halvings"
        "<br>regret %{customdata[0]:.3f}<extra></extra>",
        showlegend=False,
    )


def _until(figure: go.Figure, axis: str) -> None:
    """A line at the gain of the best two sets."""
    figure.add_shape(
        type="line", x0=1, x1=1, y0=0, y1=1, xref=axis, yref="paper",
        line={"width": 1, "dash": "dot"}, layer="below", label=label_beside("best sets found", "left", "start"),
    )  # fmt: skip


def _caption(rows: pd.DataFrame, names: list[str]) -> str:
    ks = [", ".join(map(str, k)) for k in rows["k"]]
    halvings = int(rows["halvings"].iloc[0])
    unbarred = rows["relative_lowest"].isna().any()
    return (
        f"Gain of the first step of adapters on channels chosen in {len(names)} ways "
        f"(K = {' or '.join(dict.fromkeys(ks))}), step and choice by gradient from one half of what a head judges, gain "
        "on the other, relative to the best read set and write set found on the first. Mean over "
        f"{halvings} halvings, both ways; bars are the range over {halvings} dependent halvings, no interval."
        + (" Without a bar: the best gains nothing in one of the halvings." if unbarred else "")
    )
