"""One model worked by several threads, each with a replica that shares the parameters.

On a CPU, threads that each take a part of a batch through the whole network meet once a step;
threads that share every operation meet many hundred times, and wait for the slower one each time.
`python -m bench.replicas` measures both.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import torch
from torch import nn

MOST = 4
Piece = TypeVar("Piece")
Answer = TypeVar("Answer")


class Replicas:
    """Replicas of a model on the CPU, up to four: modules of their own, the same tensors.

    `threads` are shared out among them; more than four would wait for Python more than they gain.
    One replica is the model itself in the caller's thread. A change of the model's tensors in place
    shows in all; one of its modules shows in none.
    """

    def __init__(self, model: nn.Module, threads: int = 1) -> None:
        count = max(range(min(threads, MOST), 0, -1), key=lambda n: (n > 1, n * (threads // n)))
        shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
        copies = [copy.deepcopy(model, dict(shared)) for _ in range(count - 1)]
        self.models = [model, *copies]
        self._pool = ThreadPoolExecutor(
            count, initializer=torch.set_num_threads, initargs=(threads // count,)
        )

    def __len__(self) -> int:
        return len(self.models)

    def train(self, mode: bool = True) -> None:
        """Training or evaluation mode of all."""
        for model in self.models:
            model.train(mode)

    def map(
        self, work: Callable[[nn.Module, Piece], Answer], pieces: Iterable[Piece]
    ) -> Iterator[Answer]:
        """work(model, piece) of every piece, in their order; as many at once as there are replicas.

        `work` runs in other threads: contexts such as autocast and inference mode belong into it.
        """
        remaining = iter(pieces)
        if len(self) == 1:
            yield from (work(self.models[0], piece) for piece in remaining)
            return
        while group := list(islice(remaining, len(self))):
            yield from self._pool.map(work, self.models, group)


def draws_random_numbers(model: nn.Module) -> bool:
    """True if the model's forward pass is random in training mode: dropout of any kind at a rate > 0.

    Replicas would draw from torch's one generator in the order in which their threads come to it.
    """
    rates = ("p", "drop_prob", "prob", "drop_rate")
    kinds = ("Dropout", "DropPath")
    return any(
        float(getattr(module, rate, 0.0) or 0.0) > 0
        for module in model.modules()
        if any(kind in type(module).__name__ for kind in kinds)
        for rate in rates
    )
