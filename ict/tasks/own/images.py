"""Labelled images before they are lists: which part of the data each is of, its file and its class."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ict.errors import InputError, printable, quoted
from ict.tasks.lists import leaves_folder
from ict.tasks.places import FOLLOW, lies_in

MOST_IMAGES = 2_000_000
ENDINGS = frozenset(
    ".jpg .jpeg .jfif .png .bmp .gif .tif .tiff .webp .ppm .pgm .pbm .pnm .jp2 .avif".split()
)
PARTS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "eval": "test",
}  # fmt: skip
"""What the parts of a data set are called → train, val or test."""
_MOST_DEPTH = 12
_WHOLE = re.compile(r"([+-]?[0-9]{1,15})(?:\.0+)?")
_GAPS = frozenset("nan na n/a none null <na>".split())  # as tables write that nothing is known


@dataclass(frozen=True)
class Image:
    """One image: the part that it was given as ("" where there are none), its path relative to the
    images' folder with `/`, the name of its class, and in words which line or row names it."""

    part: str
    path: str
    label: str
    where: str = ""


def images_below(folder: Path, base: Path, *, follow: bool) -> Iterator[str]:
    """Paths relative to `base` of the image files in `folder` and below, in alphabetical order.

    Hidden names and files that no image is called like are left out. Raises InputError for a name that
    no line of a list can hold, for links to folders that are not to be followed, and for too many.
    """
    yield from _below(folder, base, follow, (os.path.realpath(base), os.path.realpath(folder)))


def _below(folder: Path, base: Path, follow: bool, above: tuple[str, ...]) -> Iterator[str]:
    if len(above) > _MOST_DEPTH + 1:
        raise InputError(f"{printable(str(folder))}: folders more than {_MOST_DEPTH} deep")
    for entry in listed(folder):
        if entry.is_dir(follow_symlinks=follow):
            real = os.path.realpath(entry.path)
            if real not in above:  # a link to a folder that it lies in
                yield from _below(Path(entry.path), base, follow, (*above, real))
        elif entry.is_symlink() and entry.is_dir():
            raise InputError(f"{printable(entry.path)} is a link to a folder; {FOLLOW}")
        elif os.path.splitext(entry.name)[1].lower() in ENDINGS:
            yield line_path(os.path.relpath(entry.path, base))


def listed(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder by name, hidden things left out; InputError if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith((".", "__MACOSX"))]
    except OSError as error:
        raise InputError(f"{printable(str(folder))}: {error.strerror or error}") from error
    return sorted(visible, key=lambda entry: entry.name)


def line_path(path: str) -> str:
    """`path` if a line of a list can hold it and it stays in its folder; raises InputError otherwise."""
    if re.search(r"[\n\r\0]", path) or path != path.strip(" \t"):
        raise InputError(
            f"{quoted(path)}: a list cannot hold a name with a line break, or blanks at its ends; "
            "rename it"
        )
    if unsafe := leaves_folder(path):
        raise InputError(f"{quoted(path)} {unsafe}; it is not opened")
    return path


def bounded(images: Iterator[Image]) -> list[Image]:
    """All of `images`; InputError for more than a task may have."""
    kept: list[Image] = []
    for image in images:
        if len(kept) == MOST_IMAGES:
            raise InputError(f"more than {MOST_IMAGES:,} images; link a part of them")
        kept.append(image)
    return kept


def once(images: Sequence[Image]) -> list[Image]:
    """`images` without those that only repeat one. Raises InputError for one of two classes or parts."""
    first: dict[str, Image] = {}
    for image in images:
        known = first.setdefault(os.path.normpath(image.path), image)
        for name, is_now, was in (
            ("class", image.label, known.label),
            ("part", image.part, known.part),
        ):
            if is_now != was:
                raise InputError(
                    f"{image.where or quoted(image.path)}: an image of {name} {quoted(is_now)} that is of {name} "
                    f"{quoted(was)} in {known.where or quoted(known.path)}; keep one"
                )
    return list(first.values())


def plain_labels(images: Sequence[Image]) -> list[Image]:
    """`images` with labels such as 3.0 as 3, where all are whole numbers, as pandas writes them beside gaps.

    Raises InputError for a NaN among numbers.
    """
    whole = [_WHOLE.fullmatch(image.label) for image in images]
    words = [image for image, number in zip(images, whole, strict=True) if number is None]
    gaps = [image for image in words if image.label.lower() in _GAPS]
    if gaps and len(gaps) == len(words) < len(images):
        raise InputError(
            f"{gaps[0].where}: {quoted(gaps[0].label)} is no label, for the others are numbers; take the "
            "image out"
        )
    if words:
        return list(images)
    return [replace(i, label=n[1]) for i, n in zip(images, whole, strict=True) if n is not None]


def common_root(folder: Path, images: Sequence[Image], *, follow: bool) -> Path | None:
    """The resolved folder that holds all files behind links, None where no link leaves `folder`.

    Raises InputError, naming the option, unless links are to be followed; and for files that are no
    regular ones.
    """
    real = os.path.realpath(folder)
    roots: set[str] = set()
    for image in images:
        path = os.path.join(real, image.path)
        if not os.path.isfile(path):
            place = f"{image.where}: " if image.where else ""
            raise InputError(f"{place}{quoted(image.path)} is missing, or no file, in {folder}")
        target = os.path.dirname(os.path.realpath(path))
        roots.add(target)
        if not follow and not lies_in(target, real):
            raise InputError(
                f"{quoted(image.path)} leaves {folder} by a symbolic link to {target}; {FOLLOW}"
            )
    if all(lies_in(target, real) for target in roots):
        return None
    root = os.path.commonpath(roots)
    if root == os.path.sep:
        raise InputError(
            f"the links of {folder} lead to folders that have nothing but / in common; copy the images"
        )
    return Path(root)
