"""Does a channel matter? Replace it and look: deletion and insertion curves, score against effect.

At a site, the chosen channels are replaced in every block at once (or in some blocks) by their mean over the training
images at the same token position (`mean`), or by 0 (`zero`: breaks a network whatever the task where
a channel acts as a bias). Deletion replaces the first K of an order, insertion all but the first K.
Orders: top and lowest of each criterion, and random draws. Scores, means and the linear probe come
from the training images, accuracy from the validation images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from ict.catalogue import SITE
from ict.criteria import Progress
from ict.errors import InputError
from ict.model.backbones import pooled_features
from ict.model.sites import Site, open_sites
from ict.scores import ranked
from ict.scoring.heads import LinearHead, collect_features, fit_probe
from ict.scoring.reading import Meter, all_sites, read_taps
from ict.selection import k_from_ratio

if TYPE_CHECKING:
    from ict.criteria import Batches

FRACTIONS = (0.01, 1 / 64, 0.02, 1 / 32, 0.05, 1 / 16, 0.1, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""Those of K/D elsewhere, and 1, 2, 5 and 10 %, at which the importance of channels is mostly reported."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is replaced, and how often."""

    site: str = SITE
    blocks: tuple[int, ...] | None = None
    """Where channels are replaced, counted over all stages; None for all at once."""
    replacement: str = "mean"
    fractions: tuple[float, ...] = FRACTIONS
    random_draws: int = 5
    scatter_channels: int = 8
    """Channels a block that are replaced one at a time, drawn by `seed`; 0 for none."""
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """Accuracy and mean log-probability of the true class, and the latter of each image (N,)."""

    accuracy: float
    log_probability: float
    per_image: np.ndarray


@dataclass(frozen=True)
class Order:
    """An order of all channels of each block: `series` names it, `ranked` (D,) a block, best first."""

    series: str
    criterion: str | None
    order: str
    draw: int
    ranked: list[np.ndarray]


class Bench:
    """A model with open sites, a head and validation images, on which channels are replaced."""

    def __init__(
        self,
        model: nn.Module,
        sites: list[Site],
        *,
        replacements: list[Tensor],
        head: LinearHead,
        validation: "Batches",
        meter: Meter,
    ) -> None:
        self.model, self.sites, self.replacements = model, sites, replacements
        device = replacements[0].device
        self.weight = torch.tensor(head.weight, dtype=torch.float32, device=device)
        self.bias = torch.tensor(head.bias, dtype=torch.float32, device=device)
        self.validation, self.meter = validation, meter
        self._known: dict[bytes, Outcome] = {}

    def replace(self, masks: Sequence[np.ndarray]) -> Outcome:
        """The outcome with the masked channels (D,) of each block replaced; each choice is run once."""
        key = b"".join(np.packbits(mask).tobytes() for mask in masks)
        if key not in self._known:
            self._known[key] = self._run(masks)
        return self._known[key]

    @torch.inference_mode()
    def _run(self, masks: Sequence[np.ndarray]) -> Outcome:
        handles = [
            site.tap.register_forward_hook(_replacer(torch.from_numpy(mask).to(mean.device), mean))
            for site, mask, mean in zip(self.sites, masks, self.replacements, strict=True)
            if mask.any()
        ]
        right, logs = [], []
        try:
            for images, labels in self.validation():
                logits = pooled_features(self.model, images) @ self.weight.T + self.bias
                right.append((logits.argmax(dim=1) == labels).float().cpu())
                logs.append(logits.log_softmax(dim=1).gather(1, labels[:, None])[:, 0].cpu())
                self.meter.add(len(labels))
        finally:
            for handle in handles:
                handle.remove()
        per_image = torch.cat(logs).double().numpy()
        odd = int((~np.isfinite(per_image)).sum())
        if odd:
            raise InputError(
                f"the log-probabilities of {odd} of {len(per_image)} validation images are not finite: "
                "no training image has their class, or the values overflow"
            )
        return Outcome(float(torch.cat(right).mean()), float(per_image.mean()), per_image)


