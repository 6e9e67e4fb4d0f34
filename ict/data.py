"""Images as tensors: decoded once to uint8, kept on the device, normalised in batches.

What is decoded is kept in the user's cache (`ict.tasks.decoded`), and mapped from there the next time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Tensor

from ict.tasks import Split
from ict.tasks.decoded.decode import PART_BYTES, decode, in_parts
from ict.tasks.decoded.pixel_file import Pixels
from ict.tasks.decoded.sets import checked, fill, mapped, read_set
from ict.tasks.decoded.tally import Tally

KEEP_BYTES = 1 << 30  # a set that needs more is read while it is used: the test set of dsprites
_PART_BYTES = PART_BYTES  # at 224 pixels would need 11 GiB

Progress = Callable[[int, int], None]
Augment = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images (N, 3, S, S) uint8 and labels (N,) int64 on one device, C classes."""

    images: Tensor
    labels: Tensor
    classes: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        return self.images.device

    def to(self, device: torch.device | str) -> Self:
        """The same set on `device`."""
        return type(self)(self.images.to(device), self.labels.to(device), self.classes)


@dataclass(frozen=True, eq=False)
class StreamedSet:
    """A split that is too large to keep: read part by part, in order, whenever it is asked for."""

    split: Split
    size: int
    labels: Tensor
    classes: int
    kept: Pixels | None = None
    """Its decoded images in the user's cache; without them each part is decoded."""
    tally: Tally = field(default_factory=Tally)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        return self.labels.device

    def to(self, device: torch.device | str) -> Self:
        """The same set; its parts and labels come on `device`."""
        return replace(self, labels=self.labels.to(device))

    def filled(self, *, progress: Progress | None = None) -> Self:
        """The same set, its images decoded into the user's cache unless they are there or do not fit.

        Raises InputError for a file that cannot be decoded.
        """
        kept = self.kept or fill(self.split, self.size, progress=progress, tally=self.tally)
        return replace(self, kept=kept)

    def parts(self, images: int) -> Iterator[ImageSet]:
        """The set in pieces of `images`; the next one is read while the last one is used.

        Two pieces that are decoded are held at once; one that is mapped from the cache needs no memory
        of its own, but on another device.
        """
        for number, piece in enumerate(in_parts(len(self), images, self._read)):
            start = number * images
            yield ImageSet(piece, self.labels[start : start + images], self.classes)

    def _read(self, start: int, stop: int) -> Tensor:
        if self.kept is not None and (images := checked(self.kept, start, stop)) is not None:
            return torch.from_numpy(images).to(self.device)
        piece = self.split.part(start, stop)
        self.tally.decoded += len(piece)
        return load_images(piece, self.size).to(self.device)


def load_images(
    split: Split, size: int, *, progress: Progress | None = None, workers: int | None = None
) -> Tensor:
    """All images of `split` in its order, uint8 (N, 3, S, S), decoded now by `workers` threads.

    Images without a size of their own are drawn at this one, so that nothing resizes them.

    InputError names the first file (in that order) that cannot be decoded.
    """
    return torch.from_numpy(decode(split, size, progress=progress, workers=workers))


def load_set(
    split: Split,
    size: int,
    *,
    progress: Progress | None = None,
    limit: int | None = None,
    tally: Tally | None = None,
) -> ImageSet:
    """The first `limit` images of `split` (None: all) with their labels, on the CPU.

    Mapped from the user's cache where it has them, else decoded and put into it: the same bytes. `tally`
    counts which. InputError names the first file that cannot be decoded.
    """
    chosen = split if limit is None else split.part(0, limit)
    labels = torch.from_numpy(chosen.labels.copy())
    images = torch.from_numpy(read_set(chosen, size, progress=progress, tally=tally))
    return ImageSet(images, labels, split.classes)


def open_set(
    split: Split,
    size: int,
    *,
    progress: Progress | None = None,
    limit: int | None = None,
    keep_bytes: int = KEEP_BYTES,
    tally: Tally | None = None,
) -> ImageSet | StreamedSet:
    """`load_set`, or a StreamedSet where the images would take more than `keep_bytes`."""
    chosen = split if limit is None else split.part(0, limit)
    tally = tally or Tally()
    if fits(chosen, size, keep_bytes):
        return load_set(chosen, size, progress=progress, tally=tally)
    labels, kept = torch.from_numpy(chosen.labels.copy()), mapped(chosen, size)
    tally.cached += len(chosen) if kept else 0
    return StreamedSet(chosen, size, labels, split.classes, kept, tally)


def fits(split: Split, size: int, keep_bytes: int = KEEP_BYTES) -> bool:
    """Whether `open_set` keeps the images of `split` in memory."""
    return len(split) * 3 * size * size <= keep_bytes


def normalise(
    images: Tensor, mean: Sequence[float], std: Sequence[float], dtype: torch.dtype
) -> Tensor:
    """(x / 255 - mean) / std of uint8 or float images (B, 3, H, W) with values 0 to 255.

    Computed in float32 and rounded to `dtype` once at the end; `images` stay as they are.
    """
    return _normalise(images, _scale_and_shift(mean, std, images.device), dtype)


def _normalise(images: Tensor, affine: tuple[Tensor, Tensor], dtype: torch.dtype) -> Tensor:
    scale, shift = affine
    x = images.to(torch.float32, copy=True).mul_(scale).add_(shift)
    return x.to(dtype)


def _scale_and_shift(
    mean: Sequence[float], std: Sequence[float], device: torch.device
) -> tuple[Tensor, Tensor]:
    deviation = torch.tensor(std, dtype=torch.float64).view(1, -1, 1, 1)
    centre = torch.tensor(mean, dtype=torch.float64).view(1, -1, 1, 1)
    scale, shift = 1 / (255 * deviation), -centre / deviation
    return scale.float().to(device), shift.float().to(device)


def batches(
    imageset: ImageSet | StreamedSet,
    batch_size: int,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    dtype: torch.dtype = torch.float32,
    generator: torch.Generator | None = None,
    drop_last: bool = False,
    augment: Augment | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Normalised images (B, 3, S, S) and labels (B,) on the set's device.

    In order without a `generator`; with one, shuffled by it (on the CPU, so that the order is the
    same on every device). `augment(images, generator)` gets the uint8 batch, returns values 0 to
    255. A batch with fewer than `batch_size` images comes last unless `drop_last`. A StreamedSet
    gives the same batches as the set kept whole, in order only.
    """
    if isinstance(imageset, StreamedSet):
        if generator is not None:
            raise ValueError("a streamed set comes in order; load_set keeps one that is shuffled")
        part = max(1, _PART_BYTES // (3 * imageset.size**2 * batch_size)) * batch_size
        for piece in imageset.parts(part):
            yield from batches(
                piece, batch_size, mean=mean, std=std, dtype=dtype, drop_last=drop_last
            )
        return
    N = len(imageset)
    device = imageset.images.device
    affine = _scale_and_shift(mean, std, device)  # copied to the device once, not in every step
    if augment is not None and generator is None:
        raise ValueError("augment needs a generator: random without a seed cannot be repeated")
    order = None if generator is None else torch.randperm(N, generator=generator).to(device)
    end = N - N % batch_size if drop_last else N
    for start in range(0, end, batch_size):
        stop = min(start + batch_size, end)
        if order is None:
            images, labels = imageset.images[start:stop], imageset.labels[start:stop]
        else:
            chosen = order[start:stop]
            images, labels = imageset.images[chosen], imageset.labels[chosen]
        if augment is not None and generator is not None:
            images = augment(images, generator)
        yield _normalise(images, affine, dtype), labels
