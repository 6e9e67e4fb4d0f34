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

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ict.criteria import Computed, Request
from ict.errors import InputError
from ict.model.cuda_graph import Capture, capture_cuda_graph
from ict.scoring.norm_sums import BlockSums, Replayed, Sums
from ict.scoring.reading import Meter, exact_float32, tap_reader

if TYPE_CHECKING:
    from ict.criteria import Batches


def compute(
    name: str,
    model: nn.Module,
    batches: "Batches",
    request: Request,
    *,
    capture: Capture | None = None,
) -> Computed:
    """Scores all sites asked for in one pass. Raises InputError for tokens that the model lacks.

    On a GPU batches are replayed as one CUDA graph (`capture` None), and nothing waits for it before
    the end.
    """
    with exact_float32(model):
        sums, labels = _collect(
            model,
            batches,
            request,
            totals=name == "variance",
            capture=capture or _capture_for(model, request),
        )
    return _computed(name, sums, labels, request)


def _computed(name: str, sums: Sums, labels: np.ndarray, request: Request) -> Computed:
    counts, images = sums.counts, int(sums.counts.sum())
    arrays: dict[str, np.ndarray] = {}
    for site, stages in sums.blocks.items():
        for stage, blocks in enumerate(stages):
            key = f"{site}.{stage}"
            per_class = _class_norms(blocks, counts, request)
            arrays[key] = _score(name, blocks, per_class, images).float().cpu().numpy()
            arrays[f"{key}.per_class"] = per_class.float().cpu().numpy()
            if request.keep_images:
                arrays[f"{key}.per_image"] = _by_image([b.energies for b in blocks])
                arrays[f"{key}.token_mean"] = _by_image([b.means for b in blocks])
                share = [block.top_token_share() for block in blocks]
                arrays[f"{key}.top_token_share"] = np.array(share, dtype=np.float32)
    tokens = next(iter(sums.blocks.values()))[0][0].tokens
    meta: dict[str, Any] = {
        "tokens_per_image": tokens,
        "images_per_class": counts.int().tolist(),
        "normed": bool(request.options.get("normed")),
    }
    return Computed(arrays, meta, labels if request.keep_images else None)


def _class_norms(blocks: list[BlockSums], counts: Tensor, request: Request) -> Tensor:
    """L2 norm of each channel over the tokens of each class, (blocks, C, D); NaN for a class without images."""
    squares = torch.stack([block.class_squares for block in blocks])
    if request.options.get("normalise"):
        squares = squares / (counts[:, None] * blocks[0].tokens).clamp_min(1)
    return squares.sqrt().masked_fill(counts[:, None] == 0, torch.nan)


@torch.inference_mode()
def _collect(
    model: nn.Module,
    batches: "Batches",
    request: Request,
    *,
    totals: bool,
    capture: Capture | None,
) -> tuple[Sums, np.ndarray]:
    """One pass that stops behind the last site: what it adds up, and the labels."""
    seen: list[Tensor] = []
    meter = Meter(request.progress, request.images)
    with tap_reader(model, request.sites) as read:
        sums = Sums(model, request, read, totals=totals)
        add = sums.add if capture is None else Replayed(sums, capture)
        for images, labels in batches():
            add(images, labels)
            seen.append(labels)
            meter.add(len(labels))
    if not seen:
        raise InputError("there are no images to score")
    return sums, torch.cat(seen).cpu().numpy()


def _capture_for(model: nn.Module, request: Request) -> Capture | None:
    """A CUDA graph on a GPU; none where images are kept, which waits for each of them."""
    on_gpu = next(model.parameters()).is_cuda
    return capture_cuda_graph if on_gpu and not request.keep_images else None


def _score(name: str, blocks: list[BlockSums], per_class: Tensor, images: int) -> Tensor:
    """(blocks, D) of one stage."""
    if name == "class_l2":
        return per_class.nanmean(dim=1)
    squares = torch.stack([b.class_squares.sum(dim=0) for b in blocks])
    if name == "l2":
        return squares.sqrt()
    values = images * blocks[0].tokens
    means = torch.stack([b.totals for b in blocks]) / values
    return (squares / values - means.square()).clamp_min(0)


def _by_image(batches_of_blocks: list[list[Tensor]]) -> np.ndarray:
    """(N, blocks, D) float32 from the batches of each block."""
    return torch.stack([torch.cat(batches) for batches in batches_of_blocks], dim=1).numpy()
