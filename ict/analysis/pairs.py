"""The table of `ict overlap`: every pair of tasks, block by block, between floor and ceiling."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from ict.analysis import ceiling, permutation
from ict.analysis.cache import cached, kept
from ict.analysis.chance import chance
from ict.analysis.overlap import coefficient, count, jaccard, kuncheva, top_masks
from ict.analysis.sources import Source, Sums, key_of, same_images
from ict.errors import InputError
from ict.selection import resolve_k
from ict.store.store import Store

Progress = Callable[[int, int], None]
PARTS = (16, 8, 4, 2)  # shares of the images on which overlap is measured as their number grows


def overlap_rows(
    sources: Sequence[Source],
    *,
    k: int | Sequence[int] | None = None,
    ratio: float | None = None,
    splits: int = ceiling.SPLITS,
    permutations: int = permutation.PERMUTATIONS,
    seed: int = 0,
    store: Store | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """One row a pair of tasks and block, kept in the store.

    Fields: task_a, task_b, stage, block, k, channels; overlap, jaccard, coefficient, kuncheva on
    all images; floor, floor_low, floor_high by chance; half_overlap, ceiling, ratio_to_ceiling
    with its central 95 % over splits on equal halves; total_ratio over all blocks; p_permutation
    (None with permutations=0), expected_kuncheva under it; shared_images, splits, permutations, n.
    """
    _check(sources)
    settings = {
        **_named([(source.name, source.key) for source in sources]),
        "k": k,
        "ratio": ratio,
        "splits": splits,
        "permutations": permutations,
        "seed": seed,
    }

    def compute() -> list[dict[str, Any]]:
        ks = resolve_k([s.shape[1] for s in sources[0].scores()], k=k, ratio=ratio)
        halves = [
            ceiling.half_selections(
                source.read(), ks, splits=splits, seed=split_seed, strata=strata
            )
            for source, split_seed, strata in zip(sources, *_split_plan(sources, seed), strict=True)
        ]
        pairs = list(combinations(range(len(sources)), 2))
        rows: list[dict[str, Any]] = []
        chosen = {"permutations": permutations, "seed": seed}
        for done, (a, b) in enumerate(pairs):
            rows += _pair(sources[a], sources[b], (halves[a], halves[b]), ks, **chosen)
            if progress is not None:
                progress(done + 1, len(pairs))
        return rows

    found: list[dict[str, Any]] = cached(store, "overlap", settings, compute)
    return found


def kept_rows(
    scores: Sequence[Mapping[str, Any]], *, site: str, ratio: float, store: Store
) -> list[dict[str, Any]] | None:
    """What `overlap_rows` gave for the metas of these score files at `ratio` and its defaults.

    Of the store alone, so it needs no per-image sums; with p-values where they were computed. None
    if it was never computed for these files in this order.
    """
    named = _named([(str(meta["task"]), key_of(meta, site)) for meta in scores])
    for permutations in (permutation.PERMUTATIONS, 0):
        settings = {
            **named, "k": None, "ratio": ratio, "splits": ceiling.SPLITS,
            "permutations": permutations, "seed": 0,
        }  # fmt: skip
        if (found := kept(store, "overlap", settings)) is not None:
            return list(found)
    return None


def growth_rows(
    a: Source, b: Source, *, ratio: float, store: Store | None = None
) -> list[dict[str, Any]]:
    """Overlap of two tasks scored on a sixteenth to a half of their images, kept in the store.

    The rows of `ceiling.overlap_against_n`: does the choice still move with the number of images?
    """

    def compute() -> list[dict[str, float]]:
        ks = resolve_k([s.shape[1] for s in a.scores()], k=None, ratio=ratio)
        fewest = min(len(a.labels), len(b.labels))
        sizes = [size for part in PARTS if (size := fewest // part) >= 2]
        return ceiling.overlap_against_n(a.read(), b.read(), ks, sizes=sizes)

    found: list[dict[str, Any]] = cached(store, "growth", _growth([a.key, b.key], ratio), compute)
    return found


def kept_growth_rows(
    scores: Sequence[Mapping[str, Any]], *, site: str, ratio: float, store: Store
) -> list[dict[str, Any]] | None:
    """What `growth_rows` gave for the metas of two score files; None if it never did."""
    settings = _growth([key_of(meta, site) for meta in scores], ratio)
    found: list[dict[str, Any]] | None = kept(store, "growth", settings)
    return found


def _growth(keys: list[str], ratio: float) -> dict[str, Any]:
    return {"scores": keys, "ratio": ratio, "parts": list(PARTS)}


def _named(scores: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """The part of the cache's key that says which scores are compared, from (task, key)."""
    return {"scores": [key for _, key in scores], "tasks": [task for task, _ in scores]}


