"""Criteria from one backward pass: a = activation, g = gradient of the summed loss at the site.

taylor     mean_n |mean_t a·g|          Molchanov et al. 2017, arXiv 1611.06440
fisher     1/(2N) Σ_n (Σ_t a·g)²        Theis et al. 2018, arXiv 1801.05787
gradient   Σ_n (Σ_t g)²                 FISH Mask, arXiv 2111.09839: the per-image *empirical* Fisher
                                        (Kunstner et al., arXiv 1905.12558) of a shift of the channel

The loss is the cross-entropy of a cross-fitted head (ict/scoring/heads.py), summed over images, so
a batch may be split anywhere. Tokens default to `all`: under a class-token head the patch tokens
behind the last attention have gradient 0, which is refused. Two passes; memory does not grow with
the number of images, unless per-image sums are kept (`image_product` Σ_t a·g or `image_gradient`
Σ_t g, with `labels`).
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ict.criteria import Computed, Request
from ict.errors import InputError, quoted
from ict.model.backbones import pooled_features
from ict.model.pooling import head_tokens
from ict.model.sites import Site, open_sites
from ict.scoring.heads import CrossFittedHeads, cross_fit
from ict.scoring.memory import backward_bytes, images_at_once
from ict.scoring.reading import (
    Meter,
    all_sites,
    choose_tokens,
    frozen,
    read_gradients,
)

if TYPE_CHECKING:
    from ict.criteria import Batches

Opened = dict[str, list[list[Site]]]


class ImageSums:
    """Running class sums of one block's per-image importances, and the images' own sums if kept."""

    def __init__(self, name: str, classes: int) -> None:
        self.name = name
        self.by_class = torch.zeros(classes, 1, dtype=torch.float64)
        self.kept: list[Tensor] = []

    def add(self, value: Tensor, gradient: Tensor, labels: Tensor, *, keep: bool) -> None:
        """Adds a batch: a and g (B, T, D), labels (B,)."""
        value, gradient = value.float(), gradient.float()
        terms = gradient if self.name == "gradient" else value * gradient
        sums = terms.sum(dim=1).double()  # (B, D)
        importance = (sums / value.shape[1]).abs() if self.name == "taylor" else sums.square()
        member = torch.nn.functional.one_hot(labels, len(self.by_class)).double()
        self.by_class = self.by_class + (member.T @ importance).cpu()  # (C, D)
        if keep:
            self.kept.append(sums.float().cpu())

    def score(self, images: int) -> Tensor:
        total = self.by_class.sum(dim=0)
        return (
            total
            if self.name == "gradient"
            else total / (images if self.name == "taylor" else 2 * images)
        )


def compute(name: str, model: nn.Module, batches: "Batches", request: Request) -> Computed:
    """Scores all sites asked for. Raises InputError where all scores of a block are 0."""
    if name == "gradient" and "k" in request.sites and _reads_all(model, request.tokens):
        raise InputError(
            "gradient at site 'k' over all tokens is 0 up to rounding: a shift of all keys leaves attention "
            "as it is; choose taylor or fisher, tokens patch or cls, or another site"
        )
    meter = Meter(request.progress, 2 * request.images)
    heads = cross_fit(
        model,
        batches,
        classes=request.classes,
        kind=request.options.get("head", "probe"),
        meter=meter,
    )
    sums: dict[str, list[list[ImageSums]]] = {}
    counts = torch.zeros(request.classes, dtype=torch.float64)
    seen: list[Tensor] = []
    with frozen(model), open_sites(model, request.sites, whole_stream=True) as opened:
        sums = {
            site: [[ImageSums(name, request.classes) for _ in stage] for stage in stages]
            for site, stages in opened.items()
        }
        flat = [one for stages in sums.values() for stage in stages for one in stage]
        for images, labels, folds in _pieces(
            model, batches, opened, heads=heads, request=request, meter=meter
        ):
            pairs = read_gradients(
                model, all_sites(opened), images, summed_loss(heads, labels, folds)
            )
            for one, (value, gradient) in zip(flat, pairs, strict=True):
                one.add(
                    choose_tokens(value, model, request.tokens),
                    choose_tokens(gradient, model, request.tokens),
                    labels,
                    keep=request.keep_images,
                )
            counts += torch.bincount(labels.cpu(), minlength=request.classes)
            seen.append(labels.cpu())
    arrays = _arrays(sums, counts, request)
    refuse_constant(arrays, name, model, request)
    meta = {**heads.meta, "images_per_class": counts.int().tolist(), "passes": 2}
    return Computed(arrays, meta, torch.cat(seen).numpy() if request.keep_images else None)


def _reads_all(model: nn.Module, tokens: str) -> bool:
    return tokens == "all" or (tokens == "head" and head_tokens(model) == slice(None))


def summed_loss(
    heads: CrossFittedHeads, labels: Tensor, folds: Tensor
) -> Callable[[Tensor], Tensor]:
    """−Σ_n log p_n(true class) as a function of pooled features."""

    def loss(features: Tensor) -> Tensor:
        return -heads.log_probabilities(features, folds).gather(1, labels[:, None]).sum()

    return loss


def judged(
    batches: "Batches", heads: CrossFittedHeads, meter: Meter
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Images, labels and folds of each batch, without the images that no head may judge."""
    for images, labels in batches():
        folds = heads.folds(images)
        able = folds >= 0
        if able.any():
            yield images[able], labels[able], folds[able]
        meter.add(len(labels))


