"""Which of the ticks that a figure sets itself are drawn: those whose words do not meet."""

import math
from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from ict.documents.number_words import number_words

NARROWEST_PX: Final = {"column": 250, "text": 460}
"""Of the axes, in a column of a page or of a paper."""
LETTER_PX: Final = 6.2  # about as wide as a letter of a tick


def thin_ticks(figure: go.Figure, width_px: float) -> None:
    """Of named ticks along x those alone whose labels do not meet; the first and the last stay.

    The one rule for ticks that a figure sets itself; Plotly thins its own.
    """
    for axis in figure.select_xaxes():
        values = list(axis.tickvals if axis.tickvals is not None else ())
        if len(values) < 3:
            continue
        words = list(axis.ticktext if axis.ticktext is not None else map(number_words, values))
        low, high = axis.domain or (0, 1)
        kept = apart(values, words, width_px * (high - low), log=axis.type == "log")
        axis.tickvals = [values[i] for i in kept]
        axis.ticktext = [words[i] for i in kept]


def apart(
    values: Sequence[float], words: Sequence[str], width_px: float, *, log: bool = False
) -> list[int]:
    """Places of ticks, ascending, whose words stand apart on an axis that is `width_px` wide."""
    at = [math.log10(value) if log else float(value) for value in values]
    scale = width_px / ((max(at) - min(at)) or 1.0)
    half = [LETTER_PX * (len(str(word)) + 1) / 2 for word in words]
    order = sorted(range(len(at)), key=at.__getitem__)
    last, kept = order[-1], [order[0]]
    for i in order[1:-1]:
        if all(scale * abs(at[i] - at[j]) >= half[i] + half[j] for j in (kept[-1], last)):
            kept.append(i)
    return [*kept, last]
