"""RandAugment on the device, in batches: timm's `rand-m9-mstd0.5-inc1` after a horizontal flip.

Per image two operations, each drawn evenly from 15 and used with probability 0.5, at a magnitude
from N(9, 0.5) cut to [0, 10]; levels as in timm's `auto_augment.py`, pixels as in Pillow (uint8
after every operation). Colour jitter is off, as timm switches it off beside RandAugment.

A batch is served by four kernels instead of 30: the affine operations by one `grid_sample`; those
that map each value of a channel by one table look-up; colour and sharpness by a blend each. The
affine ones differ from Pillow in the bicubic kernel (a = -0.75 here, -1 there).
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

GEOMETRIC = ("Rotate", "ShearX", "ShearY", "TranslateXRel", "TranslateYRel")
TABLES = (
    "AutoContrast",
    "Equalize",
    "Invert",
    "PosterizeIncreasing",
    "SolarizeIncreasing",
    "SolarizeAdd",
    "ContrastIncreasing",
    "BrightnessIncreasing",
)
BLENDS = ("ColorIncreasing", "SharpnessIncreasing")
OPERATIONS = GEOMETRIC + TABLES + BLENDS
IMAGENET_GREY = (124, 116, 104)  # what timm fills with: 255 × the ImageNet mean

_LUMA = (19595, 38470, 7471)  # of 65536, as Pillow converts RGB to L


def randaugment(
    images: Tensor,
    generator: torch.Generator,
    *,
    magnitude: float = 9.0,
    magnitude_std: float = 0.5,
    probability: float = 0.5,
    operations: int = 2,
    fill: Sequence[int] = IMAGENET_GREY,
) -> Tensor:
    """Augments images (B, 3, H, W) uint8, each on its own; gives uint8 on the same device.

    All random numbers come from `generator` on the CPU: the same on every device, and nothing
    waits for the device.
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"randaugment needs uint8 images, not {images.dtype}")
    B = len(images)
    images = _flip(images, torch.rand(B, generator=generator) < 0.5)
    for _ in range(operations):
        chosen = torch.randint(len(OPERATIONS), (B,), generator=generator)
        used = torch.rand(B, generator=generator) <= probability
        levels = magnitude + magnitude_std * torch.randn(B, generator=generator)
        signs = torch.where(torch.rand(B, generator=generator) > 0.5, -1.0, 1.0)
        chosen = torch.where(used, chosen, -1)
        images = augment_once(images, chosen, levels.clamp(0, 10), signs, fill=fill)
    return images


def _flip(images: Tensor, flipped: Tensor) -> Tensor:
    mask = flipped.to(images.device, non_blocking=True).view(-1, 1, 1, 1)
    return torch.where(mask, images.flip(-1), images)


def augment_once(
    images: Tensor,
    chosen: Tensor,
    levels: Tensor,
    signs: Tensor,
    *,
    fill: Sequence[int] = IMAGENET_GREY,
) -> Tensor:
    """Applies OPERATIONS[chosen[i]] to image i (-1: none), at level 0 to 10 and sign ±1.

    `chosen`, `levels` and `signs` are (B,) on the CPU.
    """
    augmented = images.clone()
    fractions = levels.double() / 10  # float32 would fall below whole numbers that timm reaches
    for names in (GEOMETRIC, TABLES, BLENDS[:1], BLENDS[1:]):
        first = OPERATIONS.index(names[0])
        members = ((chosen >= first) & (chosen < first + len(names))).nonzero().squeeze(1)
        if len(members) == 0:
            continue
        kinds = chosen[members] - first
        part, signed = fractions[members], (fractions * signs)[members]
        where = members.to(images.device, non_blocking=True)
        x = images[where]
        if names is GEOMETRIC:
            y = _affine(x, kinds, signed, fill)
        elif names is TABLES:
            y = _look_up(x, kinds, part, signed)
        else:
            factors = _factors(signed).to(images.device, non_blocking=True).view(-1, 1, 1, 1)
            degenerate = _grey(x) if names == BLENDS[:1] else _smooth(x)
            y = _blend(degenerate, x.float(), factors)
        augmented[where] = y
    return augmented


