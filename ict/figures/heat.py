"""Values as colours of the sequential scale, for pictures that are no Plotly figure."""

import functools

import numpy as np
from plotly.colors import get_colorscale, unlabel_rgb

from ict.figures.theme import COLORSCALE


def coloured(shares: np.ndarray) -> np.ndarray:
    """Colours (…, 3) uint8 of values from 0, the dark end of the scale, to 1."""
    ends, colours = _scale()
    channels = [np.interp(shares, ends, colours[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


@functools.cache
def _scale() -> tuple[np.ndarray, np.ndarray]:
    """Places (n,) from 0 to 1, and the colours (n, 3) there."""
    scale = get_colorscale(COLORSCALE)
    colours = [_rgb(colour) for _, colour in scale]
    return np.array([place for place, _ in scale]), np.array(colours, dtype=float)


def _rgb(colour: str) -> tuple[float, ...]:
    if colour.startswith("#"):
        return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return tuple(unlabel_rgb(colour))
