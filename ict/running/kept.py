"""What a process that takes one run after the other keeps for the next one: images, backbones.

Each value stands under a key made of everything that it follows from, contents as digests, so that a
file that changed is another key. What is kept was never given to a run to change: images are only read,
a model is handed out as a copy.
"""

import copy
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ict.data import ImageSet


@dataclass(frozen=True)
class _Entry:
    value: Any
    tensors: tuple[Tensor, ...]
    versions: tuple[int, ...]
    """Of the tensors, as autograd counts changes in place."""

    @property
    def bytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.tensors)

    @property
    def unchanged(self) -> bool:
        return self.versions == tuple(tensor._version for tensor in self.tensors)


class Kept:
    """Values up to `most_bytes` in all; what was used least lately goes first. Of 0 bytes: nothing."""

    def __init__(self, most_bytes: int = 0) -> None:
        self._most = most_bytes
        self.growing = True
        """Whether more is kept: not for the sake of a run that none follows."""
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    @property
    def bytes(self) -> int:
        """Of the tensors that are kept."""
        return sum(entry.bytes for entry in self._entries.values())

    def images(self, key: Callable[[], Hashable], load: Callable[[], ImageSet]) -> ImageSet:
        """The set that `load` gives, or gave for the same `key`; on the CPU, to be read alone."""
        found: ImageSet = self._get(key, load, lambda made: (made.images, made.labels)).value
        return found

    def backbone(self, key: Callable[[], Hashable], build: Callable[[], nn.Module]) -> nn.Module:
        """A model of one's own as `build` gives it; torch's generator is left as `build` leaves it."""
        if not self._most:
            return build()

        def make() -> tuple[nn.Module, Tensor]:
            return build(), torch.get_rng_state()

        entry = self._get(key, make, lambda made: _tensors_of(made[0]))
        pristine, random = entry.value
        torch.set_rng_state(random)
        kept = any(one is entry for one in self._entries.values())
        return copy.deepcopy(pristine) if kept else pristine

    def _get(
        self,
        key: Callable[[], Hashable],
        make: Callable[[], Any],
        tensors_of: Callable[[Any], tuple[Tensor, ...]],
    ) -> _Entry:
        if not self._most:
            return _Entry(make(), (), ())
        place = key()
        entry = self._entries.pop(place, None)
        if entry is not None and entry.unchanged:
            self._entries[place] = entry  # the last to go
            return entry
        made = make()
        tensors = tensors_of(made)
        entry = _Entry(made, tensors, tuple(tensor._version for tensor in tensors))
        if self.growing and entry.bytes <= self._most:
            self._entries[place] = entry
        while self.bytes > self._most:
            self._entries.popitem(last=False)
        return entry


def _tensors_of(model: nn.Module) -> tuple[Tensor, ...]:
    return (*model.parameters(), *model.buffers())
