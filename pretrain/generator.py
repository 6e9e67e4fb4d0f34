"""Synthetic scenes: drawn things composed on textures, with what was drawn as target.

A batch is a function of (seed, step) alone. Colours, textures, places and degradations are drawn
without looking at the class, so the class can be told from the shape only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pretrain.banks import drawn_bank, texture_bank
from pretrain.masks import SIDE, MaskBank, halved

FACTORS = 6  # centre x, centre y, log scale, sin and cos of the angle, number of further objects
NO_CLASS = -1


@dataclass(frozen=True)
class Scenes:
    """B scenes: `images` as the network sees them and `clean` before noise, both (B, 3, SIDE, SIDE)
    in [-1, 1]; `labels` (B,) class of the main object or NO_CLASS; `factors` (B, FACTORS) and
    `upright` (B, 1, SIDE, SIDE), the main object's mask before it was warped, NaN where a scene has
    no main object."""

    images: Tensor
    clean: Tensor
    labels: Tensor
    factors: Tensor
    upright: Tensor


class SceneGenerator:
    """Draws batches of scenes from banks; every scene is new."""

    def __init__(
        self, bank: MaskBank, textures: Tensor, *, seed: int, device: torch.device
    ) -> None:
        self.seed, self.device = seed, device
        self.classes = bank.classes
        self.labels = bank.labels.to(device)
        self.first = torch.searchsorted(bank.labels, torch.arange(bank.classes + 1)).to(device)
        self.masks, self.small = bank.masks.to(device), halved(bank.masks).to(device)
        self.textures = textures.to(device)

    @classmethod
    def standard(cls, *, seed: int, device: torch.device) -> SceneGenerator:
        """The banks of the shipped weights; about 15 seconds on one core."""
        return cls(drawn_bank(seed), texture_bank(2048, seed), seed=seed, device=device)

    def scenes(self, count: int, *, step: int) -> Scenes:
        """The scenes of one training step: equal calls give equal scenes on one device."""
        dice = Dice(self.seed * 1_000_003 + step, self.device)
        kind = dice.uniform(count)
        single, crowded = kind < 0.5, kind > 0.7  # else: one main object and a few small ones
        canvas = self._background(dice, count)
        canvas = self._clutter(dice, canvas, crowded)
        main = ~crowded
        canvas, labels, factors, upright = self._main_object(dice, canvas, main)
        canvas, added = self._small_objects(dice, canvas, main & ~single)
        factors[:, 5] = torch.where(main, added / 4, torch.nan)
        clean = _blurred(dice, _toned(dice, canvas))
        return Scenes(
            images=_noisy(dice, clean), clean=clean, labels=labels, factors=factors, upright=upright
        )

    def _background(self, dice: Dice, count: int) -> Tensor:
        plain = dice.uniform(count) < 0.35
        strength = dice.uniform(count) ** 1.5 * (~plain)
        return self._painted(dice, count, strength)

    def _painted(self, dice: Dice, count: int, strength: Tensor) -> Tensor:
        """Full canvases (count, 3, SIDE, SIDE): a colour plus a texture towards a second colour."""
        first, second = _colours(dice, count), _colours(dice, count)
        texture = self.textures[dice.integers(len(self.textures), count)]
        texture = texture.roll(int(dice.integers(SIDE, 1)), 1).roll(int(dice.integers(SIDE, 1)), 2)
        mix = texture[:, None].float().mul_(0.5 / 127).add_(0.5).mul_(strength[:, None, None, None])
        return torch.lerp(first, second, mix)

    def _clutter(self, dice: Dice, canvas: Tensor, where: Tensor) -> Tensor:
        """Dead leaves: objects of falling size, each over the last, on the canvases `where`."""
        rows = where.nonzero()[:, 0]
        layers = 8
        for layer in range(layers):
            scale = 1.5 * (1 - layer / layers) * torch.exp(dice.normal(len(rows)) * 0.35) + 0.15
            strength = dice.uniform(len(rows)) ** 1.5
            pick = dice.integers(len(self.masks), len(rows))
            cover = self._cover(
                dice,
                pick,
                scale,
                dice.uniform(len(rows), 2) * 2 - 1,
                dice.uniform(len(rows)) * 2 * math.pi,
            )
            canvas = canvas.index_copy(
                0, rows, torch.lerp(canvas[rows], self._painted(dice, len(rows), strength), cover)
            )
        return canvas

    def _main_object(
        self, dice: Dice, canvas: Tensor, where: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rows = where.nonzero()[:, 0]
        n = len(rows)
        labels = dice.integers(self.classes, n)
        low, high = self.first[labels], self.first[labels + 1]
        pick = low + (dice.uniform(n) * (high - low)).long()
        pick = torch.minimum(pick, high - 1)
        scale = torch.exp(dice.uniform(n) * math.log(1.3 / 0.35) + math.log(0.35))
        room = (1.05 - 0.8 * scale).clamp_min(0.12)
        centre = (dice.uniform(n, 2) * 2 - 1) * room[:, None]
        angle = dice.normal(n).clamp(-2.5, 2.5) * 0.35
        cover = self._cover(dice, pick, scale, centre, angle)
        fill = self._painted(dice, n, dice.uniform(n) ** 2)
        behind = canvas[rows]
        fill = _set_apart(fill, behind)
        canvas = canvas.index_copy(0, rows, torch.lerp(behind, fill, cover))
        all_labels = torch.full((len(where),), NO_CLASS, device=self.device).index_copy(
            0, rows, labels
        )
        factors = torch.full((len(where), FACTORS), torch.nan, device=self.device)
        factors[rows, :5] = torch.stack(
            [centre[:, 0], centre[:, 1], scale.log(), angle.sin() * 2, angle.cos()], 1
        )
        upright = torch.full((len(where), 1, SIDE, SIDE), torch.nan, device=self.device)
        upright[rows] = self.masks[pick][:, None].float() / 255
        return canvas, all_labels, factors, upright

    def _small_objects(self, dice: Dice, canvas: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        added = torch.zeros(len(where), device=self.device)
        for _ in range(4):
            rows = (where & (dice.uniform(len(where)) < 0.6)).nonzero()[:, 0]
            n = len(rows)
            scale = dice.uniform(n) * 0.3 + 0.15
            pick = dice.integers(len(self.masks), n)
            cover = self._cover(
                dice, pick, scale, dice.uniform(n, 2) * 1.7 - 0.85, dice.uniform(n) * 2 * math.pi
            )
            fill = _set_apart(self._painted(dice, n, dice.uniform(n) ** 3), canvas[rows])
            canvas = canvas.index_copy(0, rows, torch.lerp(canvas[rows], fill, cover))
            added = added.index_add(0, rows, torch.ones(n, device=self.device))
        return canvas, added

    def _cover(
        self, dice: Dice, pick: Tensor, scale: Tensor, centre: Tensor, angle: Tensor
    ) -> Tensor:
        """Coverage (n, 1, SIDE, SIDE) of masks `pick`, turned, sheared, bent and placed.

        `scale` 1 keeps the mask's size; centres are in [-1, 1]².
        """
        n = len(pick)
        cover = torch.empty(n, 1, SIDE, SIDE, device=self.device)
        if n == 0:
            return cover
        stretch = torch.exp(dice.normal(n) * 0.15)
        shear = dice.normal(n) * 0.15
        cos, sin = angle.cos() / scale, angle.sin() / scale
        a, b = cos * stretch, sin * stretch
        c, d = -sin / stretch + shear * a, cos / stretch + shear * b
        x, y = -centre[:, 0], -centre[:, 1]
        theta = torch.stack(
            [torch.stack([a, b, a * x + b * y], 1), torch.stack([c, d, c * x + d * y], 1)], 1
        )
        grid = F.affine_grid(theta, [n, 1, SIDE, SIDE], align_corners=False)
        bend = dice.normal(n, 2, 4, 4) * (dice.uniform(n, 1, 1, 1) * 0.13)
        grid = grid + F.interpolate(bend, size=(SIDE, SIDE), mode="bilinear").permute(0, 2, 3, 1)
        for rows, masks in ((scale > 0.45, self.masks), (scale <= 0.45, self.small)):
            if not rows.any():
                continue
            picked = masks[pick[rows]][:, None].float().div_(255)
            cover[rows] = F.grid_sample(picked, grid[rows], mode="bilinear", align_corners=False)
        return cover


class Dice:
    """Random tensors from one seeded generator on one device."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self.generator = torch.Generator(device).manual_seed(seed % 2**63)
        self.device = device

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.generator, device=self.device)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.device)

    def integers(self, high: int, count: int) -> Tensor:
        return torch.randint(high, (count,), generator=self.generator, device=self.device)


