import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from ict.data import (
    ImageSet,
    StreamedSet,
    batches,
    load_images,
    load_set,
    normalise,
    open_set,
)
from ict.errors import InputError
from ict.tasks import load_split
from ict.training.augment import randaugment
from tests.vtab_layout import make_task, write_image

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ICT_VTAB_ROOT", str(tmp_path))
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "store"))
    return make_task(tmp_path / "birds", train=9, classes=3)


def random_set(n: int = 23, size: int = 6) -> ImageSet:
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=rng)
    return ImageSet(images, torch.arange(n), n)


def test_images_are_pillows_bicubic_resize_in_the_lists_order(folder):
    split = load_split("birds", "train800")
    images = load_images(split, 32, workers=3)
    assert (images.dtype, images.shape) == (torch.uint8, (9, 3, 32, 32))
    for path, image in zip(split.paths, images, strict=True):
        picture = Image.open(path).convert("RGB").resize((32, 32), Image.Resampling.BICUBIC)
        assert (image.numpy() == np.asarray(picture).transpose(2, 0, 1)).all()


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "LA", "1", "CMYK"])
def test_every_mode_becomes_rgb(folder, mode):
    split = load_split("birds", "test")
    path = split.paths[0]
    name = "TIFF" if mode == "CMYK" else "PNG"
    Image.open(path).convert("RGB").convert(mode).save(path, format=name)
    expected = np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1)
    assert (load_images(load_split("birds", "test").head(1), 10).shape) == (1, 3, 10, 10)
    assert (np.asarray(split.image(0)).transpose(2, 0, 1) == expected).all()


def test_no_resize_when_the_size_is_right(folder):
    write_image(folder / "images/test/000000.jpg", seed=1, size=(16, 16))
    split = load_split("birds", "test")
    expected = np.asarray(split.image(0)).transpose(2, 0, 1)
    assert (load_images(split.head(1), 16)[0].numpy() == expected).all()


@pytest.mark.parametrize("workers", [1, 4])
def test_progress_counts_every_image(workers):
    calls: list[tuple[int, int]] = []
    load_images(
        load_split("count", "val200"), 64, workers=workers, progress=lambda *c: calls.append(c)
    )
    assert calls == [(done, 200) for done in range(1, 201)]


@pytest.mark.parametrize("content", [b"", b"not an image", None])
def test_an_undecodable_image_is_named(folder, content):
    path = folder / "images/train800/000004.jpg"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(InputError) as caught:
        load_images(load_split("birds", "train800"), 32)
    assert str(caught.value).startswith(f"{path} cannot be decoded as an image: ")


def test_an_image_that_vanished_is_named(folder):
    split = load_split("birds", "train800")
    split.paths[2].unlink()
    with pytest.raises(InputError, match=r"000002\.jpg cannot be decoded.*no such file"):
        load_images(split, 32)


def test_load_set_limits_and_keeps_labels():
    imageset = load_set(load_split("digits", "train800"), 32, limit=10)
    assert (len(imageset), imageset.images.shape[0], imageset.classes) == (10, 10, 10)
    assert imageset.labels.tolist() == load_split("digits", "train800").labels[:10].tolist()


def test_rendered_and_digit_images_reach_the_tensor():
    split = load_split("sprites_loc", "val200").head(3)
    images = load_images(split, 64)
    assert (images[1].numpy() == np.asarray(split.image(1)).transpose(2, 0, 1)).all()
    digits = load_images(load_split("digits", "val200").head(2), 64)
    assert (digits[:, 0] == digits[:, 2]).all()


def test_normalise_is_the_formula():
    images = random_set().images
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, 3, 1, 1) for v in (MEAN, STD))
    expected = (images.double() / 255 - mean) / std
    got = normalise(images, MEAN, STD, torch.float32)
    assert got.dtype == torch.float32
    assert (got - expected).abs().max() < 1e-6
    half = normalise(images, MEAN, STD, torch.bfloat16)
    assert torch.equal(half, got.bfloat16())


def test_normalise_leaves_float_images_alone():
    images = random_set().images.float()
    before = images.clone()
    normalise(images, MEAN, STD, torch.float32)
    assert torch.equal(images, before)


def collect(imageset, **options):
    pairs = list(batches(imageset, 5, mean=MEAN, std=STD, **options))
    return (
        [len(y) for _, y in pairs],
        torch.cat([x for x, _ in pairs]),
        torch.cat([y for _, y in pairs]),
    )


def test_batches_in_order_without_a_generator():
    imageset = random_set()
    sizes, images, labels = collect(imageset)
    assert sizes == [5, 5, 5, 5, 3]
    assert torch.equal(labels, imageset.labels)
    assert torch.equal(images, normalise(imageset.images, MEAN, STD, torch.float32))


