"""The pages of channels, computed: what drives each channel, in one streaming pass.

For every block and channel of a site: the nine images with the highest energy Σ_t a² over the
scored tokens, three with the lowest and three of middle energy, their activation maps, the class profile
and the histogram. What is kept does not grow with the number of images; maps of more than 14 × 14 patches
are averaged down to that.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ict.criteria import Progress
from ict.errors import InputError
from ict.model.backbones import prefix_tokens
from ict.scoring.kept_images import Kept, Sample
from ict.scoring.reading import Meter, check_finite, read_taps
from ict.store.inspect_files import FEW, IMAGES

if TYPE_CHECKING:
    from ict.criteria import Batches

BINS = 32
GRID = 14  # rows and columns of a stored map, at most


@dataclass
class BlockPages:
    """What one pass keeps of one block: D channels, C classes, T cells of a map."""

    highest: Kept
    lowest: Kept
    sample: Kept
    class_squares: Tensor  # (C, D) float64
    edges: Tensor  # (D, 2): the first batch's range and a quarter more on both sides
    histogram: Tensor  # (D, BINS) int64
    grid: tuple[int, int]
    values: int = 0  # tokens an image

    @classmethod
    def of(cls, patches: Tensor, *, classes: int) -> "BlockPages":
        """Empty, for values like those of the first batch (B, h, w, D)."""
        _, height, width, D = patches.shape
        grid = (min(height, GRID), min(width, GRID))
        device = patches.device
        low, high = patches.amin(dim=(0, 1, 2)).float(), patches.amax(dim=(0, 1, 2)).float()
        margin = ((high - low) / 4).clamp_min(1e-6)
        none, cells = functools.partial(Kept.empty, D, device=device), grid[0] * grid[1]
        return cls(
            highest=none(IMAGES, cells, lowest=False),
            lowest=none(FEW, cells, lowest=True),
            sample=none(0, cells, lowest=False),
            class_squares=torch.zeros(classes, D, dtype=torch.float64, device=device),
            edges=torch.stack([low - margin, high + margin], dim=1),
            histogram=torch.zeros(D, BINS, dtype=torch.int64, device=device),
            grid=grid,
        )

    def add(
        self, patches: Tensor, labels: Tensor, numbers: Tensor, stay: tuple[list[int], list[int]]
    ) -> None:
        """Adds a batch of patch values (B, h, w, D) with labels and image numbers (B,).

        `stay` are the places, in the sample so far and in the batch, of what is the sample now.
        """
        energy = patches.square().sum(dim=(1, 2))  # (B, D)
        member = F.one_hot(labels, len(self.class_squares)).double()
        self.class_squares += member.T @ energy.double()
        self.values = patches.shape[1] * patches.shape[2]
        self._count(patches.flatten(0, 2))
        maps = F.adaptive_avg_pool2d(patches.permute(0, 3, 1, 2), self.grid).flatten(2)  # (B, D, T)
        everywhere = numbers.expand(energy.shape[1], -1)
        batch = Kept(energy.T, everywhere, maps.transpose(0, 1).half())
        self.highest = self.highest.with_batch(batch, lowest=False)
        self.lowest = self.lowest.with_batch(batch, lowest=True)
        self.sample = self.sample.at(stay[0]).beside(batch.at(stay[1]))

    def levels(self) -> dict[str, Kept]:
        """Images of high, middle and low energy, by the beginning of their names in a file."""
        return {"": self.highest, "middle_": self.sample.middle(FEW), "lowest_": self.lowest}

    def _count(self, values: Tensor) -> None:
        """Adds values (n, D) to the histogram."""
        low, high = self.edges[:, 0], self.edges[:, 1]
        bins = ((values - low) / (high - low) * BINS).long().clamp(0, BINS - 1)
        D = values.shape[1]
        flat = (bins + BINS * torch.arange(D, device=values.device)).flatten()
        self.histogram += torch.bincount(flat, minlength=D * BINS).view(D, BINS)


def quantised(levels: Mapping[str, Kept]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Maps (D, M, T) uint8 of each level and their range (D, 2), one a channel for all levels."""
    spans = [_span(kept) for kept in levels.values()]
    low = torch.stack([span[0] for span in spans]).amin(dim=0)
    high = torch.stack([span[1] for span in spans]).amax(dim=0)
    scale = (high - low).clamp_min(1e-12)
    maps = {}
    for name, kept in levels.items():
        steps = (kept.maps.float() - low[:, None, None]) / scale[:, None, None] * 255
        maps[name] = steps.round().clamp(0, 255).byte().cpu().numpy()
    return maps, torch.stack([low, high], dim=1).cpu().numpy()


def _span(kept: Kept) -> tuple[Tensor, Tensor]:
    """The lowest and the highest value (D,) of the maps that there are."""
    maps, lacks = kept.maps.float(), (kept.images < 0)[:, :, None]
    low = maps.masked_fill(lacks, torch.inf).amin(dim=(1, 2))
    return low, maps.masked_fill(lacks, -torch.inf).amax(dim=(1, 2))