def _check(sources: Sequence[Source]) -> None:
    if len(sources) < 2:
        raise InputError("overlap needs two tasks or more")
    for name in ("backbone", "weights", "criterion", "tokens", "image_size", "pixel_normalisation"):
        values = {str(source.meta.get(name)) for source in sources}
        if len(values) > 1:
            raise InputError(
                f"{name} differs ({', '.join(sorted(values))}): only scores of one {name} compare"
            )


def _split_plan(sources: Sequence[Source], seed: int) -> tuple[list[int], list[np.ndarray | None]]:
    """A seed and strata for each source; those on the same images get the same halves."""
    seeds: list[int] = []
    strata: list[np.ndarray | None] = []
    groups: list[list[int]] = []
    for i, source in enumerate(sources):
        home = next((g for g in groups if same_images(sources[g[0]], source)), None)
        if home is None:
            groups.append([i])
        else:
            home.append(i)
    number = {i: g for g, members in enumerate(groups) for i in members}
    for i in range(len(sources)):
        members = groups[number[i]]
        seeds.append(seed * 1000 + number[i])
        strata.append(_joint_labels([sources[m].labels for m in members]) if members[1:] else None)
    return seeds, strata


def _joint_labels(labels: Sequence[np.ndarray]) -> np.ndarray:
    """One stratum for each combination of labels that occurs."""
    return np.unique(np.stack(labels, axis=1), axis=0, return_inverse=True)[1].ravel()


def _pair(
    a: Source,
    b: Source,
    halves: tuple[ceiling.Halves, ceiling.Halves],
    ks: Sequence[int],
    *,
    permutations: int,
    seed: int,
) -> list[dict[str, Any]]:
    shared = same_images(a, b)
    found = ceiling.compare(*halves, ks, shared_images=shared)
    test = None
    if permutations:
        test = permutation.task_labels(_read(a), _read(b), ks, permutations=permutations, seed=seed)
    rows: list[dict[str, Any]] = []
    for stage, (one, other, k) in enumerate(zip(a.scores(), b.scores(), ks, strict=True)):
        width = one.shape[1]
        overlap = count(top_masks(one, k), top_masks(other, k))
        for o in overlap:
            block = len(rows)
            rows.append(
                {
                    **_plain_row((a.name, b.name), stage, block, int(o), (k, width)),
                    "half_overlap": found.overlap[block],
                    "ceiling": found.ceiling[block],
                    "ratio_to_ceiling": found.ratio[block],
                    "ratio_low": found.ratio_low[block],
                    "ratio_high": found.ratio_high[block],
                    "total_ratio": found.total_ratio,
                    "total_ratio_low": found.total_low,
                    "total_ratio_high": found.total_high,
                    "p_permutation": None if test is None else test.p[block],
                    "expected_kuncheva": None if test is None else test.expected[block],
                    "shared_images": shared,
                    "splits": halves[0].splits,
                    "permutations": permutations,
                    "images_a": len(a.labels),
                    "images_b": len(b.labels),
                }
            )
    return rows


def _read(source: Source) -> Sums:
    return source.read()


def plain_rows(
    scores: Sequence[tuple[str, Sequence[np.ndarray]]], ks: Sequence[int]
) -> list[dict[str, Any]]:
    """Overlap on all images of named scores, without halves: for files without per-image sums.

    The fields of `overlap_rows` up to floor_high; there is no ceiling, and none is drawn.
    """
    rows: list[dict[str, Any]] = []
    for (name_a, a), (name_b, b) in combinations(scores, 2):
        block = 0
        for stage, (one, other, k) in enumerate(zip(a, b, ks, strict=True)):
            for o in count(top_masks(one, k), top_masks(other, k)):
                rows.append(_plain_row((name_a, name_b), stage, block, int(o), (k, one.shape[1])))
                block += 1
    return rows


def _plain_row(
    names: tuple[str, str], stage: int, block: int, shared: int, sizes: tuple[int, int]
) -> dict[str, Any]:
    k, width = sizes
    by_chance = chance(k, width)
    return {
        "task_a": names[0],
        "task_b": names[1],
        "stage": stage,
        "block": block,
        "k": k,
        "channels": width,
        "overlap": shared,
        "jaccard": float(jaccard(shared, k)),
        "coefficient": float(coefficient(shared, k)),
        "kuncheva": float(kuncheva(shared, k, width)),
        "floor": by_chance.mean,
        "floor_low": by_chance.low,
        "floor_high": by_chance.high,
    }


def similarity(
    rows: Sequence[dict[str, Any]], value: str = "kuncheva"
) -> tuple[list[str], np.ndarray]:
    """Task names and the symmetric (C, C) mean of `value` over blocks, 1 on the diagonal."""
    table = pd.DataFrame(rows)
    names = list(dict.fromkeys([*table["task_a"], *table["task_b"]]))
    place = {name: i for i, name in enumerate(names)}
    matrix = np.eye(len(names))
    means = table.groupby(["task_a", "task_b"], sort=False)[value].mean().reset_index()
    for a, b, mean in means.itertuples(index=False):
        matrix[place[a], place[b]] = matrix[place[b], place[a]] = mean
    return names, matrix
