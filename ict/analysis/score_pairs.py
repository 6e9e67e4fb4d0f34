"""Overlap and its growth of score files as they lie in a store: kept, or computed from their sums."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ict.analysis.ceiling import GrowthRow
from ict.analysis.growth import growth_rows, kept_growth_rows
from ict.analysis.overlap_row import CeilingRow, OverlapRow
from ict.analysis.pairs import kept_rows, overlap_rows, plain_rows
from ict.analysis.sources import lacking_sums, open_source
from ict.documents.score_record import ScoreRecord
from ict.errors import InputError
from ict.scores import ChannelScores, load_scores
from ict.selection import resolve_k
from ict.store.store import Store


def overlap_of_files(
    paths: Mapping[str, Path], store: Store, *, site: str, ratio: float, ceiling: bool = True
) -> Sequence[OverlapRow]:
    """Rows of every pair and block of score files by task.

    With a noise ceiling for the pairs of which both files have per-image sums, or for all where the
    store kept what was made of them; else, and without `ceiling`, on all images only.
    """
    summed = {task: path for task, path in paths.items() if ceiling and has_sums(path, site)}
    ceilings: Sequence[CeilingRow] = ()
    if len(summed) > 1:
        sums = [open_source(path, site=site, name=task) for task, path in summed.items()]
        ceilings = overlap_rows(sums, ratio=ratio, permutations=0, store=store)
    if len(summed) == len(paths):
        return ceilings
    scores = {task: _at(path, site) for task, path in paths.items()}
    if ceiling:
        records = [_record(paths[task], one).of_task(task) for task, one in scores.items()]
        if (kept := kept_rows(records, site=site, ratio=ratio, store=store)) is not None:
            return kept
    stages = [(task, one.site(site)) for task, one in scores.items()]
    ks = resolve_k([stage.shape[1] for stage in stages[0][1]], k=None, ratio=ratio)
    return with_ceilings(plain_rows(stages, ks), ceilings)


def has_sums(path: Path, site: str) -> bool:
    """Whether a score file keeps what a noise ceiling is computed from."""
    return lacking_sums([path], site) is None


def with_ceilings(
    rows: Sequence[OverlapRow], ceilings: Sequence[CeilingRow]
) -> Sequence[OverlapRow]:
    """The rows, those of pairs that have a ceiling with it."""
    known = {(row.pair, row.block): row for row in ceilings}
    return [known.get((row.pair, row.block), row) for row in rows]


def growth_of_files(
    paths: Mapping[str, Path], store: Store, *, site: str, ratio: float
) -> list[GrowthRow]:
    """How the overlap of two score files by task grows with the images. InputError without sums."""
    records = [_record(path, _at(path, site)) for path in paths.values()]
    kept = kept_growth_rows(records, site=site, ratio=ratio, store=store)
    if kept is not None:
        return kept
    a, b = (open_source(path, site=site, name=task) for task, path in paths.items())
    return growth_rows(a, b, ratio=ratio, store=store)


def _at(path: Path, site: str) -> ChannelScores:
    scores = load_scores(path, kinds=("",))
    if site not in scores.sites:
        raise InputError(f"no site {site!r} in {path.parent.name}: {', '.join(scores.sites)}")
    return scores


def _record(path: Path, scores: ChannelScores) -> ScoreRecord:
    return ScoreRecord.of(scores.meta, score_id=path.parent.name)
