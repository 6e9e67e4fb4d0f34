"""Files of images: our list of formats, broken files, and files that promise too many pixels."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from ict.errors import InputError
from ict.tasks.decoding import open_rgb
from tests.tasks.image_files import RAMP16, noise, png, rgb_of_check


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


def bomb(path: Path, side: int) -> None:
    """A few hundred bytes."""
    png(path, side, b"\0" * 99)


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
