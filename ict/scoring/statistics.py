"""How well a channel tells the classes apart: the F statistic of a one-way analysis of variance.

anova_f    ½ [ F(mean_t a) + mean_t F(a[·,t]) ]     scikit-learn `f_classif` (Fisher's F)

F of the token mean throws away position, which *is* the label of location tasks; F of each token
keeps it. Both are stored (`token_mean_f`, `token_f`) and averaged; `statistic` chooses one of them.
The first goes through scikit-learn, the second is the same formula from sums per class and token,
in float64, so that memory does not grow with the number of images: blocks × T × C × D values, which
is said beforehand and, if too much at once, taken in several passes.
"""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.feature_selection import f_classif
from torch import Tensor, nn

from ict.criteria import Computed, Request
from ict.errors import InputError, quoted
from ict.scoring.memory import check_fits, memory_limit
from ict.scoring.reading import Meter, check_finite, choose_tokens, read_taps

if TYPE_CHECKING:
    from ict.criteria import Batches

STATISTICS = ("both", "token_mean", "tokens")


@dataclass
class BlockSums:
    """Sums of one block at one site, each value less that of the first image (for precision)."""

    origin: Tensor  # (T, D)
    by_class: Tensor  # (C, T, D) Σ over images of the class
    squares: Tensor  # (T, D) Σ over images of the square
    means: list[np.ndarray]  # (B, D) token means a batch

    @classmethod
    def empty(cls, first: Tensor, classes: int) -> "BlockSums":
        zeros = torch.zeros(classes, *first.shape, dtype=torch.float64, device=first.device)
        return cls(first.double(), zeros, torch.zeros_like(zeros[0]), [])

    def add(self, values: Tensor, labels: Tensor) -> None:
        """Adds a batch (B, T, D) with labels (B,)."""
        shifted = values.double() - self.origin
        self.by_class.index_add_(0, labels, shifted)
        self.squares += shifted.square().sum(dim=0)
        self.means.append(values.double().mean(dim=1).cpu().numpy())

    def token_f(self, counts: Tensor) -> Tensor:
        """(D,) mean over tokens of F; a token that is the same in all images counts as 0."""
        present = counts > 0
        N, C = counts.sum(), present.sum()
        explained = (self.by_class.square()[present] / counts[present, None, None]).sum(dim=0)
        between = explained - self.by_class.sum(dim=0).square() / N
        within = (self.squares - explained).clamp_min(0)
        f = (between.clamp_min(0) / (C - 1)) / (within / (N - C))
        return torch.nan_to_num(f, nan=0.0, posinf=torch.inf).mean(dim=0)


@torch.inference_mode()
def compute(name: str, model: nn.Module, batches: "Batches", request: Request) -> Computed:
    """Scores all sites asked for. Raises InputError if memory does not suffice for one block."""
    statistic = request.options.get("statistic", "both")
    if statistic not in STATISTICS:
        raise InputError(f"statistic={quoted(statistic)}: choose one of {', '.join(STATISTICS)}")
    labels = _labels(batches)
    counts = torch.bincount(labels, minlength=request.classes).double()
    if (counts > 0).sum() < 2 or len(labels) <= (counts > 0).sum():
        raise InputError(
            f"an F statistic needs two classes and more images than classes; there are {len(labels)} "
            f"images of {int((counts > 0).sum())} classes"
        )
    chunks = _plan(model, batches, request)
    meter = Meter(request.progress, len(chunks) * len(labels))
    token_mean_f: dict[tuple[str, int], dict[int, np.ndarray]] = {}
    token_f: dict[tuple[str, int], dict[int, np.ndarray]] = {}
    for chunk in chunks:
        for (site, stage, block), sums in _collect(model, batches, request, chunk, meter).items():
            token_mean_f.setdefault((site, stage), {})[block] = _f(
                np.concatenate(sums.means), labels.numpy()
            )
            token_f.setdefault((site, stage), {})[block] = (
                sums.token_f(counts.to(sums.squares.device)).cpu().numpy()
            )
    arrays: dict[str, np.ndarray] = {}
    for (site, stage), blocks in sorted(token_f.items()):
        order = sorted(blocks)
        of_means = np.stack([token_mean_f[site, stage][b] for b in order]).astype(np.float32)
        of_tokens = np.stack([blocks[b] for b in order]).astype(np.float32)
        both = (of_means + of_tokens) / 2
        scores: dict[str, np.ndarray] = {"both": both, "token_mean": of_means, "tokens": of_tokens}
        arrays[f"{site}.{stage}"] = scores[statistic]
        arrays[f"{site}.{stage}.token_mean_f"] = of_means
        arrays[f"{site}.{stage}.token_f"] = of_tokens
    meta = {
        "statistic": statistic,
        "passes": len(chunks),
        "images_per_class": counts.int().tolist(),
    }
    return Computed(arrays, meta, labels.numpy() if request.keep_images else None)


Key = tuple[str, int, int]
"""site, stage, block of the stage"""


def _labels(batches: "Batches") -> Tensor:
    seen = [labels.cpu() for _, labels in batches()]
    if not seen:
        raise InputError("there are no images to score")
    return torch.cat(seen)


def _plan(model: nn.Module, batches: "Batches", request: Request) -> list[set[Key]]:
    """Blocks by pass, such that the sums of one pass fit into memory."""
    taps, labels = next(iter(read_taps(model, lambda: _head(batches), request.sites)))
    needs = {
        (site, stage, block): 8
        * (request.classes + 3)
        * choose_tokens(v, model, request.tokens).numel()
        for site, stages in taps.items()
        for stage, values in enumerate(stages)
        for block, v in enumerate(values)
    }
    limit = memory_limit(request.options, labels.device)
    check_fits(
        max(needs.values()),
        limit,
        f"anova_f of one block with {request.classes} classes",
        "raise memory_limit_bytes or choose another criterion",
    )
    chunks: list[set[Key]] = [set()]
    used = 0
    for key, need in needs.items():
        if used + need > limit and chunks[-1]:
            chunks.append(set())
            used = 0
        chunks[-1].add(key)
        used += need
    return chunks


def _head(batches: "Batches") -> list[tuple[Tensor, Tensor]]:
    """The first image alone."""
    images, labels = next(iter(batches()))
    return [(images[:1], labels[:1])]


def _collect(
    model: nn.Module, batches: "Batches", request: Request, chunk: set[Key], meter: Meter
) -> dict[Key, BlockSums]:
    sums: dict[Key, BlockSums] = {}
    for taps, labels in read_taps(model, batches, request.sites):
        for key in chunk:
            site, stage, block = key
            values = choose_tokens(taps[site][stage][block], model, request.tokens).float()
            if key not in sums:
                sums[key] = BlockSums.empty(values[0], request.classes)
            sums[key].add(values, labels)
        meter.add(len(labels))
    return sums


def _f(means: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(D,) F of the token means (N, D); a channel that never changes counts as 0."""
    check_finite(means, "values")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constant features, which are 0 here
        f, _ = f_classif(means, labels)
    return np.nan_to_num(f, nan=0.0, posinf=np.inf)