def measure(
    model: nn.Module,
    train: "Batches",
    validation: "Batches",
    *,
    plan: Plan,
    classes: int,
    scores: dict[str, list[np.ndarray]],
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Curves, scatter and agreement; `scores` holds (D,) of each block for each criterion."""
    features, labels, _ = collect_features(model, train, Meter(None, 0))
    head = fit_probe(features, labels, classes)
    with open_sites(model, (plan.site,), whole_stream=True) as opened:
        sites = all_sites(opened)
        replacements = _replacements(model, train, plan)
        widths = [mean.shape[-1] for mean in replacements]
        orders = _orders(scores, widths, plan)
        meter = Meter(progress, 0)
        bench = Bench(
            model, sites, replacements=replacements, head=head, validation=validation, meter=meter
        )
        untouched = bench.replace([np.zeros(width, dtype=bool) for width in widths])
        runs = 2 * len(orders) * len(plan.fractions) + len(widths) * plan.scatter_channels
        meter.total = (1 + runs) * len(untouched.per_image)
        curves = [row for order in orders for row in _curve(bench, order, widths, plan)]
        scatter = _scatter(bench, untouched, widths, scores, plan)
        if progress is not None:
            progress(meter.total, meter.total)  # choices that came twice were run once
    return {
        "accuracy": untouched.accuracy,
        "log_probability": untouched.log_probability,
        "validation_images": len(untouched.per_image),
        "train_images": len(labels),
        "curves": curves,
        "scatter": scatter,
        "agreement": _agreement(scatter, list(scores)),
    }


def _replacer(mask: Tensor, mean: Tensor) -> Callable[..., Tensor]:
    def replace(_tap: nn.Module, _inputs: object, values: Tensor) -> Tensor:
        return torch.where(mask, mean, values)

    return replace


@torch.inference_mode()
def _replacements(model: nn.Module, train: "Batches", plan: Plan) -> list[Tensor]:
    """(1, T, D) or (1, H, W, D) of each block: means over the training images, or zeros."""
    sums: list[Tensor] = []
    images = 0
    for taps, labels in read_taps(model, train, (plan.site,)):
        values = [v.double().sum(dim=0, keepdim=True) for stage in taps[plan.site] for v in stage]
        sums = [a + b for a, b in zip(sums, values, strict=True)] if sums else values
        images += len(labels)
    keep = 0.0 if plan.replacement == "zero" else 1.0 / images
    return [(total * keep).float() for total in sums]


def _orders(scores: dict[str, list[np.ndarray]], widths: list[int], plan: Plan) -> list[Order]:
    orders = []
    for name, rows in scores.items():
        top = [ranked(row) for row in rows]
        lowest = [ranked(row, "lowest") for row in rows]
        orders.append(Order(name, name, "top", 0, top))
        orders.append(Order(f"lowest of {name}", name, "lowest", 0, lowest))
    for draw in range(plan.random_draws):
        drawn = []
        for block, width in enumerate(widths):
            generator = np.random.default_rng([plan.seed, draw, block])
            drawn.append(generator.permutation(width))
        orders.append(Order("random", None, "random", draw, drawn))
    return orders


def _curve(bench: Bench, order: Order, widths: list[int], plan: Plan) -> list[dict[str, Any]]:
    rows = []
    for mode in ("deletion", "insertion"):
        for fraction in plan.fractions:
            ks = [k_from_ratio(fraction, width) for width in widths]
            masks = [
                (_first(r, k) ^ (mode == "insertion")) & (plan.blocks is None or b in plan.blocks)
                for b, (r, k) in enumerate(zip(order.ranked, ks, strict=True))
            ]
            outcome = bench.replace(masks)
            rows.append(
                {
                    "series": order.series,
                    "criterion": order.criterion,
                    "order": order.order,
                    "seed": order.draw,
                    "mode": mode,
                    "fraction": fraction,
                    "k": sorted(set(ks)),
                    "accuracy": outcome.accuracy,
                    "log_probability": outcome.log_probability,
                }
            )
    return rows


def _first(ranked: np.ndarray, k: int) -> np.ndarray:
    mask = np.zeros(len(ranked), dtype=bool)
    mask[ranked[:k]] = True
    return mask


def _scatter(
    bench: Bench,
    untouched: Outcome,
    widths: list[int],
    scores: dict[str, list[np.ndarray]],
    plan: Plan,
) -> list[dict[str, Any]]:
    """One channel at a time: mean fall of the log-probability, mean of its size, and the scores."""
    rows = []
    generator = np.random.default_rng(plan.seed)
    for block, width in enumerate(widths):
        if plan.blocks is not None and block not in plan.blocks:
            continue
        drawn = generator.choice(width, size=min(width, plan.scatter_channels), replace=False)
        for channel in sorted(drawn.tolist()):
            masks = [np.zeros(w, dtype=bool) for w in widths]
            masks[block][channel] = True
            fall = untouched.per_image - bench.replace(masks).per_image
            rows.append(
                {
                    "block": block,
                    "channel": channel,
                    "effect": float(fall.mean()),
                    "effect_size": float(np.abs(fall).mean()),
                    "scores": {
                        name: float(rows_[block][channel]) for name, rows_ in scores.items()
                    },
                }
            )
    return rows


def _agreement(scatter: list[dict[str, Any]], criteria: list[str]) -> list[dict[str, Any]]:
    """Spearman's correlation of score and effect size by criterion and block; n channels each."""
    rows = []
    for criterion in criteria:
        for block in sorted({row["block"] for row in scatter}):
            of_block = [row for row in scatter if row["block"] == block]
            if len(of_block) > 2:
                pair = [(row["scores"][criterion], row["effect_size"]) for row in of_block]
                value = float(spearmanr(np.array(pair)).statistic)
                rows.append(
                    {"criterion": criterion, "block": block, "spearman": value, "n": len(of_block)}
                )
    return rows