def test_batches_shuffled_are_a_permutation_that_the_generator_repeats():
    imageset = random_set()
    runs = [collect(imageset, generator=torch.Generator().manual_seed(s)) for s in (3, 3, 4)]
    (_, images, labels), (_, _, again), (_, _, other) = runs
    assert torch.equal(labels, again)
    assert not torch.equal(labels, other)
    assert labels.sort().values.tolist() == list(range(23))
    expected = normalise(imageset.images[labels], MEAN, STD, torch.float32)
    assert torch.equal(images, expected)


def test_one_generator_gives_other_orders_epoch_by_epoch():
    generator = torch.Generator().manual_seed(0)
    first, second = (collect(random_set(), generator=generator)[2] for _ in range(2))
    assert not torch.equal(first, second)


def test_drop_last_drops_the_incomplete_batch_only():
    assert collect(random_set(), drop_last=True)[0] == [5, 5, 5, 5]
    assert collect(random_set(25), drop_last=True)[0] == [5] * 5


def test_augment_gets_bytes_and_the_generator():
    imageset = random_set(10)
    seen = []

    def invert(images, generator):
        seen.append((images.dtype, generator))
        return 255 - images

    generator = torch.Generator().manual_seed(1)
    _, images, labels = collect(imageset, generator=generator, augment=invert)
    assert seen == [(torch.uint8, generator)] * 2
    expected = normalise(255 - imageset.images[labels], MEAN, STD, torch.float32)
    assert torch.equal(images, expected)


def test_randaugment_serves_as_augment():
    generator = torch.Generator().manual_seed(1)
    _, images, _ = collect(random_set(10), generator=generator, augment=randaugment)
    assert images.isfinite().all()


def test_augment_without_a_generator_is_refused():
    with pytest.raises(ValueError, match="needs a generator"):
        collect(random_set(), augment=randaugment)


@pytest.mark.parametrize("task", ["digits", "birds"])
@pytest.mark.parametrize("drop_last", [True, False])
def test_a_streamed_set_gives_the_batches_of_the_kept_one(folder, task, drop_last, monkeypatch):
    split = load_split(task, "train800").head(53)
    kept = open_set(split, 16)
    streamed = open_set(split, 16, keep_bytes=0)
    assert isinstance(kept, ImageSet)
    assert isinstance(streamed, StreamedSet)
    monkeypatch.setattr("ict.data._PART_BYTES", 3 * 16 * 16 * 10)  # two batches of 5 a part
    for ours, theirs in zip(
        collect(streamed, drop_last=drop_last), collect(kept, drop_last=drop_last), strict=True
    ):
        assert torch.equal(torch.as_tensor(ours), torch.as_tensor(theirs))
    assert torch.equal(streamed.labels, kept.labels)
    assert (len(streamed), streamed.classes, streamed.device) == (
        len(kept),
        kept.classes,
        kept.device,
    )


def test_a_streamed_set_decodes_one_part_ahead_and_no_more(monkeypatch):
    streamed = open_set(load_split("digits", "val200"), 16, keep_bytes=0)
    loaded = []
    original = load_images
    monkeypatch.setattr(
        "ict.data.load_images", lambda s, size: loaded.append(len(s)) or original(s, size)
    )
    parts = streamed.parts(50)
    next(parts)
    parts.close()
    assert loaded == [50, 50]
    assert [len(part) for part in streamed.parts(60)] == [60, 60, 60, 20]


def test_a_streamed_set_names_an_undecodable_image_and_refuses_to_shuffle(folder):
    (folder / "images/train800/000007.jpg").write_bytes(b"x")
    streamed = open_set(load_split("birds", "train800"), 16, keep_bytes=0)
    with pytest.raises(InputError, match=r"000007\.jpg cannot be decoded"):
        collect(streamed)
    with pytest.raises(ValueError, match="comes in order"):
        collect(streamed, generator=torch.Generator())


@pytest.mark.parametrize("task", ["count", "digits", "sprites_ori"])
def test_a_part_of_a_part_has_the_right_images(task):
    split = load_split(task, "train800val200")
    part = split.part(700, 900).part(95, 105)
    assert part.labels.tolist() == split.labels[795:805].tolist()
    assert part.image(9).tobytes() == split.image(804).tobytes()


def test_to_moves_both_tensors():
    moved = random_set().to("meta")
    assert (moved.images.device.type, moved.labels.device.type) == ("meta", "meta")


def test_data_imports_neither_streamlit_nor_plotly():
    code = (
        "import sys, ict.data, ict.training.augment;"
        "print([m for m in ('streamlit', 'plotly') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
