"""`ict.tasks.pixels.to_rgb`: a rule for each mode and depth, and a sentence for what has none."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ict.errors import InputError
from ict.tasks.decoding import open_rgb
from ict.tasks.pixels import to_rgb
from tests.tasks.image_files import RAMP16, chunk, noise, png, rgb_of_check

ROUNDED = np.floor(RAMP16.astype(np.float64) / 257 + 0.5).astype(np.uint8)  # the slow way


def grey(image: Image.Image) -> np.ndarray:
    """The one channel of an RGB image whose channels agree."""
    assert image.mode == "RGB"
    array = np.asarray(image)
    assert (array[..., 0] == array[..., 1]).all()
    assert (array[..., 0] == array[..., 2]).all()
    return array[..., 0]


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"]
)
def test_eight_bits_are_pillows_conversion_to_the_bit(mode):
    image = noise(mode)
    assert image.mode == mode
    assert to_rgb(image).tobytes() == image.convert("RGB").tobytes()


def test_a_palette_with_a_transparent_colour_keeps_the_colour(tmp_path):
    image = noise("P")
    image.save(tmp_path / "a.png", transparency=image.getpixel((0, 0)))
    with Image.open(tmp_path / "a.png") as back:
        assert back.has_transparency_data
    assert open_rgb(tmp_path / "a.png").tobytes() == image.convert("RGB").tobytes()


def test_premultiplied_alpha_is_divided_out():
    straight = Image.fromarray(np.array([[[200, 255], [90, 255]]], np.uint8), "LA")
    assert to_rgb(straight.convert("La")).tobytes() == straight.convert("RGB").tobytes()


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.png", "I;16"), ("a.tif", "I;16"), ("b.tif", "I;16B"), ("a.pgm", "I"), ("c.tif", "I")],
)
def test_sixteen_bits_by_257_rounded(tmp_path, name, mode):
    path = tmp_path / name
    Image.fromarray(RAMP16.astype({"I;16B": ">u2"}.get(mode, "<u2"))).save(path)
    if name == "c.tif":
        Image.fromarray(RAMP16.astype(np.int32)).save(path)
    with Image.open(path) as image:
        assert image.mode == mode
    got = grey(open_rgb(path))
    assert (got == ROUNDED).all()
    assert (got[0, 0], got[-1, -1], got[1, 1]) == (0, 255, 1)


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I;16N", "I"])
def test_every_byte_order_in_memory(mode):
    image = Image.new(mode, (4, 3), 0)
    for x in range(4):
        image.putpixel((x, 0), 257 * 50 * x)
    assert grey(to_rgb(image))[0].tolist() == [0, 50, 100, 150]


def test_sixteen_bits_undo_the_widening_of_eight():
    eight = np.arange(256, dtype=np.uint16)[None]
    assert grey(to_rgb(Image.fromarray(eight * 257))).tolist() == eight.tolist()


def tiff12(path: Path, values: list[int]) -> None:
    """A one-row TIFF of 12 bits a pixel, two pixels in three bytes."""
    packed = b"".join(
        bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255])
        for a, b in zip(values[::2], values[1::2], strict=True)
    )
    tags = [(256, len(values)), (257, 1), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1)]
    tags += [(278, 1), (279, len(packed))]
    body = packed + b"\0" * (len(packed) % 2)
    entries = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    head = b"II*\0" + struct.pack("<I", 8 + len(body))
    path.write_bytes(head + body + struct.pack("<H", len(tags)) + entries + b"\0" * 4)


def test_twelve_bits_by_4095(tmp_path):
    tiff12(tmp_path / "a.tif", [0, 4095, 2048, 16])
    assert grey(open_rgb(tmp_path / "a.tif")).tolist() == [[0, 255, 128, 1]]


@pytest.mark.parametrize("dtype", ["<f4", ">f4"])
def test_floats_from_0_to_1_by_255(tmp_path, dtype):
    values = np.linspace(0, 1, 511, dtype=np.float32)[None]
    Image.fromarray(values.astype(dtype).astype(np.float32)).save(tmp_path / "a.tif")
    expected = np.rint(values.astype(np.float64) * 255)
    got = grey(open_rgb(tmp_path / "a.tif")).astype(int)
    assert (abs(values * 255 - got) <= 0.5 + 1e-4).all()
    assert (got[0, ::2] == expected[0, ::2]).all()


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([[0.0, 1.5]], np.float32), "go from 0 to 1.5, and only 0 to 1"),
        (np.array([[-0.25, 1]], np.float32), "go from −0.25 to 1, and only 0 to 1"),
        (np.array([[0, 200]], np.float32), "go from 0 to 200, and only 0 to 1"),
        (np.array([[0, np.nan]], np.float32), "NaN or infinity"),
        (np.array([[0, np.inf]], np.float32), "NaN or infinity"),
        (np.array([[0, 65536]], np.int32), "go from 0 to 65536, and only 0 to 65535"),
        (np.array([[-1, 7]], np.int32), "go from -1 to 7, and only 0 to 65535"),
    ],
)
def test_what_has_no_rule_is_refused_with_its_path(tmp_path, array, said):
    path = tmp_path / "odd.tif"
    Image.fromarray(array).save(path)
    with pytest.raises(InputError) as caught:
        open_rgb(path)
    assert str(caught.value).startswith(f"{path} cannot be decoded as an image: ")
    assert said in str(caught.value)
    assert "save it" in str(caught.value) or "give every" in str(caught.value)


def test_wide_values_with_0_for_white_are_refused(tmp_path):
    path = tmp_path / "inverted.tif"
    Image.fromarray(RAMP16[:4]).save(path, tiffinfo={262: 0})
    content = bytearray(path.read_bytes())
    at = content.index(struct.pack("<HHI", 262, 3, 1))
    content[at + 8 : at + 10] = b"\0\0"
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="0 for white have no rule"):
        open_rgb(path)


@pytest.mark.parametrize("colours", [0, 3])
def test_an_index_without_a_colour_is_refused(tmp_path, colours):
    """PIL reads it as black."""
    palette = chunk(b"PLTE", bytes(range(3 * colours))) if colours else b""
    png(tmp_path / "a.png", 2, b"\0\1\2\0\3\1", colour=3, before=palette)
    said = f"its pixels use colour 3 of a palette of {colours}; save it as 8-bit RGB"
    with pytest.raises(InputError, match=said):
        open_rgb(tmp_path / "a.png")
    with pytest.raises(InputError, match=said):
        rgb_of_check(tmp_path / "a.png")


def test_a_palette_with_a_colour_for_each_index_is_read(tmp_path):
    palette = chunk(b"PLTE", bytes(range(9)))
    png(tmp_path / "a.png", 2, b"\0\1\2\0\0\1", colour=3, before=palette)
    got = np.asarray(open_rgb(tmp_path / "a.png"))
    assert got.tolist() == [[[3, 4, 5], [6, 7, 8]], [[0, 1, 2], [3, 4, 5]]]


def test_a_clear_index_needs_no_colour(tmp_path):
    """GIFs mark clear pixels by an index beyond their palette."""
    image = Image.fromarray(np.array([[0, 1, 7]], np.uint8), "P")
    image.putpalette(bytes(range(9)))
    image.info["transparency"] = 7
    assert np.asarray(to_rgb(image))[0, :2].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_eight_bits_with_a_sign_are_refused(tmp_path):
    """PIL reads -1 as 255."""
    Image.new("L", (2, 2)).save(tmp_path / "a.tif", tiffinfo={339: 2})
    with pytest.raises(InputError, match=r"a\.tif .*its 8 bits have a sign"):
        open_rgb(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", Image.MODES)
def test_every_mode_of_this_pillow_has_a_rule(mode):
    image = Image.new(mode, (3, 2))
    if image.palette:
        image.putpalette(b"\0\0\0")
    assert to_rgb(image).mode == "RGB"


def test_a_few_bytes_that_promise_many_pixels_are_refused_at_once(tmp_path):
    """A TIFF whose header says 16 million rows of 7, and which holds 9 of them."""
    path = tmp_path / "bomb.tif"
    Image.fromarray(np.zeros((9, 7), np.uint8)).save(path)
    content = path.read_bytes()
    rows = struct.pack("<HHII", 257, 4, 1, 9)  # the entry of ImageLength
    assert content.count(rows) == 1
    path.write_bytes(content.replace(rows, struct.pack("<HHII", 257, 4, 1, 16_000_000)))
    with pytest.raises(InputError, match=r"promises 112,000,000 pixels in \d+ bytes, as a decomp"):
        open_rgb(path)
