"""Decoded sets from the cache: the same bytes, counted, of the images as they are now."""

import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ict.errors import InputError
from ict.tasks import load_split
from ict.tasks.decoded import cache, keys
from ict.tasks.decoded.decode import decode
from ict.tasks.decoded.sets import fill, mapped, read_set
from ict.tasks.decoded.tally import Tally
from ict.tasks.limits import limited
from tests.tasks.image_files import RAMP16, noise
from tests.vtab_layout import set_line, write_image


def read(split, size: int = 16) -> tuple[np.ndarray, int, int]:
    """The images, and how many were decoded and how many came from the cache."""
    tally = Tally()
    images = read_set(split, size, tally=tally)
    assert (tally.notes, tally.left_out) == ([], [])
    return images, tally.decoded, tally.cached


def folder() -> list[Path]:
    return sorted(cache.folder().iterdir())


def test_the_second_time_nothing_is_decoded(task, monkeypatch):
    split = load_split("birds", "train800")
    first, *counts = read(split)
    assert counts == [9, 0]
    monkeypatch.setattr("ict.tasks.decoding.opened_rgb", None)  # no file is opened as an image
    again, *counts = read(load_split("birds", "train800"))
    assert counts == [0, 9]
    monkeypatch.undo()
    assert (again == first).all()
    assert (first == decode(split, 16)).all()
    assert (again.dtype, again.shape) == (np.uint8, (9, 3, 16, 16))


def save_odd(path: Path) -> list[str]:
    """One image of every mode and depth that has a rule; their names."""
    modes = {"1": "png", "L": "jpg", "LA": "png", "P": "gif", "RGB": "jpg", "RGBA": "webp"}
    modes |= {"CMYK": "jpg", "YCbCr": "tif", "LAB": "tif"}
    for mode, ending in modes.items():
        noise(mode).save(path / f"{mode}.{ending}")
    Image.fromarray(RAMP16).save(path / "16.png")
    Image.fromarray(RAMP16.astype("<f4") / 65535).save(path / "F.tif")
    Image.fromarray(RAMP16.astype(np.int32)).save(path / "I.tif")
    return [f"{mode}.{ending}" for mode, ending in modes.items()] + ["16.png", "F.tif", "I.tif"]


@pytest.mark.parametrize("size", [7, 16, 33])
def test_every_mode_and_depth_to_the_bit(task, size):
    names = save_odd(task / "images")
    (task / "test.txt").write_text("".join(f"images/{name} 0\n" for name in names))
    split = load_split("birds", "test")
    expected = np.stack(
        [
            np.asarray(split.image(i).resize((size, size), Image.Resampling.BICUBIC))
            for i in range(len(names))
        ]
    ).transpose(0, 3, 1, 2)
    for counts in ([12, 0], [0, 12]):
        images, *found = read(split, size)
        assert found == counts
        assert (images == expected).all()


@pytest.mark.parametrize("name", ["digits", "sprites_loc", "noise"])
def test_bundled_tasks_too(name):
    split = load_split(name, "val200").head(6)
    (first, *one), (again, *two) = read(split), read(split)
    assert (one, two) == ([6, 0], [0, 6])
    assert (first == again).all()
    assert read(load_split(name, "test").head(6))[1:] == (6, 0)


def test_two_tasks_of_one_family_share_their_images():
    read(load_split("sprites_loc", "val200").head(5))
    assert read(load_split("sprites_ori", "val200").head(5))[1:] == (0, 5)


def test_another_size_order_or_choice_is_another_set(task):
    split = load_split("birds", "train800")
    assert read(split)[1] == 9
    assert read(split, 17)[1] == 9
    turned, some = split.taken(np.arange(9)[::-1]), limited(split, 4, "stratified")
    (images, *counts), (few, *fewer) = read(turned), read(some)
    assert (counts, fewer) == ([9, 0], [4, 0])
    assert (images == read(split)[0][::-1]).all()
    assert (few == decode(some, 16)).all()


def test_a_changed_image_of_the_same_size_and_time_is_noticed(task):
    split = load_split("birds", "train800")
    read(split)
    path = split.paths[4]
    before, content = path.stat(), bytearray(path.read_bytes())
    content[-20] ^= 3
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    images, *counts = read(split)
    assert counts == [9, 0]
    assert (images == decode(split, 16)).all()
    assert read(split)[1:] == (0, 9)


