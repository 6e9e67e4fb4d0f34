"""Norms of a channel's activations, in one streaming pass over the images.

class_l2   mean_k sqrt(Σ_{n of class k} Σ_t a[n,t,c]²)    SCT, arXiv 2309.08513, as its code scores
l2         sqrt(Σ_n Σ_t a²)                               control
variance   Var_{n,t}(a)                                   Molchanov et al. 2017, arXiv 1611.06440

The class norms are not divided by class size, as in the authors' code, so a class with more images
weighs more; `options={"normalise": True}` divides each by sqrt(N_k T). Classes without images are
NaN and left out of the mean. `options={"normed": True}` scores what the next LayerNorm makes of the
residual stream. Memory does not grow with the number of images, unless they are kept; then
`top_token_share` (blocks,) is stored too: the share of the energy in the top 1 % of tokens.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ict.criteria import Computed, Request
from ict.errors import InputError
from ict.scoring.reading import Meter, choose_tokens, following_norms, read_taps

if TYPE_CHECKING:
    from ict.criteria import Batches


@dataclass
class BlockSums:
    """What one pass keeps of one block at one site; D channels, C classes, T tokens an image."""

    class_squares: Tensor  # (C, D) float64: Σ over images of the class and tokens of a²
    totals: Tensor  # (D,) float64: Σ over images and tokens of a; zeros where no one asks
    tokens: int = 0
    energies: list[Tensor] = field(default_factory=list)  # (B, D) a batch, when images are kept
    means: list[Tensor] = field(default_factory=list)
    token_energies: list[Tensor] = field(default_factory=list)  # (B, T) a batch

    def add(self, values: Tensor, member: Tensor, *, totals: bool, keep: bool) -> None:
        """Adds a batch of activations (B, T, D) of images that belong to classes, member (B, C)."""
        values = values.float()  # float16 squares overflow past 255
        energy = values.square().sum(dim=1)  # (B, D)
        self.class_squares += member.T @ energy.double()
        self.tokens = values.shape[1]
        if totals or keep:
            total = values.sum(dim=1)
            self.totals += total.double().sum(dim=0)
        if keep:
            self.energies.append(energy.cpu())
            self.means.append((total / values.shape[1]).cpu())
            self.token_energies.append(values.square().sum(dim=2).cpu())

    def top_token_share(self) -> float:
        """Share of the energy in the top 1 % of tokens, over all images (massive ones: 2402.17762)."""
        energies = torch.cat(self.token_energies).flatten().double()
        top = energies.topk(max(1, round(len(energies) / 100))).values
        return float(top.sum() / energies.sum())


def compute(name: str, model: nn.Module, batches: "Batches", request: Request) -> Computed:
    """Scores all sites asked for in one pass. Raises InputError for tokens that the model lacks."""
    sums, counts, labels = collect(model, batches, request, totals=name == "variance")
    arrays: dict[str, np.ndarray] = {}
    for site, stages in sums.items():
        for stage, blocks in enumerate(stages):
            key = f"{site}.{stage}"
            per_class = torch.stack([class_norms(b, counts, request) for b in blocks])
            arrays[key] = _score(name, blocks, per_class, int(counts.sum()))
            arrays[f"{key}.per_class"] = per_class.float().numpy()
            if request.keep_images:
                arrays[f"{key}.per_image"] = _by_image([b.energies for b in blocks])
                arrays[f"{key}.token_mean"] = _by_image([b.means for b in blocks])
                share = [block.top_token_share() for block in blocks]
                arrays[f"{key}.top_token_share"] = np.array(share, dtype=np.float32)
    tokens = next(iter(sums.values()))[0][0].tokens
    meta: dict[str, Any] = {
        "tokens_per_image": tokens,
        "images_per_class": counts.int().tolist(),
        "normed": bool(request.options.get("normed")),
    }
    return Computed(arrays, meta, labels if request.keep_images else None)


def class_norms(block: BlockSums, counts: Tensor, request: Request) -> Tensor:
    """L2 norm of each channel over the tokens of each class, (C, D); NaN for a class without images."""
    squares = block.class_squares.cpu()
    if request.options.get("normalise"):
        squares = squares / (counts[:, None] * block.tokens).clamp_min(1)
    return squares.sqrt().masked_fill(counts[:, None] == 0, torch.nan)


@torch.inference_mode()
def collect(
    model: nn.Module, batches: "Batches", request: Request, *, totals: bool
) -> tuple[dict[str, list[list[BlockSums]]], Tensor, np.ndarray]:
    """One pass that stops behind the last site: sums by site, stage and block; counts (C,); labels."""
    members: list[Tensor] = []  # (C,) a batch
    seen: list[Tensor] = []
    sums: dict[str, list[list[BlockSums]]] = {}
    meter = Meter(request.progress, request.images)
    normed = bool(request.options.get("normed"))
    views = {site: following_norms(model, site) for site in request.sites} if normed else {}

    def add(taps: dict[str, list[list[Tensor]]], member: Tensor) -> None:
        for site, stages in taps.items():
            if site not in sums:
                sums[site] = [[_empty(v, request.classes) for v in stage] for stage in stages]
            for s, (blocks, stage) in enumerate(zip(sums[site], stages, strict=True)):
                for b, (block, values) in enumerate(zip(blocks, stage, strict=True)):
                    seen_by_next = views[site][s][b](values) if normed else values
                    chosen = choose_tokens(seen_by_next, model, request.tokens)
                    block.add(chosen, member, totals=totals, keep=request.keep_images)

    for taps, labels in read_taps(model, batches, request.sites):
        classes = torch.arange(request.classes, device=labels.device)
        member = (labels[:, None] == classes).double()  # (B, C); one_hot would wait for the GPU
        add(taps, member)
        taps.clear()  # or this batch would live through the next one's forward pass
        members.append(member.sum(dim=0))
        seen.append(labels)
        meter.add(len(labels))
    if not seen:
        raise InputError("there are no images to score")
    return sums, torch.stack(members).sum(dim=0).cpu(), torch.cat(seen).cpu().numpy()


def _empty(values: Tensor, classes: int) -> BlockSums:
    width = values.shape[-1]
    zeros = torch.zeros(classes, width, dtype=torch.float64, device=values.device)
    return BlockSums(zeros, torch.zeros_like(zeros[0]))


def _score(name: str, blocks: list[BlockSums], per_class: Tensor, images: int) -> np.ndarray:
    """(blocks, D) float32 of one stage."""
    if name == "class_l2":
        return per_class.nanmean(dim=1).float().numpy()
    squares = torch.stack([b.class_squares.sum(dim=0) for b in blocks]).cpu()
    if name == "l2":
        return squares.sqrt().float().numpy()
    values = images * blocks[0].tokens
    means = torch.stack([b.totals for b in blocks]).cpu() / values
    return (squares / values - means.square()).clamp_min(0).float().numpy()


def _by_image(batches_of_blocks: list[list[Tensor]]) -> np.ndarray:
    """(N, blocks, D) float32 from the batches of each block."""
    return torch.stack([torch.cat(batches) for batches in batches_of_blocks], dim=1).numpy()
