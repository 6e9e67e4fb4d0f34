"""Gradients of the loss for a dense adapter at zero, at every block of the sites asked for.

A dense adapter adds W x + b to all D channels of a site. At W = 0, b = 0 its gradients are G = Σ g xᵀ
(row: the channel that is written, column: the one that is read) and g = Σ g, with x the values at the
site and g the gradient there of the loss, −Σ log p(true class) by a cross-fitted head
(ict/scoring/heads.py); both summed over images and tokens. As every adapter is zero, those of all blocks
and sites come from one backward pass. A small step −ε·[G[S, R], g[S]]/‖·‖ of an adapter that reads R and
writes S lowers the loss by ε·‖·‖.

The images that a head judges are dealt into parts, those of each class by turns, and each part has sums
of its own. Two passes; memory does not grow with the number of images. Scores are `write` √(Σ_r G[s, r]² + g[s]²) of a row,
which also stands for the whole, and `read` √(Σ_s G[s, r]²) of a column, over all parts.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ict.adapter_gradients import PARTS_OF_HEAD, AdapterGradients, part_of
from ict.criteria import Computed, Request
from ict.errors import InputError
from ict.model.sites import open_sites
from ict.scoring.gradient_sums import GradientSums, pass_back, room_for
from ict.scoring.gradients import judged, refuse_constant, summed_loss
from ict.scoring.heads import CrossFittedHeads, cross_fit
from ict.scoring.reading import Meter, all_sites, frozen

if TYPE_CHECKING:
    from ict.criteria import Batches


def compute(name: str, model: nn.Module, batches: "Batches", request: Request) -> Computed:
    """Gradients at all sites asked for, and norms of their rows and columns as scores.

    Raises InputError for other tokens than all, where no head may judge an image, where the sums do not
    fit into memory, and where all gradients of a block are 0.
    """
    if request.tokens != "all":
        raise InputError(
            f"{name} over {request.tokens} tokens: an adapter changes every token, so choose tokens all"
        )
    meter = Meter(request.progress, 2 * request.images)
    kind = request.options.get("head", "probe")
    heads = cross_fit(model, batches, classes=request.classes, kind=kind, meter=meter)
    gradients, labels = sum_gradients(model, batches, heads, request=request, meter=meter)
    arrays = _norms(gradients)
    refuse_constant(arrays, name, model, request)
    per_class = np.bincount(labels, minlength=request.classes).tolist()
    meta = {**heads.meta, "images_per_class": per_class, "passes": 2}
    return Computed(arrays, meta, labels if request.keep_images else None, gradients)


def sum_gradients(
    model: nn.Module,
    batches: "Batches",
    heads: CrossFittedHeads,
    *,
    request: Request,
    meter: Meter,
) -> tuple[AdapterGradients, np.ndarray]:
    """The second pass over the images, and the labels (N,) of those that a head may judge.

    Raises InputError if it gives no image.
    """
    dealer, sums, at_once = HeadDealer(heads.judged_of_class), None, 1
    parts = len(dealer.heads)
    seen, images_of_parts = [], torch.zeros(parts, dtype=torch.int64)
    with frozen(model), open_sites(model, request.sites, whole_stream=True) as opened:
        for images, labels, folds in judged(batches, heads, meter):
            if sums is None:
                widths, at_once = room_for(model, opened, images[:1], request, parts)
                sums = GradientSums(widths, parts, images.device)
            dealt = dealer.deal(labels, folds)
            for piece in dealt.argsort(stable=True).split(at_once):  # images of a part together
                here = piece.to(images.device)
                loss = summed_loss(heads, labels[here], folds[here])
                counts = torch.bincount(dealt[piece], minlength=parts)
                add = partial(sums.add, images=counts.tolist())
                pass_back(model, all_sites(opened), images[here], loss, add)
                images_of_parts += counts
            seen.append(labels.cpu())
    if sums is None:
        raise InputError(
            "the second pass over the images gave none; give data that can be read twice, as a list can"
        )
    arrays = {name: array.cpu().numpy() for name, array in sums.arrays.items()}
    images_of = tuple(images_of_parts.tolist())
    return AdapterGradients(arrays, images_of, heads=dealer.heads), torch.cat(seen).numpy()


class HeadDealer:
    """Deals the images of each head into parts of their own; `heads` says whose each part is."""

    def __init__(self, of_class_by_head: Sequence[Sequence[int]]) -> None:
        sizes = [min(PARTS_OF_HEAD, sum(of_class)) for of_class in of_class_by_head]
        self.heads = tuple(head for head, size in enumerate(sizes) for _ in range(size))
        self._first = [0, *accumulate(sizes)]
        self._dealers = [
            Dealer(of_class, size) for of_class, size in zip(of_class_by_head, sizes, strict=True)
        ]

    def deal(self, labels: Tensor, folds: Tensor) -> Tensor:
        """(B,) the part of each image, on the CPU; `folds` (B,) is the head that judges it."""
        dealt, judged = torch.empty(len(labels), dtype=torch.int64), folds.cpu()
        for head, dealer in enumerate(self._dealers):
            mine = judged == head
            dealt[mine] = self._first[head] + dealer.deal(labels.cpu()[mine])
        return dealt


class Dealer:
    """Deals the images of each class into parts by turns, in their order and however they are batched.

    A class begins where the one before it ended, so sizes of parts differ by one image at most.
    """

    def __init__(self, of_class: Sequence[int], parts: int) -> None:
        self.parts = parts
        self._next = [0, *accumulate(of_class)]

    def deal(self, labels: Tensor) -> Tensor:
        """(B,) the part of each image, on the CPU."""
        dealt = []
        for label in labels.tolist():
            dealt.append(part_of(self._next[label], self.parts))
            self._next[label] += 1
        return torch.tensor(dealt, dtype=torch.int64)


def _norms(gradients: AdapterGradients) -> dict[str, np.ndarray]:
    """Of every site and stage (blocks, D) float32: `attn.0`, which is `attn.0.write`, and `attn.0.read`."""
    rows: dict[str, list[np.ndarray]] = defaultdict(list)
    for site in gradients.sites:
        for one in gradients.each_block(site):
            squares = one.weight**2
            key = f"{site}.{one.stage}"
            rows[key].append(np.sqrt(squares.sum(axis=1) + one.bias**2))
            rows[f"{key}.read"].append(np.sqrt(squares.sum(axis=0)))
    arrays = {name: np.stack(norms).astype(np.float32) for name, norms in rows.items()}
    return arrays | {
        f"{name}.write": array for name, array in arrays.items() if name.count(".") == 1
    }
