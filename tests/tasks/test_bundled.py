import hashlib
import subprocess
import sys

import numpy as np
import pytest

from ict.tasks import SPLITS, bundled, drawn, fingerprint, get_task, load_split
from ict.tasks.sprites import SIDE, UNIT, Draws, draw

RENDERED = ("sprites_loc", "sprites_ori", "count")


def digest(name: str, split: str, images: int = 20) -> str:
    part = load_split(name, split)
    pixels = b"".join(part.image(index).tobytes() for index in range(images))
    return hashlib.sha256(pixels + part.labels.astype("<i8").tobytes()).hexdigest()[:16]


# The same bytes on every machine: change these only together with bundled.VERSION.
COMMITTED = {
    ("digits", "train800"): "6e8bd5ee77b78709",
    ("digits", "test"): "3f42c9860ea646f7",
    ("sprites_loc", "train800"): "2d46d62defb23d7d",
    ("sprites_ori", "test"): "58d99271121e0f41",
    ("count", "val200"): "bb70363330bca6e8",
}


@pytest.mark.parametrize(("name", "split"), COMMITTED)
def test_bytes_are_the_committed_ones(name, split):
    assert digest(name, split) == COMMITTED[name, split]


@pytest.mark.parametrize("name", bundled.TASKS)
@pytest.mark.parametrize("split", SPLITS)
def test_sizes_and_label_range(name, split):
    task, part = get_task(name), load_split(name, split)
    assert len(part) == task.sizes[split]
    assert set(part.labels) == set(range(task.classes))
    assert part.official
    assert part.notes == ()


@pytest.mark.parametrize("name", bundled.TASKS)
def test_train800val200_is_train_then_val(name):
    train, val, both = (load_split(name, s) for s in ("train800", "val200", "train800val200"))
    assert both.labels.tolist() == [*train.labels, *val.labels]
    assert both.image(799).tobytes() == train.image(799).tobytes()
    assert both.image(800).tobytes() == val.image(0).tobytes()


def test_sprite_tasks_share_images_and_differ_in_labels():
    loc, ori = (load_split(name, "test") for name in ("sprites_loc", "sprites_ori"))
    assert all(loc.image(i).tobytes() == ori.image(i).tobytes() for i in range(50))
    assert (loc.labels != ori.labels).any()


@pytest.mark.parametrize("name", RENDERED)
def test_no_image_is_in_train_and_test(name):
    train, test = (load_split(name, split) for split in ("train800val200", "test"))
    seen = {train.image(index).tobytes() for index in range(1000)}
    assert not seen & {test.image(index).tobytes() for index in range(1000)}


def test_digits_are_scikit_learns_each_once_and_stratified():
    from sklearn.datasets import load_digits

    whole = load_digits()
    parts = [load_split("digits", split) for split in ("train800", "val200", "test")]
    counts = [np.bincount(part.labels).tolist() for part in parts]
    assert counts[:2] == [[80] * 10, [20] * 10]
    ours = sorted(p.image(i).getdata(0)[k] for p in parts for i in range(len(p)) for k in (20, 35))
    theirs = sorted(int(v * 255 + 8) // 16 for image in whole.images for v in image.flat[[20, 35]])
    assert ours == theirs
    picture = parts[0].image(0)
    assert (picture.mode, picture.size) == ("RGB", (8, 8))


def test_sprite_x_bin_is_where_the_ink_is():
    """Centre of gravity of square and ellipse = 16 + (33/32) x pixels, within a sample."""
    part = load_split("sprites_loc", "train800")
    for index in range(60):
        factors = drawn.sprite_factors("train800", index)
        assert part.labels[index] == factors["x"] // 2
        if factors["shape"] != 2:
            ink = np.asarray(part.image(index))[..., 0].astype(float)
            centre = (ink.sum(0) * (np.arange(SIDE) + 0.5)).sum() / ink.sum()
            assert centre == pytest.approx(16 + factors["x"] * 33 / 32, abs=0.1)


def test_count_labels_are_the_number_of_objects():
    """Connected regions that differ from the ground; objects keep two pixels apart."""
    from scipy.ndimage import label

    part = load_split("count", "val200")
    for index in range(100):
        pixels = np.asarray(part.image(index)).astype(int)
        corners = [tuple(pixels[y, x]) for y in (0, -1) for x in (0, -1)]
        ground = max(corners, key=corners.count)
        _, regions = label(abs(pixels - ground).sum(-1) > 0, structure=np.ones((3, 3)))
        assert regions == part.labels[index] + 1


def ink(shape: str, *, radius: int, turn: int = 0, x: int = 32 * UNIT, y: int = 32 * UNIT):
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    draw(image, shape, x=x, y=y, radius=radius, turn=turn, colour=(255, 255, 255))
    return image[..., 0]


@pytest.mark.parametrize(
    ("shape", "area"),
    [("circle", np.pi * 0.64), ("square", 1.96), ("ellipse", np.pi / 2), ("triangle", 1.299)],
)
def test_areas_by_hand(shape, area):
    assert ink(shape, radius=15 * UNIT).sum() / 255 == pytest.approx(225 * area, rel=0.02)


@pytest.mark.parametrize("shape", ["square", "ellipse", "heart", "circle", "triangle"])
def test_quarter_turn_rotates_the_pixels(shape):
    upright, turned = ink(shape, radius=14 * UNIT), ink(shape, radius=14 * UNIT, turn=10)
    assert (np.rot90(upright, k=1) == turned).all() or (np.rot90(upright, k=-1) == turned).all()


@pytest.mark.parametrize("shape", ["square", "ellipse", "heart", "circle", "triangle"])
@pytest.mark.parametrize("turn", [0, 3, 13, 39])
def test_a_shape_stays_within_its_radius(shape, turn):
    rows, columns = np.nonzero(ink(shape, radius=12 * UNIT, turn=turn))
    assert np.hypot(rows + 0.5 - 32, columns + 0.5 - 32).max() < 12.8


def test_draws_depend_on_the_whole_key_and_stay_below():
    assert [Draws("a", 1).below(1000) for _ in range(2)] == [Draws("a", 1).below(1000)] * 2
    first = [Draws("count", 1, "test", index).below(1 << 60) for index in range(500)]
    assert len(set(first)) == 500
    draws = Draws("x")
    assert {draws.below(3) for _ in range(300)} == {0, 1, 2}


def test_image_index_outside_is_refused():
    part = load_split("digits", "val200")
    with pytest.raises(IndexError, match="0 to 199: 200"):
        part.image(200)


def test_head_keeps_the_first():
    part = load_split("count", "test")
    head = part.head(7)
    assert len(head) == 7
    assert head.labels.tolist() == part.labels[:7].tolist()
    assert head.image(6).tobytes() == part.image(6).tobytes()


def test_fingerprint_names_task_and_version():
    assert fingerprint("digits") == f"bundled:digits@{bundled.VERSION}"


def test_tasks_import_neither_torch_nor_sklearn():
    code = "import sys, ict.tasks; print([m for m in ('torch', 'sklearn') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
