"""Pre-training: what is drawn, what is asked of the network, and that a resume changes nothing."""

from __future__ import annotations

import json
import math
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch

from pretrain import banks, glyphs
from pretrain.generator import NO_CLASS, SceneGenerator
from pretrain.glyphs import allowed_characters
from pretrain.masks import SIDE, MaskBank, joined
from pretrain.model import hidden_patches
from pretrain.targets import as_patches, dense_targets, oriented_gradients, profile_targets
from pretrain.train import PretrainConfig, Training, lr_at, pretrain

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def bank() -> MaskBank:
    rng = np.random.default_rng(0)
    kinds = (banks.contour_bank, banks.polygon_bank, banks.stroke_bank, banks.fractal_bank)
    return joined([kind(3, 2, rng) for kind in kinds])


@pytest.fixture(scope="module")
def generator(bank: MaskBank) -> SceneGenerator:
    return SceneGenerator(bank, banks.texture_bank(16, 0), seed=3, device=CPU)


def test_no_character_has_a_numeric_value_or_the_shape_of_a_sprite():
    characters = allowed_characters()
    assert {"A", "ж", "Ω", "→"} <= set(characters)
    assert not set(characters) & set("0123456789¹²³¼½¾Ⅷ❤❥■●•.·")
    for character in characters:
        assert unicodedata.numeric(character, None) is None
        assert unicodedata.category(character) not in {"Nd", "Nl", "No"}


def test_a_solid_square_or_disc_counts_as_a_block_and_a_letter_does_not():
    y, x = np.mgrid[:SIDE, :SIDE] - 31.5
    square = np.where((abs(x) < 20) & (abs(y) < 20), 255, 0).astype(np.uint8)
    disc = np.where(x**2 + y**2 < 400, 255, 0).astype(np.uint8)
    ring = np.where((x**2 + y**2 < 400) & (x**2 + y**2 > 200), 255, 0).astype(np.uint8)
    assert [glyphs._is_solid_block(mask) for mask in (square, disc, ring)] == [True, True, False]


def test_a_missing_font_is_answered_with_the_packages_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(glyphs, "FONT_FOLDERS", ("/nowhere",))
    with pytest.raises(FileNotFoundError, match="fonts-dejavu-core and fonts-liberation"):
        glyphs.find_fonts()


def test_joined_banks_keep_their_classes_apart(bank: MaskBank):
    assert bank.classes == 12
    assert bank.labels.tolist() == [c for c in range(12) for _ in range(2)]
    assert bank.masks.flatten(1).amax(1).min() > 100  # every mask shows something


def test_scenes_depend_on_seed_and_step_alone(bank: MaskBank, generator: SceneGenerator):
    same = SceneGenerator(bank, generator.textures, seed=3, device=CPU)
    generator.scenes(4, step=1)  # what was drawn before does not matter
    a, b = generator.scenes(8, step=5), same.scenes(8, step=5)
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.labels, b.labels)
    other = SceneGenerator(bank, generator.textures, seed=4, device=CPU)
    assert not torch.equal(a.images, generator.scenes(8, step=6).images)
    assert not torch.equal(a.images, other.scenes(8, step=5).images)


def test_colour_says_nothing_about_the_class(bank: MaskBank, generator: SceneGenerator):
    """With every class drawn by the same masks, scenes of two label sets are pixel for pixel equal."""
    blank = MaskBank(bank.masks[:1].expand(len(bank.masks), -1, -1).contiguous(), bank.labels)
    halves = SceneGenerator(blank, generator.textures, seed=3, device=CPU)
    moved = SceneGenerator(blank, generator.textures, seed=3, device=CPU)
    moved.first = torch.cat([moved.first[1:], moved.first[-1:]])  # classes name other instances
    moved.first[-2] = 0
    moved.first[-1] = 2
    a, b = halves.scenes(64, step=0), moved.scenes(64, step=0)
    assert torch.equal(a.images, b.images)


def test_labels_factors_and_upright_masks_belong_together(generator: SceneGenerator):
    scenes = generator.scenes(64, step=0)
    named = scenes.labels != NO_CLASS
    assert 20 < named.sum() < 60
    assert scenes.images.abs().max() <= 1
    assert not scenes.factors[named].isnan().any()
    assert scenes.factors[~named].isnan().all()
    for label, mask in zip(scenes.labels[named], scenes.upright[named], strict=True):
        instances = generator.masks[generator.labels == label]
        assert (instances == (mask * 255).round().byte()).flatten(1).all(1).any()


@pytest.mark.parametrize("turn", [0.0, 0.3, math.pi / 2, 2.5])
def test_a_ramp_votes_for_its_own_direction(turn: float):
    """Brightness 0.1 a pixel along `turn`: inner cells hold 0.1, split between the two next bins."""
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    ramp = 0.1 * (x * math.cos(turn) + y * math.sin(turn))
    cells = oriented_gradients(ramp[None])[0, :, 1:-1, 1:-1]
    position = turn * 9 / math.pi
    expected = torch.zeros(9)
    expected[int(position) % 9] += 0.1 * (1 - position % 1)
    expected[(int(position) + 1) % 9] += 0.1 * (position % 1)
    torch.testing.assert_close(cells, expected[:, None, None].expand_as(cells), atol=1e-5, rtol=0)