def _factors(signed: Tensor) -> Tensor:
    """Enhancement factor, 1 at level 0: moves away to 0.1 or 1.9."""
    return (1 + 0.9 * signed).clamp(min=0.1).float()


def _blend(degenerate: Tensor, x: Tensor, factors: Tensor) -> Tensor:
    """Pillow's blend: degenerate + factor (x - degenerate), cut to a byte by truncation."""
    return (degenerate + factors * (x - degenerate)).clamp(0, 255).to(torch.uint8)


def _grey(x: Tensor) -> Tensor:
    """Luma (B, 1, H, W) of uint8 images as Pillow rounds it, as float."""
    red, green, blue = (x[:, c : c + 1].int() * _LUMA[c] for c in range(3))
    return ((red + green + blue + 0x8000) >> 16).float()


def _smooth(x: Tensor) -> Tensor:
    """Pillow's SMOOTH: 3 × 3 with weight 5 in the middle of 13; the border stays as it is."""
    B, C, H, W = x.shape
    pixels = x.float()
    if min(H, W) < 3:
        return pixels
    kernel = torch.ones(3, 3, device=x.device)
    kernel[1, 1] = 5
    inner = F.conv2d(pixels.reshape(B * C, 1, H, W), (kernel / 13).view(1, 1, 3, 3))
    smooth = pixels.clone()
    smooth[..., 1:-1, 1:-1] = (inner.view(B, C, H - 2, W - 2) + 0.5).floor().clamp(0, 255)
    return smooth


def _affine(x: Tensor, kinds: Tensor, signed: Tensor, fill: Sequence[int]) -> Tensor:
    """Samples x (B, 3, H, W) at a·(u, v, 1) for every output pixel centre (u, v), in pixels.

    Where the source lies outside the image the pixel is `fill`; bicubic inside, edges repeated.
    """
    B, _, H, W = x.shape
    matrix = _matrices(kinds, signed.double(), H, W).float().to(x.device, non_blocking=True)
    columns = torch.arange(W, device=x.device) + 0.5
    rows = torch.arange(H, device=x.device) + 0.5
    source = (
        matrix[:, None, None, :, 0] * columns.view(1, 1, W, 1)
        + matrix[:, None, None, :, 1] * rows.view(1, H, 1, 1)
        + matrix[:, None, None, :, 2]
    )  # (B, H, W, 2): x, y
    size = torch.tensor([W, H], dtype=torch.float32).to(x.device, non_blocking=True)
    grid = source * (2 / size) - 1
    sampled = F.grid_sample(
        x.float(), grid, mode="bicubic", padding_mode="border", align_corners=False
    )
    inside = ((source >= 0) & (source < size)).all(-1).view(B, 1, H, W)
    outside = torch.tensor(fill, dtype=torch.float32).view(1, 3, 1, 1)
    filled = torch.where(inside, sampled, outside.to(x.device, non_blocking=True))
    # Pillow truncates; 1/64 keeps float32 noise from pulling whole numbers down.
    return (filled + 1 / 64).clamp(0, 255).to(torch.uint8)


def _matrices(kinds: Tensor, signed: Tensor, H: int, W: int) -> Tensor:
    """(B, 2, 3) from output to source pixel; shears and turns as Pillow: about corner, centre."""
    matrix = torch.zeros(len(kinds), 2, 3, dtype=torch.float64)
    matrix[:, 0, 0] = matrix[:, 1, 1] = 1
    rotate, shear_x, shear_y, move_x, move_y = (kinds == k for k in range(len(GEOMETRIC)))
    angle = -signed * 30 * math.pi / 180
    cosine, sine = angle.cos(), angle.sin()
    turn = torch.stack(
        [
            torch.stack([cosine, sine, W / 2 - cosine * W / 2 - sine * H / 2], -1),
            torch.stack([-sine, cosine, H / 2 + sine * W / 2 - cosine * H / 2], -1),
        ],
        dim=1,
    )
    matrix[rotate] = turn[rotate]
    matrix[shear_x, 0, 1] = 0.3 * signed[shear_x]
    matrix[shear_y, 1, 0] = 0.3 * signed[shear_y]
    matrix[move_x, 0, 2] = 0.45 * W * signed[move_x]
    matrix[move_y, 1, 2] = 0.45 * H * signed[move_y]
    return matrix


