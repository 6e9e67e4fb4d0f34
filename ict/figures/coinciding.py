"""Series that lie on each other: drawn once, under the names of all, so that none is hidden."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

_DIGITS = 9
"""Coordinates that agree to so many digits after the point are one place."""


def together(series: Mapping[str, np.ndarray]) -> list[tuple[str, ...]]:
    """The names of series whose coordinates are all the same, in the order of the first of each."""
    found: dict[Hashable, list[str]] = {}
    for name, values in series.items():
        rounded = np.round(np.asarray(values, dtype=float), _DIGITS) + 0.0  # −0 is 0
        found.setdefault((rounded.shape, rounded.tobytes()), []).append(name)
    return [tuple(names) for names in found.values()]


def joint(names: Sequence[str]) -> str:
    """`class_l2 = l2`: what a legend calls series that lie on each other."""
    return " = ".join(names)
