"""`ict.tasks.pictures`: what is told of one image file."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ict.tasks.pictures import Picture, look_at

WIDE = np.arange(12, dtype=">u2").reshape(2, 2, 3) * 5000


def picture(path: Path) -> Picture:
    found = look_at(path)
    assert isinstance(found, Picture), found
    return found


def png16(path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    rows = b"".join(b"\0" + row.tobytes() for row in WIDE)
    header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def ppm16(path: Path) -> None:
    path.write_bytes(b"P6 2 2 65535\n" + WIDE.tobytes())


@pytest.mark.parametrize("write", [png16, ppm16])
def test_colours_of_16_bits_are_told(tmp_path, write):
    write(tmp_path / "deep")
    found = picture(tmp_path / "deep")
    assert (found.mode, found.deep) == ("RGB", True)


@pytest.mark.parametrize("name", ["PNG", "PPM", "TIFF", "BMP", "JPEG"])
def test_colours_of_8_bits_are_not(tmp_path, name):
    Image.fromarray((WIDE >> 8).astype(np.uint8)).save(tmp_path / "plain", format=name)
    assert not picture(tmp_path / "plain").deep


@pytest.mark.parametrize(
    ("name", "rotated", "turned"),
    [("JPEG", True, False), ("PNG", True, False), ("WEBP", True, False), ("TIFF", False, True)],
)
def test_an_orientation_is_told_and_applied_to_tiff_alone(tmp_path, name, rotated, turned):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 4)).save(tmp_path / "a", format=name, exif=exif)
    found = picture(tmp_path / "a")
    assert (found.rotated, found.turned) == (rotated, turned)
    assert found.size == ((4, 8) if turned else (8, 4))


def test_a_file_that_is_no_image_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "hole"
    path.write_bytes(b"[")
    os.truncate(path, 1 << 40)
    assert "is no image in a form that is read here" in str(look_at(path))
