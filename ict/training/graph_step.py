"""A training step on a GPU: captured once and replayed, in the first mode that the network takes.

A network may wait for a number of the GPU, which no graph can, or need an algorithm that is not
deterministic, which strictness refuses. What an error says is not read to tell these apart: modes
are tried in order, and the first that succeeds says what stood in the way of those before it.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import torch
from torch import Tensor, nn

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


@dataclass(frozen=True)
class Captured:
    """The step of one batch's shape: what `replay` reads, and what it writes."""

    images: Tensor
    labels: Tensor
    outcome: Outcome
    replay: Callable[[], None]

    def __call__(self, images: Tensor, labels: Tensor) -> Outcome:
        self.images.copy_(images)
        self.labels.copy_(labels)
        self.replay()
        return self.outcome


Capture = Callable[[Callable[[Tensor, Tensor], Outcome], Tensor, Tensor], Captured]


def capture_cuda_graph(
    compute: Callable[[Tensor, Tensor], Outcome], images: Tensor, labels: Tensor
) -> Captured:
    """Warms up and captures. Raises RuntimeError where the network cannot be captured."""
    images, labels = images.clone(), labels.clone()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(images.device):
        aside, main = torch.cuda.Stream(), torch.cuda.current_stream()
        aside.wait_stream(main)
        try:
            with torch.cuda.stream(aside):
                compute(images, labels)
                with _refusing_to_wait():
                    compute(images, labels)
        finally:
            main.wait_stream(aside)
        with torch.cuda.graph(graph):
            outcome = compute(images, labels)
    return Captured(images, labels, outcome, graph.replay)


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
            before = _State(self.model, images.device)
            try:
                return self._computed(images, labels, before)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                before.put_back()
                self._given_up[self._modes.pop(0)] = _first_line(error)
        return self._computed(images, labels, _State(self.model, images.device))

    def _computed(self, images: Tensor, labels: Tensor, before: "_State") -> Outcome:
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


class _State:
    """What a forward pass changes beside its outcome: random generators and the model's buffers."""

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self.device = device
        self.random = torch.get_rng_state()
        self.random_there = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        self.buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]

    def put_back(self) -> None:
        torch.set_rng_state(self.random)
        if self.random_there is not None:
            torch.cuda.set_rng_state(self.random_there, self.device)
        with torch.no_grad():
            for buffer, value in self.buffers:
                buffer.copy_(value)


@contextlib.contextmanager
def _refusing_to_wait() -> Iterator[None]:
    """Raises RuntimeError where Python waits for a number of the GPU, as no graph can.

    Asked before a capture, since one that fails leaves the allocator in a capturing state.
    """
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


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


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
