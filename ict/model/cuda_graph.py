"""Work on batches of one shape, captured once as a CUDA graph and replayed.

A pass of ViT-B/16 is hundreds of small kernels, which a GPU finishes sooner than Python can ask for
them; a graph asks once for all. Training steps and scoring use it.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Captured:
    """The work on batches of one shape: what `replay` reads, and what it writes."""

    images: Tensor
    labels: Tensor
    outcome: Any
    replay: Callable[[], None]

    def __call__(self, images: Tensor, labels: Tensor) -> Any:
        self.images.copy_(images)
        self.labels.copy_(labels)
        self.replay()
        return self.outcome


Capture = Callable[[Callable[[Tensor, Tensor], Any], Tensor, Tensor], Captured]


def capture_cuda_graph(
    compute: Callable[[Tensor, Tensor], Any], images: Tensor, labels: Tensor
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


class State:
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


def first_line(error: Exception) -> str:
    """What an error says, on one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
