"""The tables of `ict stability` and `ict energy`, kept in the store."""

from collections.abc import Mapping, Sequence
from typing import Any

from ict.analysis import energy, permutation, stability
from ict.analysis.cache import cached, kept
from ict.analysis.chance import chance
from ict.analysis.sources import Source, key_of
from ict.store.store import Store


def stability_rows(
    source: Source,
    ks: Sequence[int],
    *,
    how: str = "bootstrap",
    resamples: int = stability.RESAMPLES,
    shuffles: int = permutation.SHUFFLES,
    seed: int = 0,
    store: Store | None = None,
) -> list[dict[str, Any]]:
    """One row a block of one task.

    stability with its interval (Nogueira; Monte-Carlo error only), steady (channels chosen in 95 %
    of the resamples); and for class_l2 how much of the choice is left when the class labels are
    shuffled: shuffle_overlap of K with its central 95 %, and l2_overlap with the class-agnostic norm.
    """
    settings = _settings(source.key, ks, how=how, resamples=resamples, shuffles=shuffles, seed=seed)

    def compute() -> list[dict[str, Any]]:
        sums = source.read()
        found = stability.of_images(sums, ks, how=how, resamples=resamples, seed=seed)
        shuffled = None
        if shuffles and sums.criterion == "class_l2":
            shuffled = permutation.class_labels(sums, ks, shuffles=shuffles, seed=seed)
        where = [
            (stage, k, width)
            for stage, (blocks, width, k) in enumerate(
                zip(sums.blocks, sums.widths, ks, strict=True)
            )
            for _ in range(blocks)
        ]
        return [
            {
                "task": source.name,
                "stage": stage,
                "block": block,
                "k": k,
                "channels": width,
                "stability": found[block].index,
                "low": found[block].low,
                "high": found[block].high,
                "steady": int((found[block].frequency >= 0.95).sum()),
                "floor": chance(k, width).mean,
                "shuffle_overlap": None if shuffled is None else shuffled.overlap[block],
                "shuffle_low": None if shuffled is None else shuffled.low[block],
                "shuffle_high": None if shuffled is None else shuffled.high[block],
                "l2_overlap": None if shuffled is None else int(shuffled.with_l2[block]),
                "how": how,
                "resamples": resamples,
                "shuffles": shuffles,
                "images": len(sums.labels),
            }
            for block, (stage, k, width) in enumerate(where)
        ]

    rows: list[dict[str, Any]] = cached(store, "stability", settings, compute)
    return rows


def kept_stability_rows(
    meta: Mapping[str, Any], ks: Sequence[int], *, site: str, store: Store
) -> list[dict[str, Any]] | None:
    """What `stability_rows` gave for the score file of `meta` by its defaults; None if it never did.

    Of the store alone: the per-image sums may be gone.
    """
    settings = _settings(
        key_of(meta, site), ks, how="bootstrap", resamples=stability.RESAMPLES,
        shuffles=permutation.SHUFFLES, seed=0,
    )  # fmt: skip
    found: list[dict[str, Any]] | None = kept(store, "stability", settings)
    return found


def _settings(key: str, ks: Sequence[int], **chosen: Any) -> dict[str, Any]:
    return {"score": key, "ks": list(ks), **chosen}


def energy_rows(source: Source, *, store: Store | None = None) -> list[dict[str, Any]]:
    """`energy.split_table` of one task, with its name and number of images."""

    def compute() -> list[dict[str, Any]]:
        sums = source.read()
        head = {"task": source.name, "images": len(sums.labels)}
        return [{**head, **row} for row in energy.split_table(sums)]

    rows: list[dict[str, Any]] = cached(store, "energy", _energy_key(source.key), compute)
    return rows


def _energy_key(key: str) -> dict[str, Any]:
    """Version 0.1.0 kept rows whose class share is not corrected, under the score alone."""
    return {"score": key, "class_energy": "corrected"}


def kept_energy_rows(
    meta: Mapping[str, Any], *, site: str, store: Store
) -> list[dict[str, Any]] | None:
    """What `energy_rows` gave for the score file of `meta`; None if it never did.

    What version 0.1.0 kept is corrected here, from the images and classes that the file counts.
    """
    key = key_of(meta, site)
    found: list[dict[str, Any]] | None = kept(store, "energy", _energy_key(key))
    if found is not None:
        return found
    older: list[dict[str, Any]] | None = kept(store, "energy", {"score": key})
    classes = _classes(meta)
    if older is None or classes is None or any(row["images"] <= classes for row in older):
        return None
    return [energy.corrected_row(row, classes) for row in older]


def _classes(meta: Mapping[str, Any]) -> int | None:
    """How many classes have images in a score file."""
    counts = meta.get("images_per_class")
    return sum(count > 0 for count in counts) if counts else meta.get("classes")
