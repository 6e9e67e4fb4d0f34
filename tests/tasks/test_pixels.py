"""`ict.tasks.pixels`: a rule for each mode, our list of formats, the bound on pixels in flight."""

import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ict.errors import InputError
from ict.tasks import pixels
from ict.tasks.decoding import open_rgb
from ict.tasks.pictures import look_at
from ict.tasks.pixels import PixelBudget, to_rgb

RAMP16 = np.arange(65536, dtype=np.uint16).reshape(256, 256)
ROUNDED = np.floor(RAMP16.astype(np.float64) / 257 + 0.5).astype(np.uint8)  # the slow way


def grey(image: Image.Image) -> np.ndarray:
    """The one channel of an RGB image whose channels agree."""
    assert image.mode == "RGB"
    array = np.asarray(image)
    assert (array[..., 0] == array[..., 1]).all()
    assert (array[..., 0] == array[..., 2]).all()
    return array[..., 0]


def noise(mode: str) -> Image.Image:
    rgba = np.random.default_rng(3).integers(0, 256, (9, 7, 4), dtype=np.uint8)
    image = Image.fromarray(rgba)
    if mode == "LAB":
        bands = [image.getchannel(n) for n in range(3)]
        return Image.merge("LAB", bands)
    return image if mode == "RGBA" else image.convert("RGB").convert(mode)


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
        (np.array([[-0.25, 1]], np.float32), "go from -0.25 to 1, and only 0 to 1"),
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


@pytest.mark.parametrize("name", ["EPS", "PDF", "PCX", "ICO", "TGA"])
def test_formats_beyond_the_list_are_refused_and_named(tmp_path, name):
    path = tmp_path / "image.jpg"
    noise("RGB").save(path, format=name)
    with pytest.raises(InputError, match=r"in a form that is read here \(JPEG, PNG.*convert it"):
        open_rgb(path)


@pytest.mark.parametrize("name", ["JPEG", "MPO", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
def test_formats_of_the_list_give_what_pillow_gives(tmp_path, name):
    path = tmp_path / "image"
    noise("RGB").save(path, format=name)
    with Image.open(path) as image:
        assert open_rgb(path).tobytes() == image.convert("RGB").tobytes()


def test_an_error_that_a_decoder_raises_as_its_own_is_a_sentence(tmp_path, monkeypatch):
    """libavif's are RuntimeErrors."""
    noise("RGB").save(tmp_path / "a.png")

    def broken(self):
        raise RuntimeError("Failed to decode image: Missing or empty image item")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile._open", broken)
    with pytest.raises(InputError, match=r"a\.png cannot be decoded as an image: Failed to decode"):
        open_rgb(tmp_path / "a.png")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(path: Path, side: int, rows: bytes, *, colour: int = 0, before: bytes = b"") -> None:
    """A PNG whose header promises side × side values of 8 bits, grey (0) or of a palette (3)."""
    header = struct.pack(">IIBBBBB", side, side, 8, colour, 0, 0, 0)
    data = chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(rows))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b""))


def bomb(path: Path, side: int) -> None:
    """A few hundred bytes."""
    png(path, side, b"\0" * 99)


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


def rgb_of_check(path: Path) -> None:
    """What `ict data check` says of one file, raised where it is no picture."""
    found = look_at(path)
    if isinstance(found, str):
        raise InputError(found)


def test_the_check_refuses_what_a_run_refuses(tmp_path):
    """PIL looks for EXIF by decoding a PNG: that error is the picture's."""
    path = tmp_path / "a.png"
    Image.fromarray(RAMP16).save(path)
    content = bytearray(path.read_bytes())
    content[41] ^= 1  # the first byte of what is compressed
    path.write_bytes(bytes(content))
    for reads in (open_rgb, rgb_of_check):
        with pytest.raises(InputError, match="broken data stream"):
            reads(path)


def test_an_image_of_many_pixels_or_bands_prints_nothing(tmp_path):
    """PIL warns of the one and logs the other, image by image."""
    bomb(tmp_path / "many.png", 10_000)
    Image.new("L", (2, 2)).save(tmp_path / "bands.tif", tiffinfo={277: 13})
    script = (
        "import sys; from pathlib import Path; from ict.tasks.pictures import look_at\n"
        "for name in sys.argv[1:]: assert isinstance(look_at(Path(name)), str)"
    )
    words = [sys.executable, "-c", script, tmp_path / "many.png", tmp_path / "bands.tif"]
    child = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert child.stderr == ""


@pytest.mark.parametrize("limit", [89_478_485, None])
def test_a_decompression_bomb_is_refused_even_where_pillows_limit_is_lifted(
    tmp_path, limit, monkeypatch
):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    bomb(tmp_path / "bomb.png", 20_000)
    with pytest.raises(
        InputError, match=r"bomb\.png .* more than 178,956,970 pixels.*scale it down"
    ):
        open_rgb(tmp_path / "bomb.png")


def test_threads_hold_no_more_pixels_together_than_the_budget():
    budget = PixelBudget(100)
    most, lock = [0], threading.Lock()

    def work(pixels: int) -> None:
        with budget.hold(pixels):
            with lock:
                most[0] = max(most[0], budget.held)
            time.sleep(0.002)

    threads = [threading.Thread(target=work, args=(30 + n % 3,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 60 <= most[0] <= 100
    assert budget.held == 0


def test_an_image_beyond_the_budget_is_held_alone_and_freed_after_an_error():
    budget = PixelBudget(10)
    with pytest.raises(RuntimeError), budget.hold(50):
        raise RuntimeError
    with budget.hold(50):
        waiting = threading.Thread(target=lambda: budget.hold(1).__enter__())
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join(5)
    assert not waiting.is_alive()


def test_loading_holds_the_pixels_of_what_is_being_resized(tmp_path, monkeypatch):
    from ict.data import load_images
    from ict.tasks import load_split
    from tests.vtab_layout import make_task

    make_task(tmp_path / "birds", train=20)
    split = load_split("birds", "train800", root=tmp_path)
    alone = load_images(split, 8, workers=1)
    seen = []

    class Seen(PixelBudget):
        def hold(self, count):
            seen.append(count)
            return super().hold(count)

    tight = Seen(120)  # one image of 12 × 10 at a time
    monkeypatch.setattr(pixels, "BUDGET", tight)
    assert (load_images(split, 8, workers=8) == alone).all()
    assert seen == [120] * 20
    assert tight.held == 0


@pytest.mark.parametrize("mode", Image.MODES)
def test_every_mode_of_this_pillow_has_a_rule(mode):
    image = Image.new(mode, (3, 2))
    if image.palette:
        image.putpalette(b"\0\0\0")
    assert to_rgb(image).mode == "RGB"
