"""The tables of `ict stability` and `ict energy`, kept in the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ict.analysis import permutation, stability
from ict.analysis.cache import cached, kept
from ict.analysis.chance import chance
from ict.analysis.energy import EnergyRow, MeasuredEnergyRow, split_table
from ict.analysis.sources import Source, Sums, key_of, open_source
from ict.documents.json_form import JsonForm
from ict.documents.score_record import ScoreRecord
from ict.store.store import Store


@dataclass(frozen=True, kw_only=True)
class StabilityRow(JsonForm):
    """One block of one task: would other images have chosen the same channels, do the classes matter?"""

    task: str
    stage: int
    block: int
    k: int
    channels: int
    stability: float | None
    """Nogueira's index with its interval (Monte-Carlo error only); None where all are chosen."""
    low: float | None
    high: float | None
    steady: int
    """Channels chosen in 95 % of the resamples."""
    floor: float
    shuffle_overlap: float | None
    """Of class_l2: how many of K are chosen with shuffled class labels, with its central 95 %."""
    shuffle_low: float | None
    shuffle_high: float | None
    l2_overlap: int | None
    """Of class_l2: how many of K the norm without classes chooses."""
    how: str
    resamples: int
    shuffles: int
    images: int


@dataclass(frozen=True, kw_only=True)
class StabilitySettings(JsonForm):
    """All that a stability table depends on: what it is kept under."""

    score: str
    ks: Sequence[int]
    how: str = "bootstrap"
    resamples: int = stability.RESAMPLES
    shuffles: int = permutation.SHUFFLES
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class EnergySettings(JsonForm):
    """What a table of energies is kept under."""

    score: str
    class_energy: str = "corrected"


@dataclass(frozen=True, kw_only=True)
class MeasuredEnergySettings(JsonForm):
    """What version 0.1.0 kept its rows under, whose class share is not corrected."""

    score: str


def stability_rows(
    source: Source,
    ks: Sequence[int],
    *,
    how: str = "bootstrap",
    resamples: int = stability.RESAMPLES,
    shuffles: int = permutation.SHUFFLES,
    seed: int = 0,
    store: Store | None = None,
) -> list[StabilityRow]:
    """One row a block of one task; what concerns class labels is None but for class_l2."""
    settings = StabilitySettings(
        score=source.key, ks=list(ks), how=how, resamples=resamples, shuffles=shuffles, seed=seed
    )

    def compute() -> list[StabilityRow]:
        return _stability(source.read(), settings)

    return cached(store, "stability", settings, compute, StabilityRow)


def kept_stability_rows(
    record: ScoreRecord, ks: Sequence[int], *, site: str, store: Store
) -> list[StabilityRow] | None:
    """What `stability_rows` gave for a score file by its defaults; None if it never did.

    Of the store alone: the per-image sums may be gone.
    """
    settings = StabilitySettings(score=key_of(record, site), ks=list(ks))
    return kept(store, "stability", settings, StabilityRow)


def _stability(sums: Sums, settings: StabilitySettings) -> list[StabilityRow]:
    ks, seed = settings.ks, settings.seed
    blocks = stability.of_images(
        sums, ks, how=settings.how, resamples=settings.resamples, seed=seed
    )
    shuffled = None
    if settings.shuffles and sums.criterion == "class_l2":
        shuffled = permutation.class_labels(sums, ks, shuffles=settings.shuffles, seed=seed)
    places = [
        (stage, k, width)
        for stage, (count, width, k) in enumerate(zip(sums.blocks, sums.widths, ks, strict=True))
        for _ in range(count)
    ]
    return [
        StabilityRow(
            task=sums.name,
            stage=stage,
            block=block,
            k=k,
            channels=width,
            stability=resampled.index,
            low=resampled.low,
            high=resampled.high,
            steady=int((resampled.frequency >= 0.95).sum()),
            floor=chance(k, width).mean,
            shuffle_overlap=None if shuffled is None else shuffled.overlap[block],
            shuffle_low=None if shuffled is None else shuffled.low[block],
            shuffle_high=None if shuffled is None else shuffled.high[block],
            l2_overlap=None if shuffled is None else int(shuffled.with_l2[block]),
            how=settings.how,
            resamples=settings.resamples,
            shuffles=settings.shuffles,
            images=len(sums.labels),
        )
        for block, ((stage, k, width), resampled) in enumerate(zip(places, blocks, strict=True))
    ]


def energy_of_file(record: ScoreRecord, path: Path, *, site: str, store: Store) -> list[EnergyRow]:
    """What the store kept of a score file's energy, or its table from the file's per-image sums."""
    kept = kept_energy_rows(record, site=site, store=store)
    return energy_rows(open_source(path, site=site), store=store) if kept is None else kept


def stability_of_file(
    record: ScoreRecord, path: Path, ks: Sequence[int], *, site: str, store: Store
) -> list[StabilityRow]:
    """What the store kept of a score file's stability by the defaults, or its table from the sums."""
    kept = kept_stability_rows(record, ks, site=site, store=store)
    if kept is not None:
        return kept
    return stability_rows(open_source(path, site=site, name=record.task), ks, store=store)


def energy_rows(source: Source, *, store: Store | None = None) -> list[EnergyRow]:
    """`energy.split_table` of one task."""
    settings = EnergySettings(score=source.key)
    return cached(store, "energy", settings, lambda: split_table(source.read()), EnergyRow)


def kept_energy_rows(record: ScoreRecord, *, site: str, store: Store) -> list[EnergyRow] | None:
    """What `energy_rows` gave for a score file; None if it never did.

    What version 0.1.0 kept is corrected here, from the images and classes that the file counts.
    """
    key = key_of(record, site)
    rows = kept(store, "energy", EnergySettings(score=key), EnergyRow)
    if rows is not None:
        return rows
    older = kept(store, "energy", MeasuredEnergySettings(score=key), MeasuredEnergyRow)
    classes = record.classes_with_images
    if older is None or classes is None or any(row.images <= classes for row in older):
        return None
    return [row.corrected(classes) for row in older]