def bytes_per_image(model: Any, image: Tensor, opened: Opened) -> int:
    """What the passes of one image (1, 3, S, S) need at their peak.

    Twice what is kept for the backward pass (ViT-B/16: 190 MB an image at the peak, 90 MB kept), and
    values and gradients at the sites.
    """
    taps = sum(map(len, (stage for stages in opened.values() for stage in stages)))
    kept = backward_bytes(
        model, lambda: pooled_features(model, image.detach().clone().requires_grad_())
    )
    tokens = model.forward_features(image)
    return 2 * kept + 3 * taps * tokens.nbytes


def refuse_constant(
    arrays: dict[str, np.ndarray],
    name: str,
    model: nn.Module,
    request: Request,
    *,
    rounding: float = 0.0,
) -> None:
    """Raises InputError if a block's scores are all 0: nothing behind the site reads these tokens.

    `rounding` is the share of the largest score of all blocks that still counts as 0.
    """
    for site in request.sites:
        stages = [
            a for key, a in arrays.items() if key.startswith(f"{site}.") and key.count(".") == 1
        ]
        sizes = np.concatenate([np.abs(rows).max(axis=1) for rows in stages])
        for block, size in enumerate(sizes):
            if size <= rounding * sizes.max():
                raise InputError(
                    f"block {block}: every {name} score at site {quoted(site)} over {request.tokens} tokens is "
                    f"0, for these tokens never reach the logits of {type(model).__name__}; choose "
                    "tokens all (or cls)"
                )


def _pieces(
    model: nn.Module,
    batches: "Batches",
    opened: Opened,
    *,
    heads: CrossFittedHeads,
    request: Request,
    meter: Meter,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The judged batches in pieces that fit into memory; the summed loss makes this exact."""
    size = 0
    for images, labels, folds in judged(batches, heads, meter):
        if size == 0:
            size = images_at_once(
                bytes_per_image(model, images[:1], opened), request.options, images.device
            )
        yield from zip(images.split(size), labels.split(size), folds.split(size), strict=True)


def _arrays(
    sums: dict[str, list[list[ImageSums]]], counts: Tensor, request: Request
) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    kept = (
        "image_gradient" if next(iter(sums.values()))[0][0].name == "gradient" else "image_product"
    )
    for site, stages in sums.items():
        for stage, blocks in enumerate(stages):
            key = f"{site}.{stage}"
            arrays[key] = torch.stack([b.score(int(counts.sum())) for b in blocks]).float().numpy()
            per_class = torch.stack([b.by_class for b in blocks]) / counts[:, None].clamp_min(1)
            per_class = per_class.masked_fill(counts[:, None] == 0, torch.nan)
            arrays[f"{key}.per_class"] = per_class.float().numpy()
            if request.keep_images:
                arrays[f"{key}.{kept}"] = torch.stack(
                    [torch.cat(b.kept) for b in blocks], dim=1
                ).numpy()
    return arrays
