"""Images and files of images for tests of what is read, and what the check says of one."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from ict.errors import InputError
from ict.tasks.pictures import look_at

RAMP16 = np.arange(65536, dtype=np.uint16).reshape(256, 256)


def noise(mode: str) -> Image.Image:
    rgba = np.random.default_rng(3).integers(0, 256, (9, 7, 4), dtype=np.uint8)
    image = Image.fromarray(rgba)
    if mode == "LAB":
        bands = [image.getchannel(n) for n in range(3)]
        return Image.merge("LAB", bands)
    return image if mode == "RGBA" else image.convert("RGB").convert(mode)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(path: Path, side: int, rows: bytes, *, colour: int = 0, before: bytes = b"") -> None:
    """A PNG whose header promises side × side values of 8 bits, grey (0) or of a palette (3)."""
    header = struct.pack(">IIBBBBB", side, side, 8, colour, 0, 0, 0)
    data = chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(rows))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b""))


def rgb_of_check(path: Path) -> None:
    """What `ict data check` says of one file, raised where it is no picture."""
    found = look_at(path)
    if isinstance(found, str):
        raise InputError(found)