def _colours(dice: Dice, count: int) -> Tensor:
    """Colours (count, 3, 1, 1) in [-1, 1] of every brightness and saturation, most of them pale."""
    grey = dice.uniform(count, 1, 1, 1) * 2 - 1
    full = dice.uniform(count, 3, 1, 1) * 2 - 1
    return torch.lerp(grey, full, dice.uniform(count, 1, 1, 1) ** 1.5)


def _set_apart(fill: Tensor, behind: Tensor) -> Tensor:
    """Fill moved in brightness until its mean is at least 0.3 from what is behind it."""
    gap = fill.mean((1, 2, 3)) - behind.mean((1, 2, 3))
    sign = torch.where(gap >= 0, 1.0, -1.0)
    sign = torch.where(fill.mean((1, 2, 3)).abs() > 0.8, -torch.sign(fill.mean((1, 2, 3))), sign)
    push = (0.3 - gap * sign).clamp_min(0) * sign
    return (fill + push[:, None, None, None]).clamp(-1, 1)


def _toned(dice: Dice, canvas: Tensor) -> Tensor:
    """A quarter turned grey; half of the grey ones stretched to the full range, as scans are."""
    count = len(canvas)
    grey = dice.uniform(count) < 0.25
    canvas = torch.where(grey[:, None, None, None], canvas.mean(1, keepdim=True), canvas)
    scan = grey & (dice.uniform(count) < 0.5)
    low, high = canvas.amin((1, 2, 3), keepdim=True), canvas.amax((1, 2, 3), keepdim=True)
    stretched = (canvas - low) / (high - low).clamp_min(0.05) * 2 - 1
    return torch.where(scan[:, None, None, None], stretched, canvas)


def _blurred(dice: Dice, canvas: Tensor) -> Tensor:
    """Some images pass through a lower resolution, down to 8×8, and come back bicubic."""
    chance = dice.uniform(len(canvas))
    for low, high, factor in ((0.0, 0.15, 8), (0.15, 0.25, 4), (0.25, 0.45, 2)):
        rows = ((chance >= low) & (chance < high)).nonzero()[:, 0]
        small = F.avg_pool2d(canvas[rows], factor)
        canvas = canvas.index_copy(
            0, rows, F.interpolate(small, scale_factor=float(factor), mode="bicubic").clamp(-1, 1)
        )
    return canvas


def _noisy(dice: Dice, clean: Tensor) -> Tensor:
    """Gaussian noise of a random strength on half of the images."""
    strength = (dice.uniform(len(clean)) * 2 - 1).clamp_min(0) ** 1.5 * 0.25
    rows = (strength > 0).nonzero()[:, 0]
    noise = dice.normal(len(rows), 3, SIDE, SIDE) * strength[rows, None, None, None]
    return clean.index_add(0, rows, noise).clamp_(-1, 1)
