"""Banks of drawn things: coverage masks of glyphs, contours, polygons, strokes, fractals; grey textures.

Each bank is drawn once from a seed and then only warped and composed (generator.py). A *class* is a
set of drawing parameters, or a character; its *instances* are other fonts or jittered parameters.
Sources of the ideas: fractals as training images (Kataoka et al. 2020, arXiv 2101.08515), radial
contours (Takashima et al. 2023, arXiv 2303.01112), statistics of noise (Baradad et al. 2021,
arXiv 2106.05963).

What is left out on purpose, since the bundled tasks show it: digits and every other character with
a numeric value, and hearts, squares and ellipses (the sprites). Contours always carry a harmonic of
order three or more, polygons never have four corners.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from pretrain.glyphs import glyph_bank
from pretrain.masks import SIDE, MaskBank, joined, regular_bank


def contour_bank(classes: int, instances: int, rng: np.random.Generator) -> MaskBank:
    """Closed contours r(θ) = 1 + Σ a_k cos(kθ + φ_k), k = 1 to 7, drawn filled or as rings."""
    masks = []
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    for _ in range(classes):
        order = np.arange(1, 8)
        amplitude = rng.normal(0, 1, 7) / order**0.7
        main = rng.integers(2, 7)  # index of a harmonic of order 3 to 7: never an ellipse
        amplitude[main] = (1.0 + abs(amplitude[main])) * rng.choice([-1, 1])
        amplitude *= rng.uniform(0.25, 0.45) / np.abs(amplitude).max()
        phase, rings = rng.uniform(0, 2 * np.pi, 7), int(rng.integers(0, 4))
        for _ in range(instances):
            a = amplitude * rng.normal(1, 0.15, 7)
            radius = 1 + (
                a[:, None]
                * np.cos(order[:, None] * angle + phase[:, None] + rng.normal(0, 0.1, (7, 1)))
            ).sum(0)
            radius = np.clip(radius, 0.1, None)
            points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
            masks.append(_draw_closed(points / np.abs(points).max(), rings, rng))
    return regular_bank(masks, classes, instances)


def polygon_bank(classes: int, instances: int, rng: np.random.Generator) -> MaskBank:
    """Stars and irregular polygons of 3 or 5 to 9 corners, filled or as outlines."""
    masks = []
    for _ in range(classes):
        corners = int(rng.choice([3, 5, 6, 7, 8, 9]))
        angle = (
            np.sort(rng.uniform(0, 2 * np.pi, corners))
            if rng.random() < 0.5
            else np.arange(corners) * 2 * np.pi / corners
        )
        radius = rng.uniform(0.35, 1, corners)
        rings = int(rng.integers(0, 3))
        for _ in range(instances):
            r = radius * rng.uniform(0.9, 1.1, corners)
            points = r[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
            masks.append(_draw_closed(points / np.abs(points).max(), rings, rng))
    return regular_bank(masks, classes, instances)


def _draw_closed(points: np.ndarray, rings: int, rng: np.random.Generator) -> np.ndarray:
    """A closed line through points in [-1, 1]²: filled when rings = 0, else that many shrunken outlines."""
    zoom = 3
    image = Image.new("L", (SIDE * zoom, SIDE * zoom))
    draw = ImageDraw.Draw(image)

    def place(scale: float) -> list[tuple[float, float]]:
        return [(x, y) for x, y in (points * scale * 28 + SIDE / 2) * zoom]

    if rings == 0:
        draw.polygon(place(1.0), fill=255)
    for ring in range(rings):
        line = place(1 - 0.28 * ring)
        draw.line(
            [*line, line[0], line[1]],
            fill=255,
            width=int(zoom * rng.uniform(1.5, 6)),
            joint="curve",
        )
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))


def stroke_bank(classes: int, instances: int, rng: np.random.Generator) -> MaskBank:
    """Pen strokes: one to three smooth curves through random points, drawn with a round pen."""
    masks = []
    for _ in range(classes):
        lines = [
            rng.uniform(-1, 1, (int(rng.integers(2, 6)), 2)) for _ in range(rng.integers(1, 4))
        ]
        for _ in range(instances):
            width = rng.uniform(2, 9)
            image = Image.new("L", (SIDE * 2, SIDE * 2))
            draw = ImageDraw.Draw(image)
            for line in lines:
                points = (_smooth(line + rng.normal(0, 0.07, line.shape)) * 26 + SIDE / 2) * 2
                draw.line([tuple(p) for p in points], fill=255, width=int(width * 2), joint="curve")
                for x, y in (points[0], points[-1]):
                    draw.ellipse((x - width, y - width, x + width, y + width), fill=255)
            masks.append(np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX)))
    return regular_bank(masks, classes, instances)


def _smooth(points: np.ndarray) -> np.ndarray:
    """Catmull-Rom curve through points (P, 2), 12 steps a segment."""
    p = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, 12)[:, None]
    parts = [
        0.5
        * (
            2 * b
            + (c - a) * t
            + (2 * a - 5 * b + 4 * c - d) * t**2
            + (3 * b - a - 3 * c + d) * t**3
        )
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.concatenate(parts)


def fractal_bank(classes: int, instances: int, rng: np.random.Generator) -> MaskBank:
    """Attractors of random iterated function systems (Kataoka et al. 2020), points counted per pixel."""
    count, steps, points = classes * instances, 60, 256
    maps = rng.integers(2, 6, classes).repeat(instances)
    a = rng.uniform(-1, 1, (classes, 5, 2, 2))
    a *= rng.uniform(0.45, 0.85, (classes, 5, 1, 1)) / np.linalg.norm(
        a, ord=2, axis=(2, 3), keepdims=True
    )
    b = rng.uniform(-1, 1, (classes, 5, 2))
    a = a.repeat(instances, 0) * rng.normal(1, 0.04, (count, 5, 2, 2))
    b = b.repeat(instances, 0) + rng.normal(0, 0.04, (count, 5, 2))
    x = np.zeros((count, points, 2))
    rows = np.arange(count)[:, None]
    trail = []
    for step in range(steps):
        pick = rng.integers(0, maps[:, None], (count, points))
        x = np.einsum("npij,npj->npi", a[rows, pick], x) + b[rows, pick]
        if step >= 20:
            trail.append(x.astype(np.float32))
    path = np.concatenate(trail, 1)  # (count, points x 40, 2)
    low, high = path.min(1, keepdims=True), path.max(1, keepdims=True)
    cell = ((path - low) / (high - low + 1e-6) * 55.99).astype(np.int64) + 4
    flat = (cell[..., 1] * SIDE + cell[..., 0]) + rows * SIDE * SIDE
    hits = np.bincount(flat.ravel(), minlength=count * SIDE * SIDE).reshape(count, SIDE, SIDE)
    masks = np.clip(hits * 128, 0, 255).astype(np.uint8)
    return regular_bank(list(masks), classes, instances)


def drawn_bank(seed: int, *, classes: int = 300, instances: int = 8) -> MaskBank:
    """All kinds together, as the pre-training uses them."""
    rng = np.random.default_rng(seed)
    return joined([
        glyph_bank(),
        contour_bank(classes, instances, rng),
        polygon_bank(classes // 2, instances, rng),
        stroke_bank(classes, instances, rng),
        fractal_bank(classes, instances, rng),
    ])  # fmt: skip


def texture_bank(count: int, seed: int) -> Tensor:
    """Grey textures int8 (count, SIDE, SIDE) in [-127, 127]: 1/f noise, its level sets, gratings, ramps.

    All are periodic except the ramps, so a roll moves them without a seam.
    """
    generator = torch.Generator().manual_seed(seed)
    fy, fx = torch.meshgrid(torch.fft.fftfreq(SIDE), torch.fft.rfftfreq(SIDE), indexing="ij")
    radius = (fy**2 + fx**2).sqrt()
    radius[0, 0] = 1
    slope = torch.rand(count, 1, 1, generator=generator) * 2.2 + 0.4
    stretch = torch.exp(torch.randn(count, 1, 1, generator=generator) * 0.7)
    turn = torch.rand(count, 1, 1, generator=generator) * math.pi
    u, v = fx * turn.cos() + fy * turn.sin(), fy * turn.cos() - fx * turn.sin()
    spectrum = ((u * stretch) ** 2 + (v / stretch) ** 2).sqrt().clamp_min(1 / SIDE) ** -slope
    spectrum[:, 0, 0] = 0
    noise = torch.fft.rfft2(torch.randn(count, SIDE, SIDE, generator=generator))
    texture = torch.fft.irfft2(noise * spectrum, s=(SIDE, SIDE))
    texture = texture / texture.flatten(1).std(1)[:, None, None]
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    waves = torch.randint(-10, 11, (count, 2, 1, 1), generator=generator)
    wave = torch.sin(
        (waves[:, 0] * x + waves[:, 1] * y) * (2 * math.pi / SIDE)
        + texture * torch.rand(count, 1, 1, generator=generator)
    )
    ramp = (x - 31.5) / 32 * turn.cos() + (y - 31.5) / 32 * turn.sin()
    kind = torch.randint(0, 6, (count, 1, 1), generator=generator)
    out = torch.where(kind == 1, torch.tanh(texture * 6) * 2, texture)  # level sets: hard edges
    out = torch.where(kind == 2, wave * 1.5, out)
    out = torch.where(kind == 3, torch.sign(wave) * 1.5, out)
    out = torch.where(kind == 4, ramp * 2, out)
    return (out / 2).clamp(-1, 1).mul(127).round().to(torch.int8)
