"""How curves are looked at: along what, smoothed how, within which limits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from ict.documents.bounded import number
from ict.documents.number_words import number_words
from ict.errors import InputError, quoted

Along = Literal["epoch", "step", "time"]
ALONG: Final[tuple[str, ...]] = get_args(Along)
X_TITLES: Final = {"epoch": "epoch", "step": "optimiser step", "time": "training time (s)"}
KNOWN: Final = {"epoch": "", "step": " at a known step", "time": " at a known time"}
"""What a metric has to be written with."""
Limits = tuple[float | None, float | None]


@dataclass(frozen=True, kw_only=True)
class CurveView:
    """What is chosen of a figure of curves besides its metric and its runs."""

    x: Along = "epoch"
    log: bool = False
    """Whether y is logarithmic; learning rates always are."""
    smooth: float = 0.0
    """Below 1: the weight of what was before; from 1 on: the mean of so many last epochs."""
    xlim: Limits = (None, None)
    ylim: Limits = (None, None)
    """In the units of the axes; None: as far as the data."""

    @property
    def smooths(self) -> bool:
        return self.smooth > 0 and self.smooth != 1


def limits(text: str | None, axis: str) -> Limits:
    """`0:10`, `:10` or `5:` as the ends of an axis; open ones are None.

    Raises InputError for anything else, and for ends in the wrong order.
    """
    if not text or not text.strip():
        return None, None
    low, colon, high = text.partition(":")
    ends = tuple(number(end.strip()) if end.strip() else None for end in (low, high))
    odd = any(end.strip() and value is None for end, value in zip((low, high), ends, strict=True))
    if not colon or odd:
        raise InputError(f"{axis} limits {quoted(text)}: write LOW:HIGH, :HIGH or LOW:")
    if None not in ends and not ends[0] < ends[1]:  # type: ignore[operator]
        raise InputError(f"{axis} limits {quoted(text)}: the first is not below the second")
    return ends[0], ends[1]


def axis_range(ends: Limits, *, log: bool) -> list[float | None] | None:
    """A range as Plotly takes it: exponents on a logarithmic axis, which has no end at or below 0."""
    if log:
        ends = (_exponent(ends[0]), _exponent(ends[1]))
    return None if ends == (None, None) else list(ends)


def _exponent(end: float | None) -> float | None:
    return math.log10(end) if end is not None and end > 0 else None


def smoothed_values(values: Sequence[float | None] | np.ndarray, smooth: float) -> np.ndarray:
    """`values` (E,) smoothed along epochs; NaN where nothing was measured, which changes nothing after it.

    `smooth` = w below 1 is the exponential moving average s ← w s + (1 − w) y from s = 0, divided by
    1 − w^n after n values, so that it has no pull to 0 (Kingma and Ba 2015, section 3; TensorBoard and
    W&B draw the same). From 1 on it is the mean of so many last epochs.
    """
    raw = np.array([np.nan if value is None else value for value in values], dtype=float)
    if smooth >= 1:
        return _last_means(raw, int(smooth))
    result, state, weight = raw.copy(), 0.0, 1.0
    for i in np.flatnonzero(np.isfinite(raw)):
        state = smooth * state + (1 - smooth) * raw[i]
        weight *= smooth
        result[i] = state / (1 - weight)
    return result


def _last_means(raw: np.ndarray, epochs: int) -> np.ndarray:
    result = raw.copy()
    for i in range(len(raw)):
        window = raw[max(0, i + 1 - epochs) : i + 1]
        if np.isfinite(window).any():
            result[i] = window[np.isfinite(window)].mean()
    return result


def smoothing_words(smooth: float) -> str:
    """How a caption says it; nothing without smoothing."""
    if smooth >= 1:
        return f", mean of the last {number_words(smooth)}" if smooth > 1 else ""
    return (
        f", exponential moving average of weight {number_words(smooth)} without bias"
        if smooth
        else ""
    )
