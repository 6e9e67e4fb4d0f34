"""The check of a task tells how its images are read, and what of them is dropped."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.promises.image_tasks import GREY, check, make_task, rgb


@pytest.mark.promise("The check tells modes, formats and sizes")
def test_check_tells_modes_and_sizes(root: Path) -> None:
    folder = make_task(root, "birds")
    Image.fromarray(GREY[:20]).convert("RGB").save(folder / "images/test/000.png", format="JPEG")
    _, report, text = check("birds")
    assert report.get("modes") == {"L": 39, "RGB": 1}, "the check does not tell"
    assert report.get("formats") == {"PNG": 39, "JPEG": 1}, "the check does not tell"
    assert report.get("sizes") == {"24×24": 39, "24×20": 1}, "the check does not tell"
    assert "L 39, RGB 1" in text
    assert "24×24 39, 24×20 1" in text


@pytest.mark.promise("The check says that an EXIF rotation is ignored, and it is")
def test_check_tells_rotation(root: Path) -> None:
    folder = make_task(root, "birds")
    path = folder / "images/train800/003.png"
    before = rgb("birds")[3]
    turned = Image.Exif()
    turned[0x0112] = 6
    with Image.open(path) as image:
        image.load()
    image.save(path, exif=turned)
    code, report, text = check("birds")
    assert code == 0
    assert report.get("exif_rotated") == 1, "the check does not tell"
    assert "1 of 40 images carry an EXIF rotation, which is ignored" in text
    assert str(path) in text
    assert (rgb("birds")[3] == before).all()


@pytest.mark.promise("The check says that of an animation the first frame is read, and it is")
@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "TIFF"])
def test_check_tells_animation(root: Path, name: str) -> None:
    folder = make_task(root, "birds")
    path = folder / "images/train800/000.png"
    frames = [Image.fromarray(np.full((24, 24), v, np.uint8)).convert("RGB") for v in (10, 200)]
    frames[0].save(path, format=name, save_all=True, append_images=frames[1:], lossless=True)
    code, report, text = check("birds")
    assert code == 0
    assert report.get("animated") == 1, "the check does not tell"
    assert "more than one frame or page: the first is read" in text
    assert (rgb("birds")[0] == 10).all()


@pytest.mark.promise("The check says that alpha is dropped, and the colours beneath it stay")
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_check_tells_alpha(root: Path, mode: str) -> None:
    folder = make_task(root, "birds")
    path = folder / "images/train800/000.png"
    colour = Image.fromarray(GREY).convert("RGB")
    if mode == "P":
        colour.convert("P").save(path, transparency=0)
    else:
        colour.convert(mode).save(path)
        clear = colour.convert(mode)
        clear.putalpha(0)
        clear.save(path)
    code, report, text = check("birds")
    assert code == 0
    assert report.get("alpha") == 1, "the check does not tell"
    assert "transparent colour, which is dropped: the colours beneath it stay" in text
    with Image.open(path) as image:
        assert (rgb("birds")[0] == np.asarray(image.convert("RGB"))).all()


@pytest.mark.promise("The check says how 16-bit images are read, and warns of 12 bits stored as 16")
def test_check_tells_16_bits(root: Path) -> None:
    make_task(root, "dark", "png", lambda grey: grey.astype(np.uint16) * 16)
    code, report, text = check("dark")
    assert code == 0
    assert report.get("more_than_8_bits") == 40, "the check does not tell"
    assert "value / 257, rounded" in text
    assert "8 or 12 bits stored as 16" in text
