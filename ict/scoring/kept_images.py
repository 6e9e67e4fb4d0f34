"""The images that a pass keeps of every channel: those of highest and lowest energy, and a few between.

What is kept does not grow with the number of images. The median over all images is known only after the
pass, when their maps are gone; so the middle is that of a sample of SAMPLE images, drawn at random and the
same for all channels.
"""

import hashlib
from dataclasses import dataclass, field

import torch
from torch import Tensor

SAMPLE = 32


@dataclass(frozen=True)
class Kept:
    """M images of each of D channels, with maps of T cells; image −1 where there are fewer."""

    energies: Tensor  # (D, M)
    images: Tensor  # (D, M)
    maps: Tensor  # (D, M, T) float16

    @classmethod
    def empty(
        cls, channels: int, most: int, cells: int, *, lowest: bool, device: torch.device
    ) -> "Kept":
        """Places without images, which any image outdoes."""
        return cls(
            torch.full((channels, most), torch.inf if lowest else -1.0, device=device),
            torch.full((channels, most), -1, dtype=torch.int64, device=device),
            torch.zeros(channels, most, cells, dtype=torch.float16, device=device),
        )

    def with_batch(self, batch: "Kept", *, lowest: bool) -> "Kept":
        """The M highest, or lowest, of these and of a batch; of equals the earlier images."""
        most = self.energies.shape[1]
        both = self.beside(batch)
        energies, order = both.energies.sort(dim=1, descending=not lowest, stable=True)
        return both.taken(order[:, :most], energies[:, :most])

    def beside(self, other: "Kept") -> "Kept":
        pairs = zip(_parts(self), _parts(other), strict=True)
        return Kept(*(torch.cat(pair, dim=1) for pair in pairs))

    def at(self, places: list[int]) -> "Kept":
        """The images at these places, the same for all channels."""
        return Kept(*(part[:, places] for part in _parts(self)))

    def middle(self, most: int) -> "Kept":
        """The `most` images of middle energy, the highest of them first."""
        energies, order = self.energies.sort(dim=1, descending=True, stable=True)
        start = max(0, (energies.shape[1] - most) // 2)
        return self.taken(order[:, start : start + most], energies[:, start : start + most])

    def taken(self, order: Tensor, energies: Tensor) -> "Kept":
        cells = order[:, :, None].expand(-1, -1, self.maps.shape[2])
        return Kept(energies, self.images.gather(1, order), self.maps.gather(1, cells))


@dataclass
class Sample:
    """Which of the images so far are the sample: SAMPLE of them at random, each as likely as any other.

    A function of their numbers alone, so that batches do not matter: those of the smallest digests.
    """

    numbers: list[int] = field(default_factory=list)

    def take(self, first: int, count: int) -> tuple[list[int], list[int]]:
        """Of the images so far, and of the `count` from number `first` on, the places of those that stay."""
        ahead = [*self.numbers, *range(first, first + count)]
        stay = sorted(sorted(range(len(ahead)), key=lambda i: _lot(ahead[i]))[:SAMPLE])
        before = len(self.numbers)
        self.numbers = [ahead[i] for i in stay]
        return [i for i in stay if i < before], [i - before for i in stay if i >= before]


def _lot(number: int) -> bytes:
    return hashlib.blake2b(number.to_bytes(8, "little"), digest_size=8).digest()


def _parts(kept: Kept) -> tuple[Tensor, Tensor, Tensor]:
    return kept.energies, kept.images, kept.maps
