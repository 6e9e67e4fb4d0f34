"""Runs as lines over parallel axes: a field each, and last what came out.

Drawn from ordinary lines, which print as vectors at a paper's size; Plotly's own `parcoords` needs WebGL
and prints pixels.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from ict.analysis.run_fields import field_title, field_value, in_words, is_quantity
from ict.documents.bounded import number
from ict.documents.number_words import number_words, share_words
from ict.figures import theme as look
from ict.figures.field_colours import field_colours
from ict.store.run_rows import RunRow

OUTCOMES: Final = {
    "test_accuracy": ("test accuracy (%)", 100.0),
    "val_accuracy": ("accuracy on val200 (%)", 100.0),
    "train_accuracy": ("training accuracy (%)", 100.0),
    "trainable_parameters": ("trained parameters", 1.0),
    "train_seconds": ("training time (s)", 1.0),
    "peak_memory_bytes": ("peak memory (MiB)", 2.0**-20),
}
_WIDE: Final = 20.0  # ratio of the ends from which on an axis is logarithmic
_TICKS: Final = 6
_MOST_NAMES: Final = 18  # ticks of a field of names; of more, some go unnamed
_LETTERS: Final = 112  # of words beside each other, on all axes together
_NONE: Final = 0.14  # how far above runs without a value the others begin


@dataclass(frozen=True)
class Axis:
    """One of the parallel axes: where each run stands, from 0 to 1, and what is written there."""

    title: str
    places: Sequence[float]
    ticks: Sequence[tuple[float, str]]


def axis_of(name: str, title: str, values: Sequence[Any]) -> Axis:
    """Quantities by size, logarithmic where their ends lie far apart; names one below the other.

    Runs without a value of a quantity stand below the others.
    """
    if is_quantity(name, values) and len({v for v in values if v is not None}) > 1:
        return _of_quantity(name, title, values)
    words = [in_words(name, value) for value in values]
    distinct = sorted(dict.fromkeys(words), key=_order)
    place = {one: i / max(len(distinct) - 1, 1) for i, one in enumerate(distinct)}
    if len(distinct) == 1:
        place = dict.fromkeys(distinct, 0.5)
    step = math.ceil(len(distinct) / _MOST_NAMES)
    ticks = [(place[one], one) for one in distinct[::step]]
    return Axis(title, [place[word] for word in words], ticks)


def _order(word: str) -> tuple[int, float, str]:
    """Without a value first, then numbers, then names."""
    if word == "none":
        return 0, 0.0, ""
    value = number(word)
    return (2, 0.0, word) if value is None else (1, value, "")


def _short(word: str, letters: int) -> str:
    return word if len(word) <= letters else f"{word[: letters - 1]}…"


def _of_quantity(name: str, title: str, values: Sequence[Any]) -> Axis:
    numbers = np.array([np.nan if value is None else float(value) for value in values])
    known = np.unique(numbers[np.isfinite(numbers)])
    log = known[0] > 0 and known[-1] / known[0] >= _WIDE
    at, ends = (np.log10 if log else np.asarray)(numbers), known[[0, -1]]
    low, high = np.log10(ends) if log else ends
    floor = _NONE if np.isnan(numbers).any() else 0.0
    places = floor + (1 - floor) * (at - low) / (high - low)
    if len(known) <= _TICKS:
        shown = known
    else:
        steps = np.linspace(low, high, _TICKS - 1)
        shown = 10**steps if log else steps
    where = floor + (1 - floor) * ((np.log10(shown) if log else shown) - low) / (high - low)
    texts = [share_words(one) if name == "ratio" else _number(one) for one in shown]
    ticks = [(float(place), text) for place, text in zip(where, texts, strict=True)]
    if floor:
        ticks.insert(0, (0.0, "none"))
    return Axis(title, np.nan_to_num(places).tolist(), _apart(ticks))


def _apart(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Ticks whose words do not meet; the first and the last stay."""
    kept = [ticks[0]]
    for place, text in ticks[1:-1]:
        if place - kept[-1][0] > 0.06 and ticks[-1][0] - place > 0.06:
            kept.append((place, text))
    return [*kept, *ticks[len(ticks) - 1 :]] if len(ticks) > 1 else kept


