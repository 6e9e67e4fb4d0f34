"""Series that lie on each other: drawn once, under the names of all, so that none is hidden."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SEEN = 0.01
"""The share of an axis, about a line's width, below which two points look like one."""


@dataclass(frozen=True)
class Together:
    """Names of series that lie on each other."""

    names: tuple[str, ...]
    exactly: bool

    @property
    def first(self) -> str:
        return self.names[0]

    @property
    def joint(self) -> str:
        """`class_l2 = l2`, or with ≈ where they differ by less than can be seen."""
        return (" = " if self.exactly else " ≈ ").join(self.names)


def together(series: Mapping[str, np.ndarray], *, within: float) -> list[Together]:
    """Series whose coordinates all agree with those of the first of them, in the order of the first of each.

    `series` are arrays of one column a coordinate, of which the last may differ by `within`, in its unit.
    """
    found: list[list[str]] = []
    for name in series:
        group = next((g for g in found if _alike(series[g[0]], series[name], within)), None)
        if group is None:
            found.append([name])
        else:
            group.append(name)
    return [
        Together(tuple(names), all(_alike(series[names[0]], series[n], 1e-9) for n in names[1:]))
        for names in found
    ]


def _alike(a: np.ndarray, b: np.ndarray, within: float) -> bool:
    one, other = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if one.shape != other.shape or not np.array_equal(one[:, :-1], other[:, :-1]):
        return False
    return bool(np.allclose(one[:, -1], other[:, -1], rtol=0, atol=within, equal_nan=True))


def said(groups: Sequence[Together]) -> str:
    """What a caption adds where series are drawn once that differ by less than can be seen."""
    near = any(len(one.names) > 1 and not one.exactly for one in groups)
    return " ≈ joins lines that lie less than their width apart." if near else ""
