"""What one pass over the images adds up for norms; on a GPU by replaying one CUDA graph."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ict.criteria import Request
from ict.model.cuda_graph import Capture, Captured
from ict.scoring.reading import Taps, choose_tokens, following_norms

WORTH = 32  # batches from which a captured graph earns the passes that it costs


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
        energy = token_energy(values)  # (B, D)
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


class Sums:
    """What the batches so far have added up; every sum is one tensor from the first batch on."""

    def __init__(
        self, model: nn.Module, request: Request, read: Callable[[Tensor], Taps], *, totals: bool
    ) -> None:
        self.model = model
        self.request = request
        self.read = read
        self.totals = totals
        self.counts = torch.zeros(())  # (C,) images of each class
        self.blocks: dict[str, list[list[BlockSums]]] = {}
        normed = bool(request.options.get("normed"))
        self.views = {s: following_norms(model, s) for s in request.sites} if normed else {}

    def add(self, images: Tensor, labels: Tensor) -> None:
        """Adds a batch: images (B, 3, S, S) and the numbers of their classes (B,)."""
        taps = self.read(images)
        classes = torch.arange(self.request.classes, device=labels.device)
        member = (labels[:, None] == classes).double()  # (B, C); one_hot would wait for the GPU
        if not self.blocks:
            self.counts = torch.zeros_like(member[0])
        self.counts += member.sum(dim=0)
        for site, stages in taps.items():
            if site not in self.blocks:
                self.blocks[site] = [[_empty(v, len(classes)) for v in stage] for stage in stages]
            for s, stage in enumerate(stages):
                for b, values in enumerate(stage):
                    seen_by_next = self.views[site][s][b](values) if self.views else values
                    chosen = choose_tokens(seen_by_next, self.model, self.request.tokens)
                    keep = self.request.keep_images
                    self.blocks[site][s][b].add(chosen, member, totals=self.totals, keep=keep)

    def tensors(self) -> list[Tensor]:
        """All that a batch is added to."""
        blocks = [b for stages in self.blocks.values() for stage in stages for b in stage]
        return [self.counts, *(b.class_squares for b in blocks), *(b.totals for b in blocks)]


class Replayed:
    """Adds batches by one captured graph, from the second of a shape on; others kernel by kernel.

    A capture costs some three passes, so that it is made for WORTH batches or more. A model that
    cannot be captured, or whose graph finds no memory, is read as before.
    """

    def __init__(self, sums: Sums, capture: Capture) -> None:
        self._sums = sums
        self._capture = capture
        self._captured: Captured | None = None
        self._shape: torch.Size | None = None
        self._refused = False

    def __call__(self, images: Tensor, labels: Tensor) -> None:
        again = images.shape == self._shape
        self._shape = images.shape
        if self._captured is None and again and not self._refused:
            self._try(images, labels)
        if self._captured is not None and images.shape == self._captured.images.shape:
            self._captured(images, labels)
        else:
            self._sums.add(images, labels)

    def _try(self, images: Tensor, labels: Tensor) -> None:
        """Captures, which adds the batch to no purpose: the sums are put back."""
        self._refused = self._sums.request.images < WORTH * len(images)
        if self._refused:
            return
        before = [(tensor, tensor.clone()) for tensor in self._sums.tensors()]
        try:
            self._captured = self._capture(self._sums.add, images, labels)
        except RuntimeError:
            self._refused = True
        for tensor, value in before:
            tensor.copy_(value)


def token_energy(values: Tensor) -> Tensor:
    """Σ_t a² of (B, T, D), (B, D): on a GPU in one kernel that writes no squares."""
    if values.is_cuda:
        return torch.linalg.vector_norm(values, dim=1).square()
    return values.square().sum(dim=1)


def _empty(values: Tensor, classes: int) -> BlockSums:
    width = values.shape[-1]
    zeros = torch.zeros(classes, width, dtype=torch.float64, device=values.device)
    return BlockSums(zeros, torch.zeros_like(zeros[0]))