def test_histograms_agree_with_plain_loops():
    image = torch.rand(1, 8, 12, generator=torch.Generator().manual_seed(0))
    padded = np.pad(image[0].numpy(), 1, mode="edge").astype(np.float64)
    expected = np.zeros((9, 2, 3))
    for row in range(8):
        for column in range(12):
            gx = (padded[row + 1, column + 2] - padded[row + 1, column]) / 2
            gy = (padded[row + 2, column + 1] - padded[row, column + 1]) / 2
            position = (math.atan2(gy, gx) % math.pi) * 9 / math.pi
            for bin_ in range(9):
                distance = min(abs(position - bin_), 9 - abs(position - bin_))
                expected[bin_, row // 4, column // 4] += (
                    math.hypot(gx, gy) * max(0, 1 - distance) / 16
                )
    np.testing.assert_allclose(oriented_gradients(image)[0].numpy(), expected, atol=1e-6)


def test_patches_come_in_the_order_of_the_tokens():
    cells = torch.arange(16.0).view(1, 1, 4, 4)
    assert as_patches(cells, 2)[0].tolist() == [
        [0, 1, 4, 5],
        [2, 3, 6, 7],
        [8, 9, 12, 13],
        [10, 11, 14, 15],
    ]


def test_gradient_targets_ignore_brightness_and_flat_images_are_zero():
    clean = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.5
    a, b = dense_targets(clean), dense_targets(clean + 0.3)
    torch.testing.assert_close(a[..., :45], b[..., :45], atol=1e-4, rtol=0)
    torch.testing.assert_close(a[..., 45:48] + 0.3, b[..., 45:48])
    assert dense_targets(torch.full((1, 3, 64, 64), 0.4))[..., :45].abs().max() == 0


def test_profiles_move_with_the_object_by_two_pixels_a_step():
    """A dot moved right by six pixels: the profiles along x shift three steps, those along y stay."""
    clean = torch.zeros(2, 3, 64, 64)
    clean[0, :, 20:24, 30:34] = 1
    clean[1, :, 20:24, 36:40] = 1
    x_gradient, y_gradient, x_grey, y_grey = profile_targets(clean).split(32, dim=1)
    for along_x, along_y in ((x_gradient, y_gradient), (x_grey, y_grey)):
        torch.testing.assert_close(along_x[0].roll(3), along_x[1])
        torch.testing.assert_close(along_y[0], along_y[1])
        assert int(along_x[0].argmax()) in {14, 15, 16}
        assert int(along_y[0].argmax()) in {9, 10, 11, 12}


def test_hidden_patches_alternate_between_masking_and_dropping():
    masked, kept = hidden_patches(8, 64, seed=0, step=0)
    assert kept is None
    assert 0 < masked.float().mean() < 0.5
    masked, kept = hidden_patches(8, 64, seed=0, step=1)
    assert not masked.any()
    assert kept.shape == (8, 32)
    assert all(len(set(row)) == 32 and row == sorted(row) for row in kept.tolist())


def test_the_rate_rises_follows_a_cosine_and_ends_at_zero():
    config = PretrainConfig(
        images=6400, horizon_images=6400, lr=1.0, warmup_images=640, batch_size=64
    )
    rates = [lr_at(step, config) for step in range(config.steps)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert lr_at(55, config) == pytest.approx(0.5)
    assert rates[-1] < 1e-3
    cut = PretrainConfig(
        images=3200,
        horizon_images=6400,
        cooldown_images=640,
        lr=1.0,
        warmup_images=640,
        batch_size=64,
    )
    assert [lr_at(step, cut) for step in range(41)] == rates[:41]
    assert lr_at(45, cut) == pytest.approx(rates[45] / 2)
    assert lr_at(50, cut) == 0


def test_a_resumed_run_ends_like_an_uninterrupted_one(generator: SceneGenerator, tmp_path: Path):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        config = PretrainConfig(
            images=16, horizon_images=16, batch_size=4, warmup_images=4, profile_from_images=12
        )
        whole = pretrain(config, generator, tmp_path / "a", resume=False, snapshot_images=8)
        part = tmp_path / "b"
        pretrain(
            config, generator, part, resume=False, snapshot_images=8, stop=lambda step: step == 2
        )
        assert not (part / "ict_tiny.safetensors").exists()
        resumed = pretrain(config, generator, part, resume=True, snapshot_images=8)
    finally:
        torch.set_num_threads(threads)
    assert resumed.read_bytes() == whole.read_bytes()
    lines = (part / "progress.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["images"] == 16


def test_another_config_is_refused_on_resume(generator: SceneGenerator, tmp_path: Path):
    Training(PretrainConfig(images=16, horizon_images=16, batch_size=4), generator).save(
        tmp_path / "checkpoint.safetensors"
    )
    other = Training(PretrainConfig(images=32, horizon_images=32, batch_size=4), generator)
    with pytest.raises(ValueError, match=r"images.*16.*repeat those options"):
        other.load(tmp_path / "checkpoint.safetensors")
