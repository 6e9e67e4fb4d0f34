"""The images and labels of the bundled tasks, each computed when it is asked for."""

import functools
import hashlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ict.errors import IctError
from ict.tasks.bundled import (
    BINS,
    DRAWN,
    FAMILIES,
    RENDERED_TEST,
    TRAIN,
    VAL,
    VERSION,
    class_names,
    image_names,
)
from ict.tasks.sprites import SIDE, TURNS, UNIT, Draws, draw
from ict.tasks.task import NOISE, Split

if TYPE_CHECKING:
    from PIL import Image

_DIGITS = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"  # pixels, then labels
_DIGITS_FILE = "datasets/data/digits.csv.gz"
_WHITE = (255, 255, 255)
_SPRITE_SHAPES = ("square", "ellipse", "heart")
_COUNT_SHAPES = ("square", "ellipse", "heart", "circle", "triangle")


def load_split(name: str, split: str) -> Split:
    """The split of a bundled task; `train800val200` is train800, then val200."""
    task = DRAWN[name]
    images = digits(split) if name == "digits" else Rendered(FAMILIES[name], split)
    return Split(
        task=name,
        split=split,
        classes=task.classes,
        labels=images.labels(name),
        paths=None,
        class_names=class_names(name),
        official=True,
        names=image_names(name, split),
        render=images.image,
    )


class _Digits:
    """Some of scikit-learn's digits: grey 8×8, 0 to 16, scaled to 0 to 255."""

    def __init__(self, pixels: np.ndarray, targets: np.ndarray) -> None:
        self._pixels, self._targets = pixels, targets

    def labels(self, _name: str) -> np.ndarray:
        return self._targets

    def image(self, index: int, _side: int | None = None) -> "Image.Image":
        from PIL import Image

        return Image.fromarray(self._pixels[index]).convert("RGB")


