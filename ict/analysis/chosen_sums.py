"""What sums over the images tell of a choice of channels: which part stays without the classes, its energy.

Shapes: N images, T tokens, C classes, D channels, K chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ict.analysis import energy, permutation
from ict.analysis.cache import cached, kept
from ict.analysis.overlap import count, top_masks
from ict.analysis.sources import RESAMPLED, Sums, key_of, open_source
from ict.analysis.tables import kept_stability_rows
from ict.criteria import CRITERION
from ict.documents.json_form import JsonForm
from ict.documents.score_record import ScoreRecord
from ict.documents.tensor_files import open_tensors
from ict.errors import InputError
from ict.scores import ChannelScores, load_scores
from ict.store.store import Store

SHUFFLES = 10  # a mean of counts that hardly differ; `ict stability` has their spread, from 100


@dataclass(frozen=True, kw_only=True)
class Energies(JsonForm):
    """Where the energy Σ a² of a block sits; None where the file does not have them."""

    top_channel: int | None
    top_share: float | None
    """Of the block's energy, what its strongest channel holds."""
    offset_share: float | None
    """Of the energy of the K, what is a constant offset."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The K highest scores of each block of a score file at one site; K one a stage."""

    record: ScoreRecord
    path: Path
    site: str
    ks: Sequence[int]
    shuffles: int = SHUFFLES
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class SumsRow(Energies):
    """What one pass over the images tells of one block: kept in the store, for sums may be deleted."""

    shuffled: float | None
    l2: int | None


@dataclass(frozen=True, kw_only=True)
class MadeOfSettings(JsonForm):
    """All that rows of sums depend on: what they are kept under."""

    score: str
    ks: Sequence[int]
    shuffles: int
    seed: int


def of_images(
    asked: Asked, scores: ChannelScores, store: Store, keep: Store | None
) -> tuple[list[SumsRow], int | None]:
    """Rows of all blocks, and how many shuffles are in them: as kept, from sums, or what is left."""
    stages = scores.site(asked.site)
    settings = MadeOfSettings(
        score=key_of(asked.record, asked.site),
        ks=list(asked.ks),
        shuffles=asked.shuffles,
        seed=asked.seed,
    )
    rows = kept(store, "made-of", settings, SumsRow)
    sums = _sums(asked) if rows is None else None
    if sums is not None:
        told = sums

        def compute() -> list[SumsRow]:
            return of_sums(told, stages, asked.ks, shuffles=asked.shuffles, seed=asked.seed)

        rows = cached(keep, "made-of", settings, compute, SumsRow)
    if rows is None:
        return _without_sums(asked, scores, store)
    return rows, None if any(row.shuffled is None for row in rows) else asked.shuffles


def of_sums(
    sums: Sums, stages: Sequence[np.ndarray], ks: Sequence[int], *, shuffles: int, seed: int
) -> list[SumsRow]:
    """One row a block from per-image sums; `stages` are the scores (blocks, D) that choose the K."""
    shuffled = None
    if sums.criterion == CRITERION and shuffles:
        shuffled = permutation.class_labels(sums, ks, shuffles=shuffles, seed=seed).overlap
    squares = [per_image.sum(axis=0, dtype=np.float64) for per_image in sums.per_image]
    with_means = sums.token_mean is not None and sums.tokens is not None
    offsets = [part.offset for part in energy.of_sums(sums)] if with_means else None
    rows = _of_squares(squares, stages, ks, sums.criterion, offsets=offsets)
    return [
        SumsRow(**{**vars(row), "shuffled": None if shuffled is None else float(shuffled[block])})
        for block, row in enumerate(rows)
    ]


def _of_squares(
    squares: Sequence[np.ndarray],
    stages: Sequence[np.ndarray],
    ks: Sequence[int],
    criterion: str,
    *,
    offsets: Sequence[np.ndarray] | None = None,
) -> list[SumsRow]:
    """Rows from Σ a² and N T μ² over images and tokens, (blocks, D) a stage."""
    rows = []
    for stage, (energies, scores, k) in enumerate(zip(squares, stages, ks, strict=True)):
        chosen = top_masks(scores, k)
        shared = count(chosen, top_masks(energies, k))
        for block, (own, mine) in enumerate(zip(energies, chosen, strict=True)):
            top = int(np.argmax(own))
            constant = None if offsets is None else float(offsets[stage][block][mine].sum())
            rows.append(
                SumsRow(
                    shuffled=None,
                    l2=None if criterion == "l2" else int(shared[block]),
                    top_channel=top,
                    top_share=_part(float(own[top]), float(own.sum())),
                    offset_share=_part(constant, float(own[mine].sum())),
                )
            )
    return rows


def _part(part: float | None, whole: float) -> float | None:
    return None if part is None or whole <= 0 else part / whole


def _sums(asked: Asked) -> Sums | None:
    """The per-image sums of the file; None if it has none, or none for its criterion."""
    try:
        return open_source(asked.path, site=asked.site, name=asked.record.task).read()
    except InputError:
        return None


def _without_sums(
    asked: Asked, scores: ChannelScores, store: Store
) -> tuple[list[SumsRow], int | None]:
    """What class norms say of the energy, and what `ict stability` kept of shuffled labels."""
    stages, record = scores.site(asked.site), asked.record
    squares = squares_of_classes(scores, record, asked.site)
    if squares is None:
        nothing = SumsRow(
            shuffled=None, l2=None, top_channel=None, top_share=None, offset_share=None
        )
        rows = [nothing for stage in stages for _ in stage]
    else:
        rows = _of_squares(squares, stages, asked.ks, record.criterion or CRITERION)
    stable = kept_stability_rows(record, asked.ks, site=asked.site, store=store)
    if not stable or any(row.shuffle_overlap is None for row in stable):
        return rows, None
    pairs = zip(rows, stable, strict=True)
    rows = [SumsRow(**{**vars(row), "shuffled": one.shuffle_overlap}) for row, one in pairs]
    return rows, stable[0].shuffles


def same_energy(a: Path, b: Path, *, site: str) -> bool:
    """Whether two score files have the same Σ a² in the first block: those of the same images have.

    As `sources.same_images`, for files without per-image sums; labels make no difference to it.
    """
    first, second = (_first_squares(path, site) for path in (a, b))
    if first is None or second is None or first.shape != second.shape:
        return False
    return bool(np.allclose(first, second, rtol=1e-4))


def _first_squares(path: Path, site: str) -> np.ndarray | None:
    name = f"{site}.0.per_class"
    with open_tensors(path) as file:
        if name not in file.keys():  # noqa: SIM118
            return None
        arrays = {name: file.get_slice(name)[0:1]}
    record = load_scores(path, kinds=()).record
    squares = squares_of_classes(ChannelScores(arrays), record, site)
    return None if squares is None else squares[0]


def squares_of_classes(
    scores: ChannelScores, record: ScoreRecord, site: str
) -> list[np.ndarray] | None:
    """Σ a² over the images, (blocks, D) a stage, from the class norms; None where there are none.

    A norm of class k is sqrt(Σ a²), with `normalise` sqrt(Σ a² / (N_k T)): then T, one number for a
    block, is left out of the sum.
    """
    if record.criterion not in RESAMPLED or f"{site}.0.per_class" not in scores.arrays:
        return None
    weights = np.ones(1)
    if record.normalise:
        weights = np.array(record.images_per_class, dtype=np.float64)
        if len(weights) != scores.arrays[f"{site}.0.per_class"].shape[1]:
            return None
    return [
        np.nansum(norms.astype(np.float64) ** 2 * weights[:, None], axis=1)
        for norms in scores.site(site, "per_class")
    ]