def _look_up(x: Tensor, kinds: Tensor, part: Tensor, signed: Tensor) -> Tensor:
    """Maps every value of x (B, 3, H, W) by its image's and channel's table of 256 bytes."""
    B, C = x.shape[:2]
    table = _fixed_tables(kinds, part, signed).to(x.device, non_blocking=True)
    table = table.view(B, 1, 256).repeat(1, C, 1)  # (B, C, 256)
    values = x.reshape(B, C, -1).long()
    for name, make in (
        ("AutoContrast", _autocontrast_table),
        ("Equalize", _equalize_table),
        ("ContrastIncreasing", _contrast_table),
    ):
        members = (kinds == TABLES.index(name)).nonzero().squeeze(1)
        if len(members):
            where = members.to(x.device, non_blocking=True)
            factors = _factors(signed[members]).to(x.device, non_blocking=True)
            table[where] = make(values[where], factors).to(torch.uint8)
    return table.gather(2, values).view_as(x)


def _fixed_tables(kinds: Tensor, part: Tensor, signed: Tensor) -> Tensor:
    """(B, 256) uint8 on the CPU for the operations that do not look at the image."""
    value = torch.arange(256).expand(len(kinds), 256)
    bits = 4 - (part.double() * 4).long()
    step = (2 ** (8 - bits))[:, None]
    threshold = (256 - (part.double() * 256).long().clamp(max=256))[:, None]
    added = (part.double() * 110).long().clamp(max=128)[:, None]
    brighter = (value.float() * _factors(signed)[:, None]).clamp(0, 255).long()
    tables = {
        "Invert": 255 - value,
        "PosterizeIncreasing": value - value % step,
        "SolarizeIncreasing": torch.where(value < threshold, value, 255 - value),
        "SolarizeAdd": torch.where(value < 128, (value + added).clamp(max=255), value),
        "BrightnessIncreasing": brighter,
    }
    result = value
    for name, table in tables.items():
        result = torch.where((kinds == TABLES.index(name))[:, None], table, result)
    return result.to(torch.uint8)


def _autocontrast_table(values: Tensor, _factors: Tensor) -> Tensor:
    """Stretches each channel's smallest and largest value to 0 and 255."""
    low = values.amin(2, keepdim=True).double()
    high = values.amax(2, keepdim=True).double()
    scale = torch.full_like(high, 255) / (high - low).clamp(min=1)  # `255 / x` rounds twice
    value = torch.arange(256, device=values.device, dtype=torch.float64)
    stretched = (value * scale - low * scale).clamp(0, 255).long()
    return torch.where(high > low, stretched, value.long())


def _equalize_table(values: Tensor, _factors: Tensor) -> Tensor:
    """Pillow's equalize from each channel's histogram."""
    B, C, _ = values.shape
    channel = torch.arange(B * C, device=values.device).view(B, C, 1)
    bins = (256 * channel + values).flatten()  # one dimension: deterministic on a GPU when asked
    histogram = torch.zeros(B * C * 256, dtype=torch.int64, device=values.device)
    histogram = histogram.scatter_add_(0, bins, torch.ones_like(bins)).view(B, C, 256)
    largest = values.amax(2, keepdim=True)
    step = (values.shape[2] - histogram.gather(2, largest)) // 255
    before = histogram.cumsum(2) - histogram
    spread = ((step // 2 + before) // step.clamp(min=1)).clamp(max=255)
    return torch.where(step > 0, spread, torch.arange(256, device=values.device))


def _contrast_table(values: Tensor, factors: Tensor) -> Tensor:
    """Moves every value from or towards the rounded mean luma of its image."""
    red, green, blue = (values[:, c] * _LUMA[c] for c in range(3))
    luma = (red + green + blue + 0x8000) >> 16
    mean = (luma.double().mean(1) + 0.5).floor().view(-1, 1, 1)
    value = torch.arange(256, device=values.device, dtype=torch.float32)
    moved = mean.float() + factors.view(-1, 1, 1) * (value - mean.float())
    return moved.clamp(0, 255).long().expand(-1, values.shape[1], -1)
