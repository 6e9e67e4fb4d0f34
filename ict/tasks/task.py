"""What a task and a split of it are: the two types that every other room receives."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ict.errors import InputError, quoted
from ict.tasks.places import Place

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

GROUPS = ("bundled", "natural", "specialized", "structured", "other")
OTHERS = "others"
"""Reserved: as a `score_task` it means all tasks but the run's own (`ict.tasks.others`)."""
NOISE = "noise"
"""Reserved: images of noise, which choose channels as a control and are no task to train on."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A named set of images with labels. `sizes` gives the images that each split should have.

    `official` is True when a published number may stand beside a result: all four lists on this
    machine have the catalogue's counts (rendered tasks always have).
    """

    name: str
    title: str
    group: str
    classes: int
    sizes: dict[str, int] = field(hash=False)
    folders: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""
    citation: str = ""
    official: bool = False
    place: Place | None = None
    """Where it lies; None for a rendered task, and for one that is not on this machine."""


@dataclass(frozen=True, eq=False)
class Split:
    """The images of one split in the order of its list, labels (N,) int64, decoded on demand."""

    task: str
    split: str
    classes: int
    labels: "np.ndarray"
    paths: tuple[Path, ...] | None
    notes: tuple[str, ...] = ()
    class_names: tuple[str, ...] | None = None
    official: bool = False
    inside: Path | None = None
    """Resolved: where every file that is opened must lie; anywhere for None."""
    folder: Path | None = None
    """Of the task's images: the digests of its files are kept by it; none are kept for None."""
    names: tuple[str, ...] | None = field(default=None, repr=False)
    """What drawn images are called, version included: two of one name are the same."""
    render: "Callable[[int, int | None], Image.Image] | None" = field(default=None, repr=False)
    """Draws image `index`, at a side in pixels where it has no size of its own."""

    def __len__(self) -> int:
        return len(self.labels)

    def head(self, images: int) -> Self:
        """The first `images` images of this split; all of them when it has fewer."""
        return self.part(0, images)

    def part(self, start: int, stop: int) -> Self:
        """Images `start` to `stop` (excluded), as far as there are any."""
        paths = None if self.paths is None else self.paths[start:stop]
        names = None if self.names is None else self.names[start:stop]
        render = self.render
        shifted = (lambda index, side: render(start + index, side)) if render and start else render
        return replace(
            self, labels=self.labels[start:stop], paths=paths, names=names, render=shifted
        )

    def taken(self, indices: "np.ndarray") -> Self:
        """The images of `indices`, in their order."""
        paths = None if self.paths is None else tuple(self.paths[i] for i in indices)
        names = None if self.names is None else tuple(self.names[i] for i in indices)
        render = self.render
        moved = (lambda index, side: render(int(indices[index]), side)) if render else None
        return replace(self, labels=self.labels[indices], paths=paths, names=names, render=moved)

    def image(self, index: int, side: int | None = None) -> "Image.Image":
        """Image `index` as PIL RGB in its own size, or drawn at `side` pixels where it has none.

        InputError names a file that is no image.
        """
        with self.opened(index, side) as picture:
            return picture

    @contextlib.contextmanager
    def opened(self, index: int, side: int | None = None) -> "Iterator[Image.Image]":
        """Image `index` as `image` gives it, its pixels counted as in flight during the block."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self.task} {self.split} has images 0 to {len(self) - 1}: {index}")
        if self.render is not None:
            yield self.render(index, side)
            return
        assert self.paths is not None
        from ict.tasks.decoding import opened_rgb  # imports PIL

        with opened_rgb(self.paths[index], self.inside) as picture:
            yield picture


def refuse_noise(name: str, what: str = "nothing can be trained on it") -> None:
    """Raises InputError for images of noise, whose classes mean nothing: `what` cannot be done with them."""
    if name == NOISE:
        raise InputError(
            f"task {quoted(NOISE)} has classes without a meaning, so {what}; choose channels on it for "
            f"another task with score_task={NOISE}"
        )
