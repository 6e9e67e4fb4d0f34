"""Images keep their values: 16 bits, floats and every mode of 8 bits, and no guess where no rule is."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.promises.image_tasks import check, ict, make_task, pictures, rgb


def assert_grey(task: str, tolerance: int = 0) -> None:
    for got, expected in zip(rgb(task), pictures("train800"), strict=True):
        assert got.shape == (24, 24, 3)
        difference = abs(got.astype(int) - expected[..., None].astype(int)).max()
        assert difference <= tolerance, f"values {got.min()} to {got.max()} instead of a ramp"


WIDE = {
    "png": ("png", lambda grey: grey.astype(np.uint16) * 257),
    "tif": ("tif", lambda grey: grey.astype(np.uint16) * 257),
    "bigendian": ("tif", lambda grey: (grey.astype(np.uint16) * 257).astype(">u2")),
    "pgm": ("pgm", lambda grey: grey.astype(np.uint16) * 257),
    "int32": ("tif", lambda grey: grey.astype(np.int32) * 257),
}


@pytest.mark.promise("16-bit images (I;16 in any byte order, I) are read as value / 257")
@pytest.mark.parametrize("kind", WIDE)
def test_16_bits(root: Path, kind: str) -> None:
    suffix, as_stored = WIDE[kind]
    make_task(root, kind, suffix, as_stored)
    assert_grey(kind)


@pytest.mark.promise("Float images from 0 to 1 are read as value times 255")
def test_float(root: Path) -> None:
    make_task(root, "floats", "tif", lambda grey: (grey / 255).astype(np.float32))
    assert_grey("floats")


@pytest.mark.promise(
    "8-bit images of every mode are read to the bit as PIL's convert('RGB') reads them"
)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"])
def test_8_bits_as_before(root: Path, mode: str) -> None:
    suffix = "tif" if mode in ("CMYK", "YCbCr", "LAB") else "png"

    def as_stored(grey: np.ndarray) -> Image.Image:
        colour = Image.fromarray(np.stack([grey, grey.T, 255 - grey, grey], axis=-1))
        if mode == "LAB":
            return Image.merge("LAB", [colour.getchannel(band) for band in "RGB"])
        return colour if mode == "RGBA" else colour.convert("RGB").convert(mode)

    folder = make_task(root, "eight", suffix, as_stored)
    for number, got in enumerate(rgb("eight")):
        with Image.open(folder / f"images/train800/{number:03d}.{suffix}") as image:
            assert image.mode == mode
            assert (got == np.asarray(image.convert("RGB"))).all()


@pytest.mark.promise("A task of 16-bit images is learned as well as the same task of 8-bit images")
def test_accuracy_of_16_bits(root: Path) -> None:
    """Two ramps that any probe tells apart: 100 % in 8 bits, a coin's toss where all is white."""
    make_task(root, "wide", "png", lambda grey: grey.astype(np.uint16) * 257)
    words = ("--method", "linear", "--set", "precision=fp32", "--wait", "--json")
    assert json.loads(ict("train", "wide", *words).stdout)["test_accuracy"] == 1.0


REFUSED = {
    "a float beyond 1": lambda grey: grey.astype(np.float32),
    "a negative float": lambda grey: grey.astype(np.float32) / 255 - 0.5,
    "NaN": lambda grey: np.where(grey > 200, np.nan, 0.5).astype(np.float32),
    "infinity": lambda grey: np.where(grey > 200, np.inf, 0.5).astype(np.float32),
    "32-bit numbers": lambda grey: grey.astype(np.int32) * 1000,
    "negative numbers": lambda grey: grey.astype(np.int32) - 128,
}


@pytest.mark.promise("An image whose values have no rule is refused with its path and what to do")
@pytest.mark.parametrize("kind", REFUSED)
def test_refused(root: Path, kind: str) -> None:
    folder = make_task(root, "odd", "tif", REFUSED[kind])
    first = str(folder / "images/train800/000.tif")
    code, report, _ = check("odd")
    assert code == 1, "the check calls the folder sound"
    message = report["problems"][0]["message"]
    assert first in message
    assert "save it" in message or "give every pixel" in message
    train = ict("train", "odd", "--method", "linear", "--wait", "--json")
    assert train.returncode == 2
    assert first in json.loads(train.stdout)["error"]
