"""Image files as RGB pictures, or why one is none, in a few words."""

import contextlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from ict.errors import InputError
from ict.tasks import pixels
from ict.tasks.places import open_inside

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


@contextlib.contextmanager
def opened_rgb(path: Path, inside: Path | None = None) -> Iterator[Image.Image]:
    """One file as 8-bit RGB, in flight during the block; InputError with its path if that fails.

    It is opened only if it lies in `inside`, a resolved folder.
    """
    with contextlib.ExitStack() as held:
        try:
            file = held.enter_context(open_inside(path, inside))
            picture = pixels.to_rgb(held.enter_context(pixels.opened(file)))
        except UNDECODABLE as error:
            why = reason(path, error)
            raise InputError(f"{printable(path)} cannot be decoded as an image: {why}") from error
        yield picture


def open_rgb(path: Path, inside: Path | None = None) -> Image.Image:
    """Decodes one file to RGB; InputError with its path when that is not possible."""
    with opened_rgb(path, inside) as picture:
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
