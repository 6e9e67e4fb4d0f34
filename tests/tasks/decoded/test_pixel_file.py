"""A file of a decoded set is used only if it is what was written, by this user."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from ict.tasks import load_split
from ict.tasks.decoded.decode import decode
from ict.tasks.decoded.pixel_file import Description, PixelWriter, open_pixels
from ict.tasks.decoded.sets import checked, fill, mapped
from tests.tasks.decoded.birds import SIZE, files, read


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def grow(path: Path) -> None:
    os.truncate(path, path.stat().st_size + 1)


def flip(place: int):
    def change(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)

    return change


def another_set(path: Path) -> None:
    """The sound file of other images under this name."""
    about = Description("f" * 40, "birds", "train800", 9, SIZE)
    with PixelWriter.open(path.parent, about) as writer:
        writer.add(np.zeros(about.shape, np.uint8))
        writer.finish()
        writer.path.rename(path)


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def unkeyed(path: Path) -> None:
    """A header with a right digest that says nonsense."""
    content = path.read_bytes()
    rest = json.dumps({"images": 10**30, "size": "big"}).encode().ljust(4096 - 40)
    path.write_bytes(content[:8] + hashlib.sha256(rest).digest() + rest + content[4096:])


ODD = {
    "cut": cut,
    "grown": grow,
    "empty": lambda path: os.truncate(path, 0),
    "zeros": zeros,
    "magic": flip(0),
    "header": flip(60),
    "header's end": flip(4095),
    "first pixel": flip(4096),
    "last pixel": flip(4096 + 9 * 3 * SIZE**2 - 1),
    "first check": flip(-36),
    "last check": flip(-1),
    "another set": another_set,
    "nonsense": unkeyed,
}


@pytest.mark.parametrize("odd", ODD)
def test_a_file_that_is_not_what_was_written_is_not_used_and_replaced(task, odd):
    read()
    (path,) = files()
    ODD[odd](path)
    tally = read()
    assert (tally.decoded, tally.cached, tally.notes) == (9, 0, [])
    assert read().cached == 9


@pytest.mark.parametrize("odd", ["first pixel", "last pixel"])
def test_a_large_set_is_checked_part_by_part(task, odd):
    split = load_split("birds", "train800")
    pixels = fill(split, SIZE)
    ODD[odd](pixels.path)
    again, bad = mapped(split, SIZE), 0 if odd == "first pixel" else 8
    assert (checked(again, 1, 8) == decode(split.part(1, 8), SIZE)).all()
    assert checked(again, bad, bad + 1) is None
    assert mapped(split, SIZE) is None  # it was removed


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_used(task, mode):
    read()
    files()[0].chmod(mode)
    assert read().decoded == 9
    assert read().cached == 9


@pytest.mark.parametrize("kind", ["link", "FIFO", "folder"])
def test_what_is_no_file_of_ours_is_not_used(task, tmp_path, kind):
    read()
    (path,) = files()
    path.rename(tmp_path / "moved")
    if kind == "link":
        path.symlink_to(tmp_path / "moved")
    else:
        (os.mkfifo if kind == "FIFO" else os.mkdir)(path)
    assert read().decoded == 9


def test_a_file_of_another_user_is_not_used(task, another_user):
    read()
    os.chown(files()[0], another_user, another_user)
    assert read().decoded == 9
    assert read().cached == 9  # in the user's own folder it could be replaced


def test_a_writer_needs_all_its_images(tmp_path):
    about = Description("a" * 40, "birds", "test", 3, 4)
    with PixelWriter.open(tmp_path, about) as writer:
        writer.add(np.zeros((2, 3, 4, 4), np.uint8))
        with pytest.raises(ValueError, match="2 of 3 images"):
            writer.finish()
    assert list(tmp_path.iterdir()) == []


def test_images_of_any_layout_are_written_in_order(tmp_path):
    about = Description("a" * 40, "birds", "test", 3, 4)
    images = np.arange(3 * 4 * 4 * 3, dtype=np.uint8).reshape(3, 4, 4, 3).transpose(0, 3, 1, 2)
    with PixelWriter.open(tmp_path, about) as writer:
        writer.add(images[:1])
        writer.add(images[1:])
        writer.finish()
    found = open_pixels(writer.path, about.key)
    assert found.about == about
    assert (found.part(0, 3) == images).all()