def _number(value: float) -> str:
    if value == round(value) and abs(value) < 1e4:
        return f"{value:.0f}"
    return f"{value:,.0f}" if abs(value) >= 1e4 else number_words(value, ".3g")


def outcome_of(row: RunRow, outcome: str) -> float | None:
    """What came out of a run, in the unit of the axis; None where it has none."""
    value = row.get(outcome)
    return None if value is None else float(value) * OUTCOMES[outcome][1]


def parallel_runs(
    rows: Sequence[RunRow],
    fields: Sequence[str],
    outcome: str = "test_accuracy",
    *,
    names: Mapping[str, str] | None = None,
    title: str | None = None,
    theme: look.Theme = "light",
) -> go.Figure:
    """A line a run over its fields to its outcome, coloured by that, the highest on top.

    Runs without the outcome are left out. `names` are those of a hover, by id.
    """
    measured = [(value, row) for row in rows if (value := outcome_of(row, outcome)) is not None]
    measured.sort(key=lambda one: (one[0], one[1].run_id))
    if not measured:
        return look.empty(f"no run has a {OUTCOMES[outcome][0]}", theme)
    values, drawn = [value for value, _ in measured], [row for _, row in measured]
    axes = [
        axis_of(name, field_title(name), [field_value(row, name) for row in drawn])
        for name in fields
    ]
    axes.append(axis_of(outcome, OUTCOMES[outcome][0], values))
    figure = go.Figure()
    colours = field_colours(outcome, values)
    for i, (value, row) in enumerate(measured):
        said = (names or {}).get(row.run_id, row.run_id)
        figure.add_scatter(
            x=list(range(len(axes))), y=[axis.places[i] for axis in axes], mode="lines",
            line={"color": colours.looks[value].fill(0.75), "width": 1.4}, showlegend=False,
            hovertemplate=f"{said}<br>{OUTCOMES[outcome][0]}: {number_words(value, ',.4g')}<extra></extra>",
        )  # fmt: skip
    _draw_axes(figure, axes)
    count = f"n = {len(drawn)} run{'s' * (len(drawn) != 1)}"
    caption = (
        f"{', '.join(axis.title for axis in axes[:-1])} of each run, and its {axes[-1].title}, by which "
        f"it is coloured; {count}. Lines show which settings went together with which outcome, not why."
    )
    return look.finish(
        figure,
        title=title,
        caption=caption,
        theme=theme,
        height=440,
        aspect=0.5,
        span="text",
        rows=12,
    )


def _draw_axes(figure: go.Figure, axes: Sequence[Axis]) -> None:
    last = len(axes) - 1
    letters = max(_LETTERS // len(axes), 6)
    for i, axis in enumerate(axes):
        figure.add_shape(type="line", x0=i, x1=i, y0=0, y1=1, line={"color": look.GREY, "width": 1})
        for place, text in axis.ticks:
            figure.add_annotation(
                x=i, y=place, text=_short(text, letters), xanchor="left", xshift=4, borderpad=0,
                templateitemname=look.ON_LINES, visible=True,
            )  # fmt: skip
        figure.add_annotation(
            x=i, y=1.05, text=_in_lines(axis.title), yanchor="bottom", font={"weight": "bold"}
        )
    figure.update_xaxes(visible=False, range=[-0.4, last + 0.5], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-0.06, 1.22], fixedrange=True)


def _in_lines(title: str) -> str:
    """A long title on two lines."""
    words = title.split(" ")
    if len(title) <= 12 or len(words) == 1:
        return title
    middle = math.ceil(len(words) / 2)
    return f"{' '.join(words[:middle])}<br>{' '.join(words[middle:])}"
