"""Gradients of the loss for a dense adapter at zero, as arrays and as files. No torch here.

A dense adapter adds W x + b to all D channels of a site. At W = 0, b = 0 its gradients are

    G = Σ g xᵀ  (D, D)   row: the channel that is written, column: the one that is read
    g = Σ g     (D,)     of the bias

with x the values at the site and g the gradient of the loss there, summed over images and tokens. An
adapter that reads R and writes S has G[S, R] and g[S] as its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np

from ict.errors import InputError, quoted

HEADS: Final = 2
"""Each image is judged by the head that was fitted on the others."""
PARTS_OF_HEAD: Final = 4
"""What one head judges is dealt into so many parts, each with its own sums: 3 ways to halve them."""
PARTS: Final = HEADS * PARTS_OF_HEAD
_FEWEST_PARTS: Final = 2


@dataclass(frozen=True)
class BlockGradient:
    """G (D, D) and g (D,) of one block, summed over some images, in float64 or float32."""

    stage: int
    block: int
    """Counted over all stages."""
    weight: np.ndarray
    bias: np.ndarray

    @property
    def width(self) -> int:
        return len(self.bias)


@dataclass(frozen=True, repr=False)
class AdapterGradients:
    """Gradients at one or more sites, one sum for each part of the images.

    `arrays` holds float32, or float16: `attn.0.G.3` (blocks, D, D) and `attn.0.g.3` (blocks, D) for stage 0 and
    part 3 of site attn; `images` says how many images are in each part, `heads` which head judged them
    (all the same, where nothing is said).
    """

    arrays: Mapping[str, np.ndarray]
    images: tuple[int, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)
    heads: tuple[int, ...] = ()

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name.split(".")[0] for name in self.arrays))

    @property
    def parts(self) -> tuple[int, ...]:
        return tuple(range(len(self.images)))

    def only_site(self) -> str:
        if len(self.sites) != 1:
            raise InputError(f"gradients of {', '.join(self.sites)}: name one with site=")
        return self.sites[0]

    def blocks(self, site: str, parts: Sequence[int] | None = None) -> list[BlockGradient]:
        """Every block's sum over `parts` (all by default). Raises InputError for a site that it lacks."""
        return list(self.each_block(site, parts))

    def each_block(self, site: str, parts: Sequence[int] | None = None) -> Iterator[BlockGradient]:
        """The same, one at a time: a block of ViT-B takes 5 MB in float64, all of them 57."""
        chosen = self.parts if parts is None else parts
        block = 0
        for stage, (count, _) in enumerate(self.stages(site)):
            for row in range(count):
                weight, bias = (
                    sum(self.arrays[f"{site}.{stage}.{kind}.{part}"][row].astype(np.float64) for part in chosen)
                    for kind in "Gg"
                )  # fmt: skip
                yield BlockGradient(stage, block, np.asarray(weight), np.asarray(bias))
                block += 1

    def stages(self, site: str) -> list[tuple[int, int]]:
        """(blocks, D) of each stage. Raises InputError for a site that it lacks."""
        if site not in self.sites:
            raise InputError(
                f"no gradients at site {quoted(site)}; there are {', '.join(self.sites)}"
            )
        shapes: list[tuple[int, int]] = []
        while (name := f"{site}.{len(shapes)}.g.0") in self.arrays:
            count, width = self.arrays[name].shape
            shapes.append((count, width))
        return shapes

    def halvings(self) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """All ways to make two halves (A, B) of what one head judged, each once: 6 of two heads' four parts.

        Never of both heads' images: a head is the best for those that it was fitted on, so what they have
        by chance is in the other half's gradient with the sign turned, and a step would seem to gain less
        than it does, or to lose. Halvings share images, so what they say is not independent. Raises
        InputError where no head judged two parts.
        """
        judged = self.heads or (0,) * len(self.images)
        of_heads = [[p for p in self.parts if judged[p] == head] for head in dict.fromkeys(judged)]
        if not (halvings := [pair for parts in of_heads for pair in _halvings(parts)]):
            raise InputError("gradients of one part have no held-out half; score more images")
        return halvings

    def merged(self, parts_of_head: int) -> "AdapterGradients":
        """The same sums in fewer parts: so many of each head's, or as many as it has.

        Parts are added by turns, as images are dealt. Raises InputError for less than 1.
        """
        if parts_of_head < 1:
            raise InputError(f"parts_of_head={parts_of_head}: choose 1 or more")
        judged = self.heads or (0,) * len(self.images)
        of_heads = {head: [p for p in self.parts if judged[p] == head] for head in judged}
        groups = [
            (head, parts[first::parts_of_head])
            for head, parts in of_heads.items()
            for first in range(min(parts_of_head, len(parts)))
        ]
        kinds = dict.fromkeys(name.rpartition(".")[0] for name in self.arrays)
        arrays = {
            f"{kind}.{new}": np.sum([self.arrays[f"{kind}.{old}"] for old in parts], axis=0)
            for kind in kinds
            for new, (_, parts) in enumerate(groups)
        }
        images = tuple(self.count(parts) for _, parts in groups)
        return AdapterGradients(arrays, images, self.meta, tuple(head for head, _ in groups))

    def count(self, parts: Sequence[int]) -> int:
        """Images in these parts."""
        return sum(self.images[part] for part in parts)

    def __repr__(self) -> str:
        size = sum(array.nbytes for array in self.arrays.values()) / 1e6
        what = f"{', '.join(self.sites)} of {self.meta.get('task') or 'a model'}"
        return f"AdapterGradients({what}: {len(self.parts)} parts, {size:.0f} MB)"

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Writes a safetensors file, `meta` in its header.

        Raises InputError if the file is there, unless `overwrite` is set; StoreError from the disk.
        """
        from ict.files import write_new

        return write_new(path, self.to_bytes(), overwrite=overwrite)

    def to_bytes(self) -> bytes:
        """What `save` writes."""
        from ict.documents.adapter_gradient_files import gradient_bytes

        return gradient_bytes(self.arrays, self.images, self.heads, self.meta)

    @classmethod
    def load(cls, path: str | Path) -> "AdapterGradients":
        """The gradients in a file of `save`, or in the store's; raises InputError if it is none."""
        from ict.documents.adapter_gradient_files import read_gradients

        return cls(*read_gradients(Path(path)))


def _halvings(parts: Sequence[int]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    if len(parts) < _FEWEST_PARTS:
        return []
    return [
        (a, tuple(part for part in parts if part not in a))
        for a in combinations(parts, len(parts) // 2)
        if parts[0] in a or len(parts) % 2
    ]


def bytes_of(stages: Sequence[tuple[int, int]], sites: int, parts: int = PARTS) -> int:
    """What the gradients of a backbone take in memory and on the disk; `stages` are (blocks, width)."""
    return 4 * parts * sites * sum(blocks * (width**2 + width) for blocks, width in stages)


def part_of(position: int, parts: int = PARTS) -> int:
    """The part of a class's image, counted from 0 within its class: dealt by turns."""
    return position % parts
