"""A training step on a GPU: captured once and replayed, in the first mode that the network takes.

A network may wait for a number of the GPU, which no graph can, or need an algorithm that is not
deterministic, which strictness refuses. What an error says is not read to tell these apart: modes
are tried in order, and the first that succeeds says what stood in the way of those before it.
"""

import contextlib
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Protocol

import torch
from torch import Tensor, nn

from ict.model.cuda_graph import Capture, Captured, State, capture_cuda_graph, first_line

Gradients = tuple[Tensor | None, ...]
Outcome = tuple[Gradients, Tensor, Tensor]  # gradients, loss, right answers


class Work(Protocol):
    """Loss, gradients and right answers of a batch by `model`."""

    parameters: Sequence[nn.Parameter]  # whose gradients it gives, in this order

    def __call__(self, model: nn.Module, images: Tensor, labels: Tensor) -> Outcome: ...


class Mode(Enum):
    """How a step is computed."""

    STRICT_GRAPH = "one CUDA graph, deterministic algorithms alone"
    GRAPH = "one CUDA graph, deterministic algorithms where there are some"
    STRICT_EAGER = "kernel by kernel, deterministic algorithms alone"
    EAGER = "kernel by kernel, deterministic algorithms where there are some"

    @property
    def graph(self) -> bool:
        return self in (Mode.STRICT_GRAPH, Mode.GRAPH)

    @property
    def strict(self) -> bool:
        return self in (Mode.STRICT_GRAPH, Mode.STRICT_EAGER)


ORDER = (Mode.STRICT_GRAPH, Mode.GRAPH, Mode.STRICT_EAGER, Mode.EAGER)


class GraphStep:
    """Forward and backward pass in the first of `modes` in which this network computes.

    A mode that raises RuntimeError is given up for the next one, with random numbers and buffers as
    they were; what the last one raises is the network's own error, and goes on to the caller. So
    does a lack of memory in any. Strict modes are left out where nobody asked for deterministic
    algorithms (`make_repeatable`). A graph is captured anew for a batch of another shape.
    """

    def __init__(
        self,
        model: nn.Module,
        work: Work,
        *,
        modes: Sequence[Mode] = ORDER,
        capture: Capture = capture_cuda_graph,
    ) -> None:
        deterministic = torch.are_deterministic_algorithms_enabled()
        self.model = model
        self.work = work
        self._modes = [mode for mode in modes if deterministic or not mode.strict]
        self._given_up: dict[Mode, str] = {}
        self._capture = capture
        self._captured: Captured | None = None

    @property
    def mode(self) -> Mode:
        """That of the last batch; of the next one, where there was none."""
        return self._modes[0]

    @property
    def notes(self) -> list[str]:
        """What the mode lacks of those before it, with the error that stood in the way."""
        errors, mode = self._given_up.items(), self.mode
        no_graph = [error for other, error in errors if other.graph and not mode.graph]
        not_strict = [error for other, error in errors if other.strict and not mode.strict]
        return [f"steps without a CUDA graph: {error}" for error in no_graph[-1:]] + [
            f"not the same to the last digit in every run on a GPU: {error}"
            for error in not_strict[-1:]
        ]

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        gradients, loss, hits = self._outcome(images, labels)
        for parameter, gradient in zip(self.work.parameters, gradients, strict=True):
            parameter.grad = gradient
        return loss, hits

    def _outcome(self, images: Tensor, labels: Tensor) -> Outcome:
        if self._captured is not None and self._captured.images.shape == images.shape:
            return self._captured(images, labels)
        self._captured = None  # its memory, before another is captured
        while len(self._modes) > 1:
            before = State(self.model, images.device)
            try:
                return self._computed(images, labels, before)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                before.put_back()
                self._given_up[self._modes.pop(0)] = first_line(error)
        return self._computed(images, labels, State(self.model, images.device))

    def _computed(self, images: Tensor, labels: Tensor, before: State) -> Outcome:
        """In the present mode; a capture computes to no purpose, so that it is undone."""
        if not self.mode.graph:
            return self._compute(images, labels)
        captured = self._capture(self._compute, images, labels)
        before.put_back()
        self._captured = captured
        return captured(images, labels)

    def _compute(self, images: Tensor, labels: Tensor) -> Outcome:
        with _refusing_other_algorithms() if self.mode.strict else contextlib.nullcontext():
            return self.work(self.model, images, labels)


@contextlib.contextmanager
def _refusing_other_algorithms() -> Iterator[None]:
    """RuntimeError at an algorithm that is not deterministic, instead of a warning (`make_repeatable`).

    Attention has a deterministic backward pass, which it takes only when all else is refused.
    """
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(True, warn_only=True)
