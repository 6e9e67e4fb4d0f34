"""Loss and gradients of one batch: on a CPU by replicas in threads, on a GPU by one CUDA graph.

A step of ViT-B/16 is some 800 small kernels, which a GPU finishes sooner than Python can ask for
them; a graph asks once for all (`python -m bench.speed` says what that gives).
"""

import contextlib
import functools
import os
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ict.model.class_token import last_block_for_class_token
from ict.training.compiled import CompiledBlocks, Step, TriedStep
from ict.training.graph_step import GraphStep, Outcome
from ict.training.replicas import Replicas, draws_random_numbers
from ict.training.settings import Compile

Blocks = Callable[[], contextlib.AbstractContextManager[None]]

_GRADIENT_VALUES = 1 << 26  # that all replicas together may hold: full fine-tuning takes one


def make_step(
    model: nn.Module,
    device: torch.device,
    *,
    precision: str,
    label_smoothing: float,
    threads: int,
    compile_blocks: Compile = Compile.NO,
) -> Step:
    """The fastest step for this model and device. The model must not change its modules after this.

    With `compile_blocks` its blocks are compiled at the first batch; on a CPU one replica then has all
    threads. MUST raises CompileError where that fails, TRY goes on without, and says so in the notes.
    """
    work = _Work(model, device, precision, label_smoothing)

    def plain() -> Step:
        return _plain_step(model, work, threads)

    if compile_blocks is Compile.NO:
        return plain()
    faster = _Work(model, device, precision, label_smoothing, CompiledBlocks(model))
    compiled: Step = (
        GraphStep(model, faster) if device.type == "cuda" else ReplicaStep(Replicas(model), faster)
    )
    return compiled if compile_blocks is Compile.MUST else TriedStep(model, compiled, plain)


def _plain_step(model: nn.Module, work: "_Work", threads: int) -> Step:
    if work.device.type == "cuda":
        return GraphStep(model, work)
    values = threads * sum(parameter.numel() for parameter in work.parameters)
    if draws_random_numbers(model) or values > _GRADIENT_VALUES:
        threads = 1
    return ReplicaStep(Replicas(model, threads), work)


class ReplicaStep:
    """Every replica takes a part of the batch; their gradients are summed in one order."""

    def __init__(self, replicas: Replicas, work: "_Work") -> None:
        self.replicas = replicas
        self.work = work
        self.notes: list[str] = []
        replicas.train()  # once: all but the model itself are the step's own

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        N = len(labels)

        def part(model: nn.Module, piece: tuple[Tensor, Tensor]) -> Outcome:
            return self.work(model, *piece, share=len(piece[1]) / N)

        count = min(len(self.replicas), N)
        pieces = zip(images.tensor_split(count), labels.tensor_split(count), strict=True)
        gradients, losses, hits = zip(*self.replicas.map(part, pieces), strict=True)
        for parameter, *parts in zip(self.work.parameters, *gradients, strict=True):
            parameter.grad = None if parts[0] is None else functools.reduce(torch.add, parts)
        return functools.reduce(torch.add, losses), functools.reduce(torch.add, hits)


class _Work:
    """Loss, gradients and right answers of some images by one replica."""

    def __init__(
        self,
        model: nn.Module,
        device: torch.device,
        precision: str,
        label_smoothing: float,
        blocks: Blocks = contextlib.nullcontext,
    ) -> None:
        """`blocks` gives the context in which the model computes."""
        self.blocks = blocks
        self.device = device
        self.precision = precision
        self.label_smoothing = label_smoothing
        self.parameters: Sequence[nn.Parameter] = [p for p in model.parameters() if p.requires_grad]

    def __call__(
        self, model: nn.Module, images: Tensor, labels: Tensor, *, share: float = 1.0
    ) -> Outcome:
        """`share` is that of the images in a batch of which they are a part."""
        with self.blocks():
            with autocast(self.device, self.precision), last_block_for_class_token(model):
                logits = model(images)
            loss = F.cross_entropy(logits.float(), labels, label_smoothing=self.label_smoothing)
            if share < 1:
                loss = loss * share
            gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        return gradients, loss.detach(), (logits.detach().argmax(dim=1) == labels).sum()


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[None]:
    """bfloat16 where `precision` asks for it, and nothing otherwise."""
    if precision == "bf16":
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def make_repeatable(device: str) -> None:
    """Asks a GPU for algorithms that give the same numbers every time, wherever it has some."""
    if device.startswith("cuda"):
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # not in torch's stubs; 12 % of a step of ViT-B/16
        torch.backends.cudnn.benchmark = False