def test_a_renamed_image_is_the_same(task):
    split = load_split("birds", "test")
    read(split)
    split.paths[1].rename(task / "images/other.jpg")
    set_line(task / "test.txt", 2, "images/other.jpg 1")
    assert read(load_split("birds", "test"))[1:] == (0, 3)


@pytest.mark.parametrize("fills", [read_set, fill])
def test_an_image_that_changes_while_it_is_decoded_is_not_kept(task, monkeypatch, fills):
    split = load_split("birds", "test")
    real = decode

    def slow(part, size, **more):
        images = real(part, size, **more)
        write_image(split.paths[2], seed=77)
        return images

    monkeypatch.setattr("ict.tasks.decoded.sets.decode", slow)
    fills(split, 16)
    assert folder() == []
    monkeypatch.undo()
    assert (read(split)[0] == decode(split, 16)).all()


@pytest.mark.parametrize("about", ["RULE", "Pillow", "machine"])
def test_what_decodes_is_part_of_the_key(task, monkeypatch, about):
    split = load_split("birds", "test")
    read(split)
    if about == "RULE":
        monkeypatch.setattr(keys, "RULE", "another")
    if about == "Pillow":
        monkeypatch.setattr("PIL.features.version", lambda name: "99")
    if about == "machine":
        monkeypatch.setattr("platform.machine", lambda: "abacus")
    keys.decoder.cache_clear()
    try:
        assert read(split)[1:] == (3, 0)
    finally:
        keys.decoder.cache_clear()


def test_an_undecodable_image_is_named_and_nothing_is_kept(task):
    split = load_split("birds", "train800")
    split.paths[5].write_bytes(b"no image")
    for reads in (read_set, fill):
        with pytest.raises(InputError, match=r"000005\.jpg cannot be decoded as an image"):
            reads(split, 16)
    assert folder() == [] if cache.folder().exists() else True


def test_a_missing_image_is_named_as_without_a_cache(task):
    split = load_split("birds", "train800")
    split.paths[5].unlink()
    with pytest.raises(InputError, match=r"000005\.jpg cannot be decoded .* there is no such file"):
        read_set(split, 16)


def test_images_without_digests_are_decoded_each_time(task):
    split = replace(load_split("birds", "test"), folder=None)
    assert read(split)[1:] == read(split)[1:] == (3, 0)
    assert not cache.folder().exists()


def test_a_large_set_is_filled_part_by_part(task, monkeypatch):
    monkeypatch.setattr("ict.tasks.decoded.decode.PART_BYTES", 3 * 16 * 16 * 2)
    split, tally, told = load_split("birds", "train800"), Tally(), []
    pixels = fill(split, 16, progress=lambda *c: told.append(c), tally=tally)
    assert told == [(done, 9) for done in range(1, 10)]
    assert (tally.decoded, tally.cached) == (9, 0)
    assert (pixels.part(0, 9) == decode(split, 16)).all()
    assert (mapped(split, 16).part(3, 5) == decode(split.part(3, 5), 16)).all()
    fill(split, 16, tally=tally)
    assert (tally.decoded, tally.cached) == (9, 9)


def test_the_folder_and_its_files_are_private(task):
    old = os.umask(0)
    try:
        read(load_split("birds", "test"))
    finally:
        os.umask(old)
    assert stat.S_IMODE(cache.folder().stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder()] == [0o600]


def test_what_is_mapped_stays_when_the_cache_is_deleted_and_no_write_reaches_it(task):
    split = load_split("birds", "train800")
    read(split)
    images, expected = read(split)[0], decode(split, 16)
    images[0] = 0
    assert (read(split)[0] == expected).all()
    shutil.rmtree(cache.folder())
    assert (images[1:] == expected[1:]).all()


def test_photographs_the_second_time(real_images):
    split = load_split("caltech101", "train800").head(30)
    (first, *one), (again, *two) = read(split, 224), read(split, 224)
    assert (one, two) == ([30, 0], [0, 30])
    assert (first == again).all()
