"""Image files as 8-bit RGB: our list of formats, one rule for each of PIL's modes, a bound on memory.

| mode | rule |
|---|---|
| 1, L, LA, P, PA, RGB, RGBA, RGBX, CMYK, YCbCr, LAB, HSV | PIL's `convert("RGB")`; alpha is dropped |
| La, RGBa (alpha multiplied in) | divided by alpha, then as above |
| I;16 in any byte order, I | 16 bits: value / 257, rounded (65535 is white); 12-bit TIFF by 4095 |
| F | 0 to 1 by 255, rounded |

What has no rule (a float outside 0 to 1, a whole number beyond 16 bits or, of 8 bits, with a sign, an
index without a colour) is refused: a guess per image would give images of one data set different scales.
"""

import contextlib
import functools
import io
import logging
import threading
import warnings
from collections.abc import Iterator
from typing import IO

import numpy as np
from PIL import Image

from ict.documents.number_words import range_words

# No format that starts another program (EPS: Ghostscript), holds no pixels (PDF, WMF), or that PIL
# guesses without a signature (TGA). A Multi-Picture Object opens as JPEG.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")
MOST_PIXELS = 178_956_970  # of one image: PIL's own limit, which others in the process may lift
_SURE_PIXELS = 1 << 24  # fewer do no harm, however small their file
_MOST_OF_A_BYTE = 9_000  # deflate, the best of common ones, makes 8,256 black pixels of one byte
MOST_IN_FLIGHT = 1 << 27  # of all threads together; a pixel costs 8 to 15 bytes while it is decoded

_BLOCK_BYTES = 1 << 26  # PIL's 16 MiB stay with each thread that freed them: 2 GiB on 16 threads

_PLAIN = "1 L LA P PA RGB RGBA RGBa RGBX CMYK YCbCr LAB HSV".split()
_WHOLE = "I;16 I;16L I;16B I;16N I".split()
WIDE = (*_WHOLE, "F")  # modes of more than 8 bits a value
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
_SIGNED = 2


class PixelBudget:
    """At most `most` pixels held at once by all threads; a larger image is held alone."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0
        self._freed = threading.Condition()

    @contextlib.contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Waits until `pixels` more fit, and holds them for the block."""
        with self._freed:
            self._freed.wait_for(lambda: self.held == 0 or self.held + pixels <= self.most)
            self.held += pixels
        try:
            yield
        finally:
            with self._freed:
                self.held -= pixels
                self._freed.notify_all()


BUDGET = PixelBudget(MOST_IN_FLIGHT)  # of this process: memory is one, whoever decodes


@functools.cache
def known_formats() -> tuple[str, ...]:
    """Those of FORMATS that this PIL can read, made ready."""
    Image.init()
    Image.core.set_block_size(_BLOCK_BYTES)  # larger ones go back to the system at once
    # What PIL warns of and logs on stderr, image by image, is said once by what is refused here.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    return tuple(name for name in FORMATS if name in Image.OPEN)


@contextlib.contextmanager
def opened(source: IO[bytes]) -> Iterator[Image.Image]:
    """The image file, unread yet, with room for its pixels held until the end of the block.

    Raises one of `task.UNDECODABLE`. Never hold one image inside another's block.
    """
    with Image.open(source, formats=known_formats()) as image:
        pixels = image.width * image.height
        if pixels > MOST_PIXELS:
            raise Image.DecompressionBombError(f"{pixels} pixels")
        if pixels > _SURE_PIXELS and pixels > _MOST_OF_A_BYTE * (size := _size_of(source)):
            raise ValueError(
                f"it promises {pixels:,} pixels in {size:,} bytes, as a decompression bomb does; save it anew"
            )
        with BUDGET.hold(pixels):
            yield image


def _size_of(file: IO[bytes]) -> int:
    """Bytes of an open file."""
    here = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(here)
    return size


def to_rgb(image: Image.Image) -> Image.Image:
    """`image` as RGB of 8 bits, by the rule of its mode; ValueError says why there is none."""
    if image.mode in _PLAIN:
        _check_signs(image)
        _check_palette(image)
        return image.convert("RGB")
    if image.mode == "La":
        return image.convert("LA").convert("RGB")
    if image.mode not in WIDE:
        raise ValueError(f"its mode {image.mode!r} has no rule; save it as 8-bit RGB")
    image.load()
    tags = getattr(image, "tag_v2", {})
    if tags.get(_PHOTOMETRIC) == 0:
        raise ValueError("more than 8 bits with 0 for white have no rule; save it with 0 for black")
    top = 4095 if tags.get(_BITS) == (12,) else 65535
    values = np.asarray(image)
    grey = _unit_to_bytes(values) if image.mode == "F" else _whole_to_bytes(values, top)
    return Image.fromarray(grey).convert("RGB")


def _check_signs(image: Image.Image) -> None:
    """ValueError for 8 bits with a sign, which PIL reads without: -1 would be white."""
    if _SIGNED in getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT, ()):
        raise ValueError("its 8 bits have a sign, for which there is no rule; save it without")


def _check_palette(image: Image.Image) -> None:
    """ValueError for an index to which the palette gives no colour, which PIL reads as black."""
    if image.mode not in ("P", "PA"):
        return
    image.load()
    colours = len(image.getpalette() or ()) // 3
    used = [index for index, count in enumerate(image.histogram()[:256]) if count]
    clear = image.info.get("transparency")  # of a GIF: an index that often has none
    odd = [index for index in used if index >= colours and index != clear]
    if odd:
        raise ValueError(
            f"its pixels use colour {odd[-1]} of a palette of {colours}; save it as 8-bit RGB"
        )


def _whole_to_bytes(values: np.ndarray, top: int) -> np.ndarray:
    """Values 0 to `top` as 0 to 255, rounded; ValueError for any other value."""
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > top:
        raise ValueError(
            f"its values go from {low} to {high}, and only 0 to {top} have a rule; "
            "scale them to 16 bits, or save it with 8 bits"
        )
    return _bytes_by_value(top)[values]


@functools.lru_cache(maxsize=64)
def _bytes_by_value(top: int) -> np.ndarray:
    return ((np.arange(top + 1) * 510 + top) // (2 * top)).astype(np.uint8)


def _unit_to_bytes(values: np.ndarray) -> np.ndarray:
    """Values 0 to 1 as 0 to 255, rounded; ValueError for any other value."""
    if not np.isfinite(values).all():
        raise ValueError("it holds NaN or infinity; give every pixel a value from 0 to 1")
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        span = range_words(low, high, ".6g")
        raise ValueError(
            f"its float values go from {span}, and only 0 to 1 have a rule; "
            "scale them, or save it with 8 or 16 bits"
        )
    return np.rint(values * 255).astype(np.uint8)
