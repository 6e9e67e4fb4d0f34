"""Models in which it is known what an adapter should read and write, because it was planted.

The patches of an image hold the values of the stream, so an image is its own channels. Class information
lies in R; the head sees S alone, where the classes differ faintly; loud channels tell nothing.
"""

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

import ict
from ict.selection import select

WIDTH, K, CLASSES, IMAGES, LOUD = 64, 4, 4, 240, 8
SITES = ("attn", "mlp_branch", "block")


class Seen(nn.Module):
    """Leaves the channels that reach the head as they are, and nothing else."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("mask", torch.zeros(WIDTH))
        self.mask[channels] = 1

    def forward(self, values):
        return values * self.mask


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, values, *_arguments, **_more):
        return values * self.factor


def planted(seen):
    """Two blocks whose attention gives nothing and whose MLP a tenth of the stream."""
    model = VisionTransformer(
        img_size=32, patch_size=8, embed_dim=WIDTH, depth=2, num_heads=2, num_classes=0,
        class_token=False, global_pool="avg", pos_embed="none",
    )  # fmt: skip
    with torch.no_grad():
        picked = torch.eye(3 * 8 * 8)[:WIDTH].reshape(WIDTH, 3, 8, 8)
        model.patch_embed.proj.weight.copy_(picked)
        model.patch_embed.proj.bias.zero_()
    for block in model.blocks:
        block.norm1 = nn.LayerNorm(WIDTH)  # its width is read; attention is not
        block.attn, block.norm2, block.mlp = Times(0.0), nn.Identity(), Times(0.1)
    model.norm = nn.Identity()
    model.fc_norm = Seen(seen)
    return model.eval()


def images_of(values):
    """Images (N, 3, 32, 32) whose 16 patches have these channels, values (N, 16, D)."""
    patches = torch.zeros(len(values), 16, 3 * 8 * 8)
    patches[:, :, :WIDTH] = values
    grid = patches.reshape(-1, 4, 4, 3, 8, 8).permute(0, 3, 1, 4, 2, 5)
    return grid.reshape(len(values), 3, 32, 32)


def sets(seed):
    """R, S and the loud channels, disjoint."""
    order = np.random.default_rng(seed).permutation(WIDTH)
    return order[:K], order[K : 2 * K], order[2 * K : 2 * K + LOUD]


def data(seed, *, tells, faint, loud):
    """Batches: class k raises channel k of `tells` by 1 and channel k of `faint` by 0.2; `loud` are noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(IMAGES) % CLASSES
    values = 0.05 * torch.randn(IMAGES, 16, WIDTH, generator=generator)
    values[:, :, loud] = 4 * torch.randn(IMAGES, 16, len(loud), generator=generator)
    values[:, :, faint] += 0.3 * torch.randn(IMAGES, 1, K, generator=generator)
    for channels, size in ((faint, 0.2), (tells, 1.0)):
        values[torch.arange(IMAGES), :, torch.as_tensor(channels)[labels]] += size
    images = images_of(values)
    return list(zip(images.split(40), labels.split(40), strict=True))


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("seed", range(5))
def test_what_tells_is_read_and_what_is_seen_is_written(site, seed):
    tells, seen, loud = sets(seed)
    model = planted(seen)
    batches = data(seed, tells=tells, faint=seen, loud=loud)
    scores = ict.score(model, batches, site=site, criterion="adapter_gradient")
    chosen = select(scores, k=K, order="gradient_rw")
    energy = select(ict.score(model, batches, site=site), k=K)
    for block, by_energy in zip(chosen.blocks, energy.blocks, strict=True):
        assert set(block.indices) == set(tells)
        assert set(block.written) == set(seen)
        assert set(by_energy.indices) <= set(loud)


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("seed", range(5))
def test_where_energy_is_right_the_gradient_wins_nothing(site, seed):
    """The loudest channels tell the class, and are those that the head sees."""
    tells, _, _ = sets(seed)
    model = planted(tells)
    batches = data(seed, tells=tells, faint=tells, loud=[])
    scores = ict.score(model, batches, site=site, criterion="adapter_gradient")
    by_gradient = select(scores, k=K, order="gradient")
    by_energy = select(ict.score(model, batches, site=site), k=K)
    assert [b.indices for b in by_gradient.blocks] == [b.indices for b in by_energy.blocks]
    assert all(block.writes is None for block in by_gradient.blocks)
