"""The pages of channels, computed: what drives each channel, in one streaming pass.

For every block and channel of a site: the nine images with the highest energy Σ_t a² over the
scored tokens, their activation maps, the class profile and the histogram. What is kept does not grow
with the number of images; maps of more than 14 × 14 patches are averaged down to that.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ict.criteria import Progress
from ict.errors import InputError
from ict.model.backbones import prefix_tokens
from ict.scoring.reading import Meter, check_finite, read_taps
from ict.store.inspect_files import IMAGES

if TYPE_CHECKING:
    from ict.criteria import Batches

BINS = 32
GRID = 14  # rows and columns of a stored map, at most


@dataclass
class BlockPages:
    """What one pass keeps of one block: D channels, C classes, M images, T cells of a map."""

    energies: Tensor  # (D, M), −1 where there is no image yet
    images: Tensor  # (D, M)
    maps: Tensor  # (D, M, T) float16
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
        return cls(
            energies=torch.full((D, IMAGES), -1.0, device=device),
            images=torch.full((D, IMAGES), -1, dtype=torch.int64, device=device),
            maps=torch.zeros(D, IMAGES, grid[0] * grid[1], dtype=torch.float16, device=device),
            class_squares=torch.zeros(classes, D, dtype=torch.float64, device=device),
            edges=torch.stack([low - margin, high + margin], dim=1),
            histogram=torch.zeros(D, BINS, dtype=torch.int64, device=device),
            grid=grid,
        )

    def add(self, patches: Tensor, labels: Tensor, numbers: Tensor) -> None:
        """Adds a batch of patch values (B, h, w, D) with labels and image numbers (B,)."""
        energy = patches.square().sum(dim=(1, 2))  # (B, D)
        member = F.one_hot(labels, len(self.class_squares)).double()
        self.class_squares += member.T @ energy.double()
        self.values = patches.shape[1] * patches.shape[2]
        self._count(patches.flatten(0, 2))
        maps = F.adaptive_avg_pool2d(patches.permute(0, 3, 1, 2), self.grid).flatten(2)  # (B, D, T)
        self._merge(energy.T, numbers, maps.transpose(0, 1).half())

    def _merge(self, energy: Tensor, numbers: Tensor, maps: Tensor) -> None:
        """Keeps the M best of what was kept and of a batch: (D, B), (B,), (D, B, T)."""
        energies = torch.cat([self.energies, energy], dim=1)
        self.energies, best = energies.sort(dim=1, descending=True, stable=True)
        self.energies, best = self.energies[:, :IMAGES], best[:, :IMAGES]
        images = torch.cat([self.images, numbers.expand(len(energy), -1)], dim=1)
        self.images = images.gather(1, best)
        new_maps = torch.cat([self.maps, maps], dim=1)
        self.maps = new_maps.gather(1, best[:, :, None].expand(-1, -1, maps.shape[2]))

    def _count(self, values: Tensor) -> None:
        """Adds values (n, D) to the histogram."""
        low, high = self.edges[:, 0], self.edges[:, 1]
        bins = ((values - low) / (high - low) * BINS).long().clamp(0, BINS - 1)
        D = values.shape[1]
        flat = (bins + BINS * torch.arange(D, device=values.device)).flatten()
        self.histogram += torch.bincount(flat, minlength=D * BINS).view(D, BINS)

    def quantised(self) -> tuple[np.ndarray, np.ndarray]:
        """Maps (D, M, T) uint8 and their range (D, 2), one a channel."""
        maps = self.maps.float()
        there = (self.images >= 0)[:, :, None]
        low = maps.masked_fill(~there, torch.inf).amin(dim=(1, 2))
        high = maps.masked_fill(~there, -torch.inf).amax(dim=(1, 2))
        scale = (high - low).clamp_min(1e-12)
        steps = ((maps - low[:, None, None]) / scale[:, None, None] * 255).round().clamp(0, 255)
        return steps.byte().cpu().numpy(), torch.stack([low, high], dim=1).cpu().numpy()


@dataclass
class Pages:
    """All blocks by stage, the labels (N,) of the images, and how many images each class has (C,)."""

    stages: list[list[BlockPages]]
    labels: np.ndarray
    counts: Tensor

    def arrays(self) -> dict[str, np.ndarray]:
        """As ict/inspect_files.py describes them, without the adapter's."""
        arrays = {"labels": self.labels.astype(np.int64)}
        for s, blocks in enumerate(self.stages):
            quantised = [block.quantised() for block in blocks]
            arrays[f"maps.{s}"] = np.stack([maps for maps, _ in quantised])
            arrays[f"map_range.{s}"] = np.stack([span for _, span in quantised]).astype(np.float32)
            arrays[f"images.{s}"] = _stack([b.images for b in blocks], np.int32)
            arrays[f"energies.{s}"] = _stack([b.energies for b in blocks], np.float32)
            arrays[f"profile.{s}"] = _stack([self._profile(b) for b in blocks], np.float16)
            arrays[f"histogram.{s}"] = _stack([b.histogram for b in blocks], np.int32)
            arrays[f"edges.{s}"] = _stack([b.edges for b in blocks], np.float32)
            arrays[f"grid.{s}"] = np.array(blocks[0].grid, dtype=np.int64)
        return arrays

    def _profile(self, block: BlockPages) -> Tensor:
        squares = block.class_squares.cpu() / (self.counts * block.values).clamp_min(1)[:, None]
        return squares.sqrt().masked_fill(self.counts[:, None] == 0, torch.nan)

    def shown(self) -> list[int]:
        """Numbers of the images that some channel shows, ascending."""
        images = {n for blocks in self.stages for b in blocks for n in b.images.unique().tolist()}
        return sorted(images - {-1})


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
    for taps, labels in read_taps(model, batches, (site,)):
        values = [[as_grid(v, model) for v in stage] for stage in taps[site]]
        if not stages:
            stages = [[BlockPages.of(v, classes=classes) for v in stage] for stage in values]
        numbers = torch.arange(meter.done, meter.done + len(labels), device=labels.device)
        for blocks, stage in zip(stages, values, strict=True):
            for block, patches in zip(blocks, stage, strict=True):
                block.add(patches, labels, numbers)
        seen.append(labels.cpu())
        meter.add(len(labels))
    if not seen:
        raise InputError("there are no images to inspect")
    all_labels = torch.cat(seen)
    for block in (block for stage in stages for block in stage):
        check_finite(block.class_squares.cpu().numpy(), f"energies at {site}")
        check_finite(block.maps.cpu().numpy(), f"maps at {site}, kept in 16 bits,")
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
