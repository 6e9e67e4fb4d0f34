"""The table of `ict overlap`: every pair of tasks, block by block, between floor and ceiling."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from ict.analysis import ceiling, permutation
from ict.analysis.cache import cached, kept
from ict.analysis.overlap import count, top_masks
from ict.analysis.overlap_row import CeilingRow, OverlapRow, shared_in_block
from ict.analysis.sources import Source, key_of, same_images
from ict.documents.json_form import JsonForm
from ict.documents.score_record import ScoreRecord
from ict.errors import InputError
from ict.selection import resolve_k
from ict.store.store import Store

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class OverlapSettings(JsonForm):
    """All that an overlap table with its ceiling depends on: what it is kept under."""

    scores: Sequence[str]
    """Keys of the score files (`sources.key_of`), in the order of their tasks."""
    tasks: Sequence[str]
    k: int | Sequence[int] | None
    ratio: float | None
    splits: int = ceiling.SPLITS
    permutations: int = permutation.PERMUTATIONS
    seed: int = 0


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
) -> list[CeilingRow]:
    """One row a pair of tasks and block, kept in the store.

    Raises InputError for scores that differ in more than their task; p-values are None with
    permutations=0.
    """
    _check(sources)
    settings = OverlapSettings(
        scores=[source.key for source in sources],
        tasks=[source.name for source in sources],
        k=k,
        ratio=ratio,
        splits=splits,
        permutations=permutations,
        seed=seed,
    )

    def compute() -> list[CeilingRow]:
        return _all_pairs(sources, settings, progress)

    return cached(store, "overlap", settings, compute, CeilingRow)


def kept_rows(
    scores: Sequence[ScoreRecord], *, site: str, ratio: float, store: Store
) -> list[CeilingRow] | None:
    """What `overlap_rows` gave for these score files at `ratio` and its defaults.

    Of the store alone, so it needs no per-image sums; with p-values where they were computed. None
    if it was never computed for these files in this order.
    """
    keys, tasks = [key_of(one, site) for one in scores], [str(one.task) for one in scores]
    for permutations in (permutation.PERMUTATIONS, 0):
        settings = OverlapSettings(
            scores=keys, tasks=tasks, k=None, ratio=ratio, permutations=permutations
        )
        if (rows := kept(store, "overlap", settings, CeilingRow)) is not None:
            return rows
    return None


def plain_rows(
    scores: Sequence[tuple[str, Sequence[np.ndarray]]], ks: Sequence[int]
) -> list[OverlapRow]:
    """Overlap on all images of named scores, without halves: for files without per-image sums.

    There is no ceiling, and none is drawn.
    """
    rows: list[OverlapRow] = []
    for (name_a, a), (name_b, b) in combinations(scores, 2):
        rows += _on_all_images((name_a, name_b), a, b, ks)
    return rows


def similarity(rows: Sequence[OverlapRow]) -> tuple[list[str], np.ndarray]:
    """Task names and the symmetric (C, C) mean over blocks of Kuncheva's index, 1 on the diagonal."""
    table = pd.DataFrame([(*row.pair, row.kuncheva) for row in rows], columns=["a", "b", "index"])
    table["index"] = table["index"].astype(float)
    names = list(dict.fromkeys([*table["a"], *table["b"]]))
    place = {name: i for i, name in enumerate(names)}
    matrix = np.eye(len(names))
    means = table.groupby(["a", "b"], sort=False)["index"].mean().reset_index()
    for a, b, mean in means.itertuples(index=False):
        matrix[place[a], place[b]] = matrix[place[b], place[a]] = mean
    return names, matrix


def _check(sources: Sequence[Source]) -> None:
    if len(sources) < 2:
        raise InputError("overlap needs two tasks or more")
    for name in ("backbone", "weights", "criterion", "tokens", "image_size", "pixel_normalisation"):
        values = {str(getattr(source.record, name)) for source in sources}
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


def _all_pairs(
    sources: Sequence[Source], settings: OverlapSettings, progress: Progress | None
) -> list[CeilingRow]:
    ks = resolve_k([s.shape[1] for s in sources[0].scores()], k=settings.k, ratio=settings.ratio)
    seeds, strata = _split_plan(sources, settings.seed)
    halves = [
        ceiling.half_selections(source.read(), ks, splits=settings.splits, seed=seed, strata=labels)
        for source, seed, labels in zip(sources, seeds, strata, strict=True)
    ]
    pairs = list(combinations(range(len(sources)), 2))
    rows: list[CeilingRow] = []
    for done, (a, b) in enumerate(pairs):
        rows += _pair(sources[a], sources[b], (halves[a], halves[b]), ks, settings)
        if progress is not None:
            progress(done + 1, len(pairs))
    return rows


def _pair(
    a: Source,
    b: Source,
    halves: tuple[ceiling.Halves, ceiling.Halves],
    ks: Sequence[int],
    settings: OverlapSettings,
) -> list[CeilingRow]:
    shared = same_images(a, b)
    between = ceiling.compare(*halves, ks, shared_images=shared)
    test = _test(a, b, ks, settings)
    return [
        CeilingRow(
            **row.to_dict(),
            half_overlap=between.overlap[row.block],
            ceiling=between.ceiling[row.block],
            ratio_to_ceiling=between.ratio[row.block],
            ratio_low=between.ratio_low[row.block],
            ratio_high=between.ratio_high[row.block],
            total_ratio=between.total_ratio,
            total_ratio_low=between.total_low,
            total_ratio_high=between.total_high,
            p_permutation=None if test is None else test.p[row.block],
            expected_kuncheva=None if test is None else test.expected[row.block],
            shared_images=shared,
            splits=halves[0].splits,
            permutations=settings.permutations,
            images_a=len(a.labels),
            images_b=len(b.labels),
        )
        for row in _on_all_images((a.name, b.name), a.scores(), b.scores(), ks)
    ]


def _test(
    a: Source, b: Source, ks: Sequence[int], settings: OverlapSettings
) -> permutation.TaskTest | None:
    """Whether the tasks choose alike by more than their images; None where nothing is permuted."""
    if not settings.permutations:
        return None
    return permutation.task_labels(
        a.read(), b.read(), ks, permutations=settings.permutations, seed=settings.seed
    )


def _on_all_images(
    pair: tuple[str, str], a: Sequence[np.ndarray], b: Sequence[np.ndarray], ks: Sequence[int]
) -> list[OverlapRow]:
    """One row a block of two tasks' scores, (blocks, D) a stage."""
    rows: list[OverlapRow] = []
    for stage, (one, other, k) in enumerate(zip(a, b, ks, strict=True)):
        for overlap in count(top_masks(one, k), top_masks(other, k)):
            rows.append(
                shared_in_block(
                    pair, stage=stage, block=len(rows), k=k, channels=one.shape[1],
                    overlap=int(overlap),
                )
            )  # fmt: skip
    return rows
