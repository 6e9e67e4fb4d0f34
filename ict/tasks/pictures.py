"""What `ict data check` tells of a task's images: modes, formats, sizes, and what is done to them.

Nothing here changes how an image is read (`ict.tasks.pixels`): it says what a reader of results
must know and cannot see in the RGB pixels.
"""

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import ExifTags, Image

from ict.tasks import pixels
from ict.tasks.decoding import UNDECODABLE, printable, reason
from ict.tasks.lists import Problem
from ict.tasks.places import open_inside

_DARK = 16  # of 255: the brightest value of 12-bit numbers that were stored as 16-bit ones


@dataclass(frozen=True)
class Picture:
    """One image file that decodes: its content's digest, and what PIL says of it."""

    sha256: str
    format: str
    mode: str
    size: tuple[int, int]
    rotated: bool
    """It carries an EXIF orientation other than upright that is ignored."""
    turned: bool
    """A TIFF with such an orientation: PIL applies it while it decodes."""
    frames: bool
    """It holds more than one picture; the first is read."""
    alpha: bool
    deep: bool
    """Colours of more than 8 bits, of which PIL itself keeps 8."""
    brightest: int
    """Of 255, after the rule of its mode."""

    @classmethod
    def of(cls, image: Image.Image, sha256: str) -> Self:
        """Decodes an open image; raises one of `task.UNDECODABLE`.

        In this order: decoding a TIFF applies its orientation, and that of a PNG is found by
        decoding it, where an error would go unheard.
        """
        turned = image.format == "TIFF" and _is_oriented(image)
        deep = _is_deep(image)
        rgb = pixels.to_rgb(image)
        return cls(
            sha256=sha256,
            format=image.format or "",
            mode=image.mode,
            size=rgb.size,
            rotated=image.format != "TIFF" and _is_oriented(image),
            turned=turned,
            frames=_has_frames(image),
            alpha=image.has_transparency_data,
            deep=deep,
            brightest=int(np.asarray(rgb).max()),
        )


def _is_deep(image: Image.Image) -> bool:
    """Whether more than 8 bits become a mode of 8; asked before the image is decoded."""
    tiles = getattr(image, "tile", ())
    ppm = image.format == "PPM" and any(
        isinstance(tile[3], tuple) and tile[3][1] > 255 for tile in tiles
    )
    return image.mode not in pixels.WIDE and (ppm or ";16" in str(tiles))


def _is_oriented(image: Image.Image) -> bool:
    return _orientation(image) in range(2, 9)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation; 1 (upright) where there is none that can be read."""
    with contextlib.suppress(*UNDECODABLE):
        return int(image.getexif().get(ExifTags.Base.Orientation) or 1)
    return 1


def _has_frames(image: Image.Image) -> bool:
    with contextlib.suppress(*UNDECODABLE):  # a second frame that is broken is never read
        return bool(getattr(image, "is_animated", False))
    return False


def summary(pictures: Iterable[Picture]) -> dict[str, Any]:
    """Counts for the report: by mode, format and size (`width×height`), the most frequent first."""
    pictures = list(pictures)
    return {
        "modes": _counts(p.mode for p in pictures),
        "formats": _counts(p.format for p in pictures),
        "sizes": _counts(f"{p.size[0]}×{p.size[1]}" for p in pictures),
        "exif_rotated": sum(p.rotated for p in pictures),
        "animated": sum(p.frames for p in pictures),
        "alpha": sum(p.alpha for p in pictures),
        "more_than_8_bits": sum(p.mode in pixels.WIDE or p.deep for p in pictures),
    }


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


_NOTES: tuple[tuple[str, Callable[[Picture], bool], str], ...] = (
    (
        "EXIF rotation",
        lambda p: p.rotated,
        "carry an EXIF rotation, which is ignored: they are read as they are stored",
    ),
    (
        "TIFF orientation",
        lambda p: p.turned,
        "are TIFF with an orientation, which PIL applies: they are read upright",
    ),
    ("animation", lambda p: p.frames, "hold more than one frame or page: the first is read"),
    (
        "alpha",
        lambda p: p.alpha,
        "have alpha or a transparent colour, which is dropped: the colours beneath it stay",
    ),
    (
        "16 bits",
        lambda p: p.mode in pixels.WIDE and p.mode != "F",
        "have 16 bits a pixel: value / 257, rounded, so that 65535 is white",
    ),
    (
        "16-bit colour",
        lambda p: p.deep,
        "have more than 8 bits a colour or with alpha, of which PIL keeps the first 8",
    ),
    ("float", lambda p: p.mode == "F", "hold floats: 0 to 1 becomes black to white"),
)


def notes(folder: str, pictures: Mapping[Path, Picture]) -> list[Problem]:
    """One warning for each thing that is done to some images, with the first of them."""
    said = []
    for kind, concerns, consequence in _NOTES:
        paths = [path for path, picture in pictures.items() if concerns(picture)]
        if paths:
            message = (
                f"{_some(len(paths), len(pictures))} {consequence} (first: {printable(paths[0])})"
            )
            said.append(Problem(folder, None, kind, message, "warning"))
    return said + _nearly_black(folder, pictures)


def _nearly_black(folder: str, pictures: Mapping[Path, Picture]) -> list[Problem]:
    """Wide images that use a sixteenth of their range at most: 8 or 12 bits stored as 16."""
    wide = [picture for picture in pictures.values() if picture.mode in pixels.WIDE]
    if not wide or max(picture.brightest for picture in wide) > _DARK:
        return []
    message = (
        f"none of the {len(wide)} images of more than 8 bits is brighter than {_DARK} of 255: if their "
        "values are 8 or 12 bits stored as 16, scale them to the full range"
    )
    return [Problem(folder, None, "nearly black", message, "warning")]


def _some(count: int, total: int) -> str:
    return f"all {total} images" if count == total else f"{count} of {total} images"


def said(report: Mapping[str, Any]) -> list[str]:
    """Modes, formats and sizes as lines of text; what is done to the images are the warnings."""
    if not report["images_decoded"]:
        return []
    kinds = "; ".join(
        f"{name} {', '.join(f'{value} {count}' for value, count in report[name].items())}"
        for name in ("modes", "formats")
    )
    return [kinds, _said_sizes(report["sizes"])]


def _said_sizes(sizes: Mapping[str, int]) -> str:
    if len(sizes) <= 4:
        return "sizes " + ", ".join(f"{size} {count}" for size, count in sizes.items())
    common, count = next(iter(sizes.items()))
    sides = [tuple(map(int, size.split("×"))) for size in sizes]
    widths, heights = zip(*sides, strict=True)
    return (
        f"{len(sizes)} sizes, most often {common} ({count}); "
        f"widths {min(widths)} to {max(widths)}, heights {min(heights)} to {max(heights)}"
    )


def look_at(path: Path, inside: Path | None = None) -> Picture | str:
    """What the file holds, or why it cannot be decoded. It must lie in `inside`, a resolved folder."""
    try:
        with open_inside(path, inside) as file:
            with pixels.opened(file):  # what is no image is not read to its end
                file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            with pixels.opened(file) as image:
                return Picture.of(image, digest)
    except UNDECODABLE as error:
        return reason(path, error)