@functools.lru_cache(maxsize=3)
def digits(split: str) -> _Digits:
    """Of each class, in a fixed random order, 80 train, the next 20 validate, the rest test.

    Raises IctError if scikit-learn's digits are not those that the task's name stands for.
    """
    rows = _rows_of_digits()
    images, targets = rows[:, :-1].reshape(-1, 8, 8), rows[:, -1]
    content = images.astype(np.uint8).tobytes() + targets.astype(np.uint8).tobytes()
    if hashlib.sha256(content).hexdigest() != _DIGITS:
        raise IctError(
            "the digits of this scikit-learn are not those of 1.x: install another version"
        )
    pixels = ((images * 255 + 8) // 16).astype(np.uint8)
    members: dict[str, list[int]] = {"train800": [], "val200": [], "test": []}
    order = _shuffled(range(len(targets)), "digits")
    for label in range(10):
        of_class = [index for index in order if targets[index] == label]
        members["train800"] += of_class[:80]
        members["val200"] += of_class[80:100]
        members["test"] += of_class[100:]
    ordered = {part: _shuffled(indices, f"digits {part}") for part, indices in members.items()}
    ordered["train800val200"] = ordered["train800"] + ordered["val200"]
    chosen = np.array(ordered[split])
    return _Digits(pixels[chosen], targets[chosen])


def _rows_of_digits() -> np.ndarray:
    """The table that `sklearn.datasets.load_digits` reads, (1797, 65): 64 pixels and a label.

    Read here, because importing scikit-learn takes 2 s, more than a small run's training.
    """
    import gzip

    sklearn = importlib.util.find_spec("sklearn")
    place = Path(sklearn.origin).parent / _DIGITS_FILE if sklearn and sklearn.origin else None
    if place is None or not place.is_file():
        raise IctError(f"scikit-learn's {_DIGITS_FILE} is not there: install scikit-learn anew")
    with gzip.open(place, "rt") as file:
        return np.loadtxt(file, delimiter=",", dtype=np.int64)


def _shuffled(indices: Iterable[int], key: str) -> list[int]:
    draws = Draws(key, VERSION)
    return sorted(indices, key=lambda _: draws.below(1 << 62))


class Rendered:
    """Images of a family, drawn when asked for."""

    def __init__(self, family: str, split: str) -> None:
        self._family = family
        parts = {"train800val200": [("train800", TRAIN), ("val200", VAL)]}
        sizes = {"train800": TRAIN, "val200": VAL, "test": RENDERED_TEST}
        self._keys = [
            (part, index)
            for part, size in parts.get(split) or [(split, sizes[split])]
            for index in range(size)
        ]

    def labels(self, name: str) -> np.ndarray:
        label = _LABELS[name]
        return np.array([label(*key) for key in self._keys], np.int64)

    def image(self, index: int, side: int | None = None) -> "Image.Image":
        from PIL import Image

        if self._family == NOISE:
            return Image.fromarray(_paint_noise(*self._keys[index], side or SIDE))
        paint = _paint_sprite if self._family == "sprites" else _paint_count
        return Image.fromarray(paint(*self._keys[index]))


def sprite_factors(split: str, index: int) -> dict[str, int]:
    """The five factors of dSprites: shape 0-2, scale 0-5, turn 0-39, x 0-31, y 0-31.

    x + y is even in train and val, odd in test: no image is in both.
    """
    draws = Draws("sprites", VERSION, split, index)
    limits = {"shape": 3, "scale": 6, "turn": TURNS, "x": 32}
    factors = {name: draws.below(limit) for name, limit in limits.items()}
    parity = (factors["x"] + (split == "test")) % 2
    return factors | {"y": 2 * draws.below(16) + parity}


def _x_bin(split: str, index: int) -> int:
    return sprite_factors(split, index)["x"] * BINS // 32


def _turn_bin(split: str, index: int) -> int:
    """A square looks the same after a quarter turn, an ellipse after a half: as in dSprites."""
    return sprite_factors(split, index)["turn"] * BINS // TURNS


def _paint_sprite(split: str, index: int) -> np.ndarray:
    """White on black, (64, 64, 3); radius 7.5 to 15 pixels, centre 16 to 48, always inside."""
    factors = sprite_factors(split, index)
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    draw(
        image,
        _SPRITE_SHAPES[factors["shape"]],
        x=16 * UNIT + factors["x"] * 33,
        y=16 * UNIT + factors["y"] * 33,
        radius=(5 + factors["scale"]) * 3 * UNIT // 2,
        turn=factors["turn"],
        colour=_WHITE,
    )
    return image


def _count(split: str, index: int) -> int:
    """Class 0 is one object. The first draw, so that labels need no placing."""
    return Draws("count", VERSION, split, index).below(8)


def _paint_count(split: str, index: int) -> np.ndarray:
    """1 to 8 objects that keep two pixels apart, on a plain ground of another colour."""
    draws = Draws("count", VERSION, split, index)
    objects = draws.below(8) + 1
    ground = _colour(draws)
    image = np.empty((SIDE, SIDE, 3), np.uint8)
    image[:] = ground
    placed: list[tuple[int, int, int]] = []
    for _ in range(objects):
        x, y, radius = _free_place(draws, placed)
        placed.append((x, y, radius))
        draw(
            image,
            _COUNT_SHAPES[draws.below(len(_COUNT_SHAPES))],
            x=x,
            y=y,
            radius=radius,
            turn=draws.below(TURNS),
            colour=_contrasting(draws, ground),
        )
    return image


def _colour(draws: Draws) -> tuple[int, int, int]:
    return draws.below(256), draws.below(256), draws.below(256)


def _contrasting(draws: Draws, ground: tuple[int, int, int]) -> tuple[int, int, int]:
    """A colour at least 160 (of 765) away from the ground, summed over red, green and blue."""
    while True:
        colour = _colour(draws)
        if sum(abs(a - b) for a, b in zip(colour, ground, strict=True)) >= 160:
            return colour


def _free_place(draws: Draws, placed: list[tuple[int, int, int]]) -> tuple[int, int, int]:
    """Centre and radius (5 to 9 pixels, less where it is tight) that overlap nothing placed."""
    radius = (5 + draws.below(5)) * UNIT
    while True:
        for _ in range(30):
            x = radius + draws.below(SIDE * UNIT - 2 * radius)
            y = radius + draws.below(SIDE * UNIT - 2 * radius)
            if all(
                (x - a) ** 2 + (y - b) ** 2 >= (radius + r + 2 * UNIT) ** 2 for a, b, r in placed
            ):
                return x, y, radius
        radius = max(4 * UNIT, radius - UNIT)


def _no_class(_split: str, index: int) -> int:
    """Balanced, and of nothing that is in the image."""
    return index % 10


def _paint_noise(split: str, index: int, side: int) -> np.ndarray:
    """Independent uniform bytes, (side, side, 3); drawn at the side that is asked for, as a resize smooths."""
    key = f"noise/{VERSION}/{split}/{index}/{side}".encode()
    stream = hashlib.shake_256(key).digest(3 * side * side)
    return np.frombuffer(stream, np.uint8).reshape(side, side, 3)


_LABELS = {"sprites_loc": _x_bin, "sprites_ori": _turn_bin, "count": _count, NOISE: _no_class}
