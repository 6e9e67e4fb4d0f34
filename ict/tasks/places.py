"""Where a task lies: its lists, its images, and the folder that every file that is opened must lie in."""

import io
import os
from dataclasses import dataclass
from pathlib import Path

from ict.errors import InputError
from ict.files import open_regular

FOLLOW = "if its links are meant, `ict data link NAME DIR --follow-links`"


@dataclass(frozen=True)
class Place:
    """A task's images, and its lists and info.json: the same folder unless it was linked otherwise.

    `inside` is resolved: where links may lead. The folder of the images itself for None.
    """

    images: Path
    lists: Path
    inside: Path | None = None

    def list_of(self, split: str) -> Path:
        return self.lists / f"{split}.txt"

    @property
    def root(self) -> Path:
        """The resolved folder in which every image must lie."""
        return Path(os.path.realpath(self.images)) if self.inside is None else self.inside


def place_of(folder: Path | Place) -> Place:
    """A folder of the VTAB-1K layout as a place: lists and images in it, no link out of it followed."""
    return folder if isinstance(folder, Place) else Place(folder, folder)


def lies_in(real: str | Path, root: str | Path) -> bool:
    """Whether a resolved path is `root` or below it."""
    return os.path.commonpath([root, real]) == str(root)


def open_inside(path: Path | str, root: Path | None) -> io.BufferedReader:
    """The regular file `path`, opened, if what was opened lies in the resolved `root` (None: anywhere).

    Looked at after it was opened: a link that was changed since its list was read leads nowhere else.
    Raises OSError, and InputError, which names no path.
    """
    descriptor = open_regular(path)
    try:
        if root is not None and not lies_in(_opened(descriptor, path), root):
            raise InputError(f"it leads out of {root} by a symbolic link; {FOLLOW}")
        return open(path, "rb", opener=lambda *_: descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def _opened(descriptor: int, path: Path | str) -> str:
    """Where the file behind a descriptor lies."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:  # no /proc
        return os.path.realpath(path)
