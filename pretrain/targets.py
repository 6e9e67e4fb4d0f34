"""What the network learns to tell about a clean scene: oriented gradients and brightness.

Histograms of oriented gradients as regression targets of masked images follow MaskFeat (Wei et al.
2022, arXiv 2112.09133); the histograms are Dalal and Triggs 2005, unsigned, with linear votes in
orientation and none in space.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

BINS = 9
CELL = 4  # pixels
PATCH = 8
EPSILON = 0.05  # a cell whose gradients stay far below counts as flat


def oriented_gradients(grey: Tensor, *, bins: int = BINS, cell: int = CELL) -> Tensor:
    """Mean gradient magnitude per orientation and cell.

    `grey` (B, H, W). Returns (B, bins, H/cell, W/cell). Bin k stands for a gradient direction of
    k·π/bins modulo π; a direction between two bins votes for both in proportion. Central
    differences, replicated at the border.
    """
    padded = F.pad(grey[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    gx = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    gy = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    magnitude = (gx.square() + gy.square()).sqrt()
    position = torch.atan2(gy, gx).mul_(bins / math.pi).remainder_(bins)
    lower = position.floor()
    share = position - lower
    lower = lower.long().remainder_(bins)
    votes = torch.zeros(len(grey), bins, *grey.shape[1:], device=grey.device)
    votes.scatter_(1, lower[:, None], (magnitude * (1 - share))[:, None])
    votes.scatter_add_(1, (lower + 1).remainder_(bins)[:, None], (magnitude * share)[:, None])
    return F.avg_pool2d(votes, cell)


def normalised(histograms: Tensor) -> Tensor:
    """Last dimension divided by its length, softly so that flat regions stay near zero."""
    return histograms / (histograms.square().sum(-1, keepdim=True) + EPSILON**2).sqrt()


def as_patches(cells: Tensor, side: int) -> Tensor:
    """Grids (B, F, H, W) cut into squares of `side` cells: (B, H/side · W/side, F · side²)."""
    return F.unfold(cells, side, stride=side).transpose(1, 2)


def dense_targets(clean: Tensor) -> Tensor:
    """Per patch: gradient histograms of its four cells and of its surroundings, colour, brightness.

    `clean` (B, 3, H, W) in [-1, 1]. Returns (B, patches, 36 + 9 + 3 + 16).
    """
    grey = clean.mean(1)
    cells = oriented_gradients(grey)
    own = normalised(as_patches(cells, PATCH // CELL))
    wide = F.avg_pool2d(cells, 6, stride=2, padding=2, count_include_pad=False)  # 3 × 3 patches
    around = normalised(as_patches(wide, 1))
    colour = as_patches(F.avg_pool2d(clean, PATCH), 1)
    pixels = as_patches(F.avg_pool2d(grey[:, None], 2), PATCH // 2)
    pixels = pixels - pixels.mean(-1, keepdim=True)
    return torch.cat([own, around, colour, pixels], -1)


def global_targets(clean: Tensor) -> Tensor:
    """Per image: gradient histograms on 4 × 4 and 2 × 2 grids, brightness on 8 × 8, mean colour.

    Returns (B, 144 + 36 + 64 + 3). Histograms are normalised over the image and per region.
    """
    grey = clean.mean(1)
    cells = oriented_gradients(grey)
    fine = as_patches(F.adaptive_avg_pool2d(cells, 4), 1)
    coarse = as_patches(F.adaptive_avg_pool2d(cells, 2), 1)
    thumb = F.adaptive_avg_pool2d(grey, 8).flatten(1)
    thumb = thumb - thumb.mean(1, keepdim=True)
    thumb = thumb / (thumb.square().mean(1, keepdim=True) + EPSILON**2).sqrt()
    colour = clean.mean((2, 3))
    return torch.cat([normalised(fine).flatten(1), normalised(coarse).flatten(1), thumb, colour], 1)


def profile_targets(clean: Tensor) -> Tensor:
    """Where along x and along y things are, in steps of two pixels, far finer than a patch.

    Gradient magnitude and brightness averaged over rows and over columns, each profile normalised
    over its 32 steps. Returns (B, 4 · 32) for images of 64 pixels.
    """
    grey = clean.mean(1)
    magnitude = oriented_gradients(grey, cell=2).sum(1)
    brightness = F.avg_pool2d(grey[:, None], 2)[:, 0]
    brightness = brightness - brightness.mean((1, 2), keepdim=True)
    maps = (magnitude, brightness)
    return torch.cat([normalised(grid.mean(axis)) for grid in maps for axis in (1, 2)], 1)


def upright_targets(masks: Tensor) -> Tensor:
    """What an object looks like undone of its warp: gradient histograms on 4 × 4, coverage on 8 × 8.

    `masks` (B, 1, H, W) in [0, 1]. Returns (B, 144 + 64). To predict it from the scene is to undo
    place, scale and rotation, a smooth step towards naming the class.
    """
    cells = oriented_gradients(masks[:, 0] * 2 - 1)
    fine = as_patches(F.adaptive_avg_pool2d(cells, 4), 1)
    return torch.cat([normalised(fine).flatten(1), F.adaptive_avg_pool2d(masks, 8).flatten(1)], 1)
