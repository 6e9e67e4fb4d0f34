"""Where a channel's energy comes from: an exact split of Σ a² by means.

Σ a² = N T μ² + T Σ_k N_k (m_k − μ)² + T Σ_n (m_n − m_k(n))² + Σ (a − m_n)²,
with μ the grand mean, m_k class means, m_n image means over tokens. An L2 norm sees the sum of all
four; only the second is about classes, and a large first one is a constant bias.

With labels that mean nothing a share (C − 1)/(N − 1) of class and image energy is still the class
means' (40 % at 400 classes and 1,000 images). As in an analysis of variance, what is told of the
classes is therefore class − (C − 1)/(N − C) · image, whose mean over shuffled labels is 0; what is
taken off counts as image energy. It is not clipped: single values may be negative.
"""

from dataclasses import dataclass, replace

import numpy as np

from ict.analysis.sources import Sums
from ict.documents.json_form import JsonForm
from ict.errors import InputError


@dataclass(frozen=True)
class Energy:
    """Offset, class, image and token energy of each channel of a stage, (blocks, D) float64."""

    offset: np.ndarray
    classes: np.ndarray
    image: np.ndarray
    token: np.ndarray

    @property
    def total(self) -> np.ndarray:
        return self.offset + self.classes + self.image + self.token

    def in_block(self, block: int) -> "Energy":
        """The energies of one block, (D,)."""
        return Energy(self.offset[block], self.classes[block], self.image[block], self.token[block])

    def corrected(self, *, images: int, classes: int) -> "Energy":
        """Class energy freed of what any labels give, for N images of C classes; the sum stays.

        Raises InputError where every image is a class of its own.
        """
        taken = self.image * freedom(images, classes)
        return replace(self, classes=self.classes - taken, image=self.image + taken)


def freedom(images: int, classes: int) -> float:
    """(C − 1)/(N − C): what of the image energy the class means take up by chance."""
    if images <= classes:
        raise InputError(
            f"{images} images of {classes} classes: class and image energy cannot be told apart; "
            "score more images"
        )
    return (classes - 1) / (images - classes)


def split(per_image: np.ndarray, token_mean: np.ndarray, labels: np.ndarray, tokens: int) -> Energy:
    """Splits the energy of per_image, token_mean (N, blocks, D) with T = `tokens` an image."""
    means = token_mean.astype(np.float64)
    n = len(means)
    _, code, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    grand = means.mean(axis=0)
    of_class = np.zeros((len(sizes), *means.shape[1:]))
    np.add.at(of_class, code, means)
    of_class /= sizes[:, None, None]
    offset = n * tokens * grand**2
    classes = tokens * np.einsum("k,kbd->bd", sizes, (of_class - grand) ** 2)
    image = tokens * ((means - of_class[code]) ** 2).sum(axis=0)
    total = per_image.sum(axis=0, dtype=np.float64)
    token = total - tokens * (means**2).sum(axis=0)
    return Energy(offset, classes, image, np.maximum(token, 0))  # rounding of fp32 sums only


def of_sums(sums: Sums) -> list[Energy]:
    """The split of every stage of a score file with per-image sums and token means."""
    if sums.token_mean is None:
        raise InputError(f"{sums.name}: has no token means; score again with --keep-images")
    if sums.tokens is None:
        raise InputError(f"{sums.name}: does not say how many tokens an image has; score again")
    return [
        split(per_image, mean, sums.labels, tokens)
        for per_image, mean, tokens in zip(
            sums.per_image, sums.token_mean, sums.tokens, strict=True
        )
    ]


def participation_ratio(energy: np.ndarray) -> np.ndarray:
    """(Σ_c e_c)² / Σ_c e_c² over the last axis: how many channels carry the energy, 1…D."""
    return np.asarray(energy.sum(axis=-1) ** 2 / (energy**2).sum(axis=-1))


@dataclass(frozen=True, kw_only=True)
class _Shares(JsonForm):
    """Shares of the energy of one block of one task, which add to 1."""

    task: str
    images: int
    block: int
    stage: int
    channels: int
    energy: float
    """Σ a² over the block."""
    offset: float
    class_: float
    image: float
    token: float


@dataclass(frozen=True, kw_only=True)
class _Chance:
    """What a correction of class energy was made with."""

    shuffled: float
    """The share that class means of labels without meaning would have, before the correction."""
    classes: int


@dataclass(frozen=True, kw_only=True)
class _Carriers:
    """How many channels carry the energy of the block."""

    participation_ratio: float
    participation_share: float
    """That ratio over D."""


@dataclass(frozen=True, kw_only=True)
class EnergyRow(_Carriers, _Chance, _Shares):
    """One block of one task, `class_` and `image` corrected (see above).

    Columns come from the last base to the first: the shares before what they were corrected with.
    """


@dataclass(frozen=True, kw_only=True)
class MeasuredEnergyRow(_Carriers, _Shares):
    """A row as version 0.1.0 kept it: its class share is as measured."""

    def corrected(self, classes: int) -> EnergyRow:
        """As `split_table` gives it, for images of that many classes."""
        taken = self.image * freedom(self.images, classes)
        both = self.class_ + self.image
        shuffled = both * (classes - 1) / (self.images - 1)
        shares = {"class_": self.class_ - taken, "image": self.image + taken}
        return EnergyRow(**{**vars(self), **shares}, shuffled=shuffled, classes=classes)


def split_table(sums: Sums) -> list[EnergyRow]:
    """One row a block. Raises InputError as `Energy.corrected` does."""
    classes = len(np.unique(sums.labels))
    rows: list[EnergyRow] = []
    for stage, exact in enumerate(of_sums(sums)):
        for block in range(len(exact.total)):
            part = exact.in_block(block)
            rows.append(_row(sums, part, stage=stage, block=len(rows), classes=classes))
    return rows


def _row(sums: Sums, exact: Energy, *, stage: int, block: int, classes: int) -> EnergyRow:
    """The row of one block, whose energies are (D,)."""
    images, width = len(sums.labels), len(exact.total)
    fair = exact.corrected(images=images, classes=classes)
    whole = float(fair.total.sum())
    ratio = float(participation_ratio(fair.total))
    shuffled = float(exact.classes.sum() + exact.image.sum()) * (classes - 1) / (images - 1)
    return EnergyRow(
        task=sums.name,
        images=images,
        block=block,
        stage=stage,
        channels=width,
        energy=whole,
        offset=float(fair.offset.sum() / whole),
        class_=float(fair.classes.sum() / whole),
        image=float(fair.image.sum() / whole),
        token=float(fair.token.sum() / whole),
        shuffled=shuffled / whole,
        classes=classes,
        participation_ratio=ratio,
        participation_share=ratio / width,
    )
