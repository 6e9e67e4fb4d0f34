"""Drawing in whole numbers: the same bytes on every machine, whatever its maths library.

Lengths are in units of 1/32 pixel. A shape covers a sample point when an inequality between
integers holds; 4 × 4 sample points a pixel give its coverage 0 to 16.
"""

import hashlib
import math
from collections.abc import Callable

import numpy as np

UNIT = 32  # units a pixel
SIDE = 64  # pixels a side
SAMPLES = 4  # sample points a pixel and axis
TURNS = 40  # orientations of a full turn, as in dSprites

_ONE = 1 << 12
# Multiples of 9 degrees scaled by 4096 and rounded lie far from ties: no maths library differs.
_COSINE = [round(_ONE * math.cos(2 * math.pi * turn / TURNS)) for turn in range(TURNS)]
_SINE = [round(_ONE * math.sin(2 * math.pi * turn / TURNS)) for turn in range(TURNS)]


class Draws:
    """Random whole numbers, a pure function of `key` (SHAKE-256, so no library's generator)."""

    def __init__(self, *key: str | int) -> None:
        self._key = "/".join(map(str, key)).encode()
        self._words: list[int] = []
        self._page = 0

    def below(self, limit: int) -> int:
        """The next number in [0, limit)."""
        if not self._words:
            page = hashlib.shake_256(self._key + b"#%d" % self._page).digest(8 * 64)
            self._words = np.frombuffer(page, "<u8").tolist()[::-1]
            self._page += 1
        return (self._words.pop() * limit) >> 64


def _square(u: np.ndarray, v: np.ndarray, radius: int) -> np.ndarray:
    """Square with half a side of 0.7 radius."""
    half = radius * 7 // 10
    return (abs(u) <= half) & (abs(v) <= half)


def _ellipse(u: np.ndarray, v: np.ndarray, radius: int) -> np.ndarray:
    """Ellipse with half axes radius and radius / 2."""
    return u * u + 4 * v * v <= radius * radius


def _circle(u: np.ndarray, v: np.ndarray, radius: int) -> np.ndarray:
    half = radius * 4 // 5
    return u * u + v * v <= half * half


def _triangle(u: np.ndarray, v: np.ndarray, radius: int) -> np.ndarray:
    """Equilateral, its corners on the circle of the radius: 2v ≥ -r, √3|u| + v ≤ r (√3 ≈ 1.73)."""
    return (2 * v >= -radius) & (173 * abs(u) + 100 * v <= 100 * radius)


def _heart(u: np.ndarray, v: np.ndarray, radius: int) -> np.ndarray:
    """(x² + y² - 1)³ ≤ x² y³; x, y in units of 0.7 radius (it reaches 1.42). Fits int64."""
    one = radius * 7 // 10
    x2 = u * u
    ring = x2 + v * v - one * one
    return ring * ring * ring <= x2 * v * v * v * one


SHAPES: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "square": _square,
    "ellipse": _ellipse,
    "heart": _heart,
    "circle": _circle,
    "triangle": _triangle,
}


def draw(
    image: np.ndarray,
    shape: str,
    *,
    x: int,
    y: int,
    radius: int,
    turn: int,
    colour: tuple[int, int, int],
) -> None:
    """Paints `shape` into image (64, 64, 3) uint8 in place: centre, radius in 1/32 pixel."""
    left, right = max(0, (x - radius) // UNIT), min(SIDE, (x + radius) // UNIT + 1)
    top, bottom = max(0, (y - radius) // UNIT), min(SIDE, (y + radius) // UNIT + 1)
    step = UNIT // SAMPLES
    across = np.arange(left * UNIT + step // 2, right * UNIT, step, dtype=np.int64) - x
    down = np.arange(top * UNIT + step // 2, bottom * UNIT, step, dtype=np.int64)[:, None] - y
    cosine, sine = _COSINE[turn], _SINE[turn]
    u = (cosine * across + sine * down) >> 12
    v = (sine * across - cosine * down) >> 12  # v points up
    inside = SHAPES[shape](u, v, radius)
    rows, columns = bottom - top, right - left
    coverage = inside.reshape(rows, SAMPLES, columns, SAMPLES).sum((1, 3))[..., None]
    full = SAMPLES * SAMPLES
    below = image[top:bottom, left:right].astype(np.int64)
    painted = (below * (full - coverage) + np.array(colour) * coverage + full // 2) // full
    image[top:bottom, left:right] = painted.astype(np.uint8)