@dataclass
class Pages:
    """All blocks by stage, the labels (N,) of the images, and how many images each class has (C,)."""

    stages: list[list[BlockPages]]
    labels: np.ndarray
    counts: Tensor

    def arrays(self, *, highest_alone: bool = False) -> dict[str, np.ndarray]:
        """As ict/store/inspect_files.py describes them, without the adapter's.

        `highest_alone`: as version 0.1.0 wrote them, without images of middle and low energy.
        """
        arrays = {"labels": self.labels.astype(np.int64)}
        for s, blocks in enumerate(self.stages):
            levels = [_highest(b) if highest_alone else b.levels() for b in blocks]
            made = [quantised(level) for level in levels]
            arrays[f"map_range.{s}"] = np.stack([span for _, span in made]).astype(np.float32)
            for name in levels[0]:
                kept = [level[name] for level in levels]
                energies = [one.energies.masked_fill(one.images < 0, -1) for one in kept]
                arrays[f"{name}maps.{s}"] = np.stack([maps[name] for maps, _ in made])
                arrays[f"{name}images.{s}"] = _stack([one.images for one in kept], np.int32)
                arrays[f"{name}energies.{s}"] = _stack(energies, np.float32)
            arrays[f"profile.{s}"] = _stack([self._profile(b) for b in blocks], np.float16)
            arrays[f"histogram.{s}"] = _stack([b.histogram for b in blocks], np.int32)
            arrays[f"edges.{s}"] = _stack([b.edges for b in blocks], np.float32)
            arrays[f"grid.{s}"] = np.array(blocks[0].grid, dtype=np.int64)
        return arrays

    def _profile(self, block: BlockPages) -> Tensor:
        squares = block.class_squares.cpu() / (self.counts * block.values).clamp_min(1)[:, None]
        return squares.sqrt().masked_fill(self.counts[:, None] == 0, torch.nan)

    def shown(self, *, highest_alone: bool = False) -> list[int]:
        """Numbers of the images that some channel shows, ascending."""
        images = {
            number
            for block in (block for blocks in self.stages for block in blocks)
            for kept in (_highest(block) if highest_alone else block.levels()).values()
            for number in kept.images.unique().tolist()
        }
        return sorted(images - {-1})


def _highest(block: BlockPages) -> dict[str, Kept]:
    return {"": block.highest}


@torch.inference_mode()
def inspect_channels(
    model: nn.Module,
    batches: "Batches",
    *,
    site: str,
    classes: int,
    images: int = 0,
    progress: Progress | None = None,
) -> Pages:
    """One pass over the images. Raises InputError if there are none, or a value is not finite."""
    meter = Meter(progress, images)
    stages: list[list[BlockPages]] = []
    seen: list[Tensor] = []
    sample = Sample()
    for taps, labels in read_taps(model, batches, (site,)):
        values = [[as_grid(v, model) for v in stage] for stage in taps[site]]
        if not stages:
            stages = [[BlockPages.of(v, classes=classes) for v in stage] for stage in values]
        numbers = torch.arange(meter.done, meter.done + len(labels), device=labels.device)
        stay = sample.take(meter.done, len(labels))
        for blocks, stage in zip(stages, values, strict=True):
            for block, patches in zip(blocks, stage, strict=True):
                block.add(patches, labels, numbers, stay)
        seen.append(labels.cpu())
        meter.add(len(labels))
    if not seen:
        raise InputError("there are no images to inspect")
    all_labels = torch.cat(seen)
    for block in (block for stage in stages for block in stage):
        check_finite(block.class_squares.cpu().numpy(), f"energies at {site}")
        check_finite(block.highest.maps.cpu().numpy(), f"maps at {site}, kept in 16 bits,")
    return Pages(stages, all_labels.numpy(), torch.bincount(all_labels, minlength=classes).double())


def as_grid(values: Tensor, model: nn.Module) -> Tensor:
    """Patch tokens as they lie in the image, (B, h, w, D), without prefix tokens, float32."""
    if values.ndim == 4:
        return values.float()
    patches = values[:, prefix_tokens(model) :].float()
    height, width = _grid_of(model, patches.shape[1])
    return patches.unflatten(1, (height, width))


def _grid_of(model: nn.Module, tokens: int) -> tuple[int, int]:
    grid = getattr(getattr(model, "patch_embed", None), "grid_size", None)
    if grid and grid[0] * grid[1] == tokens:
        return int(grid[0]), int(grid[1])
    side = round(tokens**0.5)
    return (side, side) if side * side == tokens else (1, tokens)


def _stack(tensors: list[Tensor], dtype: type) -> np.ndarray:
    return np.stack([tensor.cpu().numpy() for tensor in tensors]).astype(dtype)
