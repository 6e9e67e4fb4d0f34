import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import auto_augment as timm_augment

from ict.training.augment import (
    BLENDS,
    GEOMETRIC,
    OPERATIONS,
    TABLES,
    augment_once,
    randaugment,
)


def photographs(n: int, size: tuple[int, int] = (40, 56), seed: int = 0) -> torch.Tensor:
    """Smooth random images with structure in every channel, (n, 3, H, W) uint8."""
    rng = np.random.default_rng(seed)
    H, W = size
    images = []
    for _ in range(n):
        coarse = rng.integers(20, 236, (6, 7, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((W, H), Image.Resampling.BICUBIC)
        images.append(np.asarray(picture).transpose(2, 0, 1))
    return torch.from_numpy(np.stack(images))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pillow(image: torch.Tensor, name: str, level: float) -> np.ndarray:
    """timm's own operation at that level; the fixture `sign` fixes its coin."""
    picture = Image.fromarray(image.numpy().transpose(1, 2, 0))
    operation = timm_augment.AugmentOp(
        name,
        prob=1.0,
        magnitude=level,
        hparams={"img_mean": (124, 116, 104), "interpolation": Image.Resampling.BICUBIC},
    )
    return np.asarray(operation(picture)).transpose(2, 0, 1)


def ours(images: torch.Tensor, name: str, level: float, sign: int) -> np.ndarray:
    B = len(images)
    chosen = torch.full((B,), OPERATIONS.index(name))
    levels, signs = torch.full((B,), float(level)), torch.full((B,), float(sign))
    return augment_once(images, chosen, levels, signs).numpy()


@pytest.fixture(params=[1, -1])
def sign(request, monkeypatch):
    monkeypatch.setattr(timm_augment, "_randomly_negate", lambda value: request.param * value)
    return request.param


def test_the_operations_are_timms():
    assert sorted(OPERATIONS) == sorted(timm_augment._RAND_INCREASING_TRANSFORMS)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("level", [0.0, 3.3, 9.0, 9.74, 10.0])
def test_table_operations_equal_pillows(name, level, sign):
    if (name, level) == ("PosterizeIncreasing", 10.0):
        pytest.skip("Pillow refuses 0 bits; see the next test")
    images = photographs(3)
    expected = np.stack([pillow(image, name, level) for image in images])
    assert np.abs(ours(images, name, level, sign).astype(int) - expected).max() == 0


def test_posterize_at_level_10_keeps_no_bit():
    assert (ours(photographs(2), "PosterizeIncreasing", 10, 1) == 0).all()


@pytest.mark.parametrize("name", BLENDS)
@pytest.mark.parametrize("level", [0.0, 3.3, 9.0, 10.0])
def test_blends_equal_pillows(name, level, sign):
    """One apart where float32 sums round to the other side of a whole number."""
    images = photographs(3)
    expected = np.stack([pillow(image, name, level) for image in images])
    difference = np.abs(ours(images, name, level, sign).astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.002


@pytest.mark.parametrize("name", GEOMETRIC)
@pytest.mark.parametrize("level", [1.7, 9.0, 10.0])
def test_geometry_is_pillows_up_to_the_bicubic_kernel(name, level, sign):
    images = photographs(3)
    expected = np.stack([pillow(image, name, level) for image in images]).astype(int)
    difference = np.abs(ours(images, name, level, sign).astype(int) - expected)
    assert difference.mean() < 0.5
    assert difference.max() <= 4


@pytest.mark.parametrize("name", ["Equalize", "AutoContrast"])
def test_flat_and_two_valued_images_as_pillow(name):
    flat = torch.full((1, 3, 8, 9), 77, dtype=torch.uint8)
    two = flat.clone()
    two[..., 4:] = 200
    images = torch.cat([flat, two])
    expected = np.stack([pillow(image, name, 9) for image in images])
    assert (ours(images, name, 9, 1) == expected).all()


@pytest.mark.parametrize("name", [*GEOMETRIC, *BLENDS, "SolarizeIncreasing", "SolarizeAdd"])
def test_level_zero_changes_nothing(name):
    images = photographs(2)
    assert (ours(images, name, 0, 1) == images.numpy()).all()


def test_no_operation_changes_nothing():
    images = photographs(4)
    nothing = torch.full((4,), -1)
    once = augment_once(images, nothing, torch.full((4,), 9.0), torch.ones(4))
    assert torch.equal(once, images)


def test_probability_zero_leaves_the_flip_alone():
    images = photographs(40)
    augmented = randaugment(images, generator(), probability=0.0)
    same = (augmented == images).flatten(1).all(1)
    mirrored = (augmented == images.flip(-1)).flatten(1).all(1)
    assert (same | mirrored).all()
    assert 10 < int(mirrored.sum()) < 30


def test_the_generator_decides_everything():
    images = photographs(16)
    first, again, other = (randaugment(images, generator(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (first.dtype, first.shape) == (torch.uint8, images.shape)


def test_the_input_is_not_changed():
    images = photographs(16)
    before = images.clone()
    randaugment(images, generator())
    assert torch.equal(images, before)


def test_an_image_is_augmented_on_its_own():
    """The other images of the batch have no influence: equal to one call an image."""
    images = photographs(30)
    rng = generator(5)
    chosen = torch.randint(len(OPERATIONS), (30,), generator=rng)
    levels = 10 * torch.rand(30, generator=rng)
    signs = torch.where(torch.rand(30, generator=rng) > 0.5, -1.0, 1.0)
    together = augment_once(images, chosen, levels, signs)
    alone = torch.cat(
        [
            augment_once(images[i : i + 1], chosen[i : i + 1], levels[i : i + 1], signs[i : i + 1])
            for i in range(30)
        ]
    )
    assert (together.int() - alone.int()).abs().max() <= 1


def test_half_of_the_operations_are_used():
    """Two draws at probability 0.5: a quarter of the images stay as they are (flip aside)."""
    images = photographs(800, size=(8, 8))
    augmented = randaugment(images, generator(3))
    same = (augmented == images).flatten(1).all(1)
    mirrored = (augmented == images.flip(-1)).flatten(1).all(1)
    assert 0.22 < (same | mirrored).float().mean() < 0.34


def test_float_images_are_refused():
    with pytest.raises(TypeError, match="uint8"):
        randaugment(torch.zeros(1, 3, 4, 4), generator())
