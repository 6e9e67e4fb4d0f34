"""What a task and a split of it are: the two types that every other room receives."""

import contextlib
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from ict.errors import InputError
from ict.tasks import pixels

SPLITS = ("train800", "val200", "train800val200", "test")
GROUPS = ("bundled", "natural", "specialized", "structured", "other")

# What PIL's decoders raise on files that are truncated, empty, or no image at all.
UNDECODABLE = (
    OSError,
    ImportError,
    MemoryError,
    RuntimeError,
    ArithmeticError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


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
    sizes: dict[str, int]
    folders: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""
    citation: str = ""
    official: bool = False


@dataclass(frozen=True, eq=False)
class Split:
    """The images of one split in the order of its list, labels (N,) int64, decoded on demand."""

    task: str
    split: str
    classes: int
    labels: np.ndarray
    paths: tuple[Path, ...] | None
    notes: tuple[str, ...] = ()
    class_names: tuple[str, ...] | None = None
    official: bool = False
    render: Callable[[int], Image.Image] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def head(self, images: int) -> Self:
        """The first `images` images of this split; all of them when it has fewer."""
        return self.part(0, images)

    def part(self, start: int, stop: int) -> Self:
        """Images `start` to `stop` (excluded), as far as there are any."""
        paths = None if self.paths is None else self.paths[start:stop]
        render = self.render
        shifted = (lambda index: render(start + index)) if render and start else render
        return replace(self, labels=self.labels[start:stop], paths=paths, render=shifted)

    def taken(self, indices: np.ndarray) -> Self:
        """The images of `indices`, in their order."""
        paths = None if self.paths is None else tuple(self.paths[i] for i in indices)
        render = self.render
        moved = (lambda index: render(int(indices[index]))) if render else None
        return replace(self, labels=self.labels[indices], paths=paths, render=moved)

    def image(self, index: int) -> Image.Image:
        """Image `index` as PIL RGB in its own size; InputError names a file that is no image."""
        with self.opened(index) as picture:
            return picture

    @contextlib.contextmanager
    def opened(self, index: int) -> Iterator[Image.Image]:
        """Image `index` as `image` gives it, its pixels counted as in flight during the block."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self.task} {self.split} has images 0 to {len(self) - 1}: {index}")
        if self.render is not None:
            yield self.render(index)
            return
        assert self.paths is not None
        with opened_rgb(self.paths[index]) as picture:
            yield picture


@contextlib.contextmanager
def opened_rgb(path: Path) -> Iterator[Image.Image]:
    """One file as 8-bit RGB, in flight during the block; InputError with its path if that fails."""
    with contextlib.ExitStack() as held:
        try:
            picture = pixels.to_rgb(held.enter_context(pixels.opened(path)))
        except UNDECODABLE as error:
            why = reason(path, error)
            raise InputError(f"{printable(path)} cannot be decoded as an image: {why}") from error
        yield picture


def open_rgb(path: Path) -> Image.Image:
    """Decodes one file to RGB; InputError with its path when that is not possible."""
    with opened_rgb(path) as picture:
        return picture


def printable(path: Path) -> str:
    """`path` as text for messages; bytes that are no UTF-8 are escaped."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def reason(path: Path, error: Exception) -> str:
    """Why `path` could not be decoded, in a few words."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "it may not be read"
    if path.is_file() and path.stat().st_size == 0:
        return "the file is empty"
    if isinstance(error, Image.UnidentifiedImageError):
        formats = ", ".join(pixels.FORMATS)
        return f"its content is no image in a form that is read here ({formats}); convert it to PNG"
    if isinstance(error, Image.DecompressionBombError):
        most = f"{pixels.MOST_PIXELS:,}"
        return f"it has more than {most} pixels, as a decompression bomb has; scale it down"
    if isinstance(error, MemoryError):
        return "the memory does not suffice for its pixels; scale it down"
    return " ".join(str(error).split()) or type(error).__name__
