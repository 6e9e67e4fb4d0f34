"""Folders of one class each, below folders of parts (train, val, test) where there are some."""

from collections.abc import Iterator
from pathlib import Path

from ict.errors import InputError, quoted
from ict.tasks.own.images import ENDINGS, PARTS, Image, bounded, images_below, listed
from ict.tasks.places import FOLLOW


def class_images(folder: Path, *, follow: bool) -> list[Image]:
    """The images of DIR/CLASS/… or DIR/PART/CLASS/…; a class is called as its folder.

    Raises InputError for images beside the class folders, whose class nobody knows, and for a class
    without any.
    """
    places = _parts(folder, follow)
    found = bounded(
        image for place, part in places for image in _classes(place, folder, part, follow)
    )
    known = {image.label for image in found}
    for place, _ in places:
        for named in _folders(place, follow):
            if named.name not in known:
                raise InputError(
                    f"{quoted(str(named))} holds no image ({' '.join(sorted(ENDINGS))}); take the folder away, "
                    "or save its images as one of these"
                )
    return found


def has_class_folders(folder: Path) -> bool:
    """Whether anything here could be a class folder."""
    return any(entry.is_dir() for entry in listed(folder))


def _parts(folder: Path, follow: bool) -> list[tuple[Path, str]]:
    """The folders of parts with the parts that they are, `folder` itself where there are none."""
    parts = {path: PARTS.get(path.name.lower()) for path in _folders(folder, follow)}
    if not any(parts.values()):
        return [(folder, "")]
    without = [path.name for path, part in parts.items() if part is None]
    if without:
        raise InputError(
            f"{folder} has folders of parts and, beside them, {quoted(without[0])}; leave train, val "
            "and test alone in it, or link the folder of the classes"
        )
    return [(path, str(part)) for path, part in parts.items()]


def _classes(folder: Path, base: Path, part: str, follow: bool) -> Iterator[Image]:
    for entry in listed(folder):
        if not entry.is_dir() and Path(entry.name).suffix.lower() in ENDINGS:
            raise InputError(
                f"{quoted(entry.path)} lies beside the class folders; put it into one, or link a table "
                "that says its class"
            )
    for path in _folders(folder, follow):
        for image in images_below(path, base, follow=follow):
            yield Image(part, image, path.name)


def _folders(folder: Path, follow: bool) -> list[Path]:
    folders = []
    for entry in listed(folder):
        if entry.is_symlink() and entry.is_dir() and not follow:
            raise InputError(f"{quoted(entry.path)} is a link to a folder; {FOLLOW}")
        if entry.is_dir():
            folders.append(Path(entry.path))
    return folders
