"""The score file that a figure is drawn from, and the channels that are chosen in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ict.documents.score_record import ScoreRecord
from ict.errors import InputError, quoted
from ict.figures.asked import Behind, Choice, Found, of_scores
from ict.figures.draw_runs import asked
from ict.figures.sources import (
    Source,
    chosen,
    comparable,
    default_ks,
)
from ict.scores import load_scores
from ict.selection import Selection, resolve_k
from ict.store import channel_sets
from ict.store.names import score_file
from ict.store.run_rows import RunRow, run_rows
from ict.store.store import Store

ONE_FILE = "another score file than the one that is drawn"
NO_RANKING = "its criterion ranks no channels"


@dataclass(frozen=True)
class ScoreFile:
    """A score file among the sources, with the row of the run that it was found by, if any."""

    path: Path
    row: RunRow | None = None

    @property
    def id(self) -> str:
        return self.path.parent.name


def score_files(found: Found, choice: Choice) -> list[ScoreFile]:
    """Score files in the order of the sources: those that were named, then those of runs, each once.

    With a run goes its row, whose choice of channels a figure marks. Raises InputError for none.
    """
    files: dict[Path, ScoreFile] = {}
    for path in found.scores:
        if choice.task in (None, load_scores(path, kinds=()).record.task):
            files.setdefault(path, ScoreFile(path))
    for row in asked(found, choice):
        if row.score_id:
            path = found.store.score_file(row.score_id)
            files.setdefault(path, ScoreFile(path, row))
    if not files:
        raise InputError("no scores behind these sources; name a score id, or runs of method ict")
    return list(files.values())


def open_scores(file: ScoreFile, store: Store, *, site: str | None) -> Source:
    """The scores of a file at `site`, by default where its run was scored, or the first."""
    scores = load_scores(file.path, kinds=("", "per_class"))
    if site is not None and site not in scores.sites:
        raise InputError(f"no site {site!r} in {file.id}: {', '.join(scores.sites)}")
    own = None
    if file.row is not None:
        selection = store.run(file.row.run_id).selection()
        own = Selection.from_dict(selection) if selection else None
    chosen_site = site or (file.row.get("score_site") if file.row else None)
    return Source(
        scores=scores,
        site=chosen_site if chosen_site in scores.sites else scores.sites[0],
        record=ScoreRecord.of(scores.meta, score_id=file.id),
        own=own,
    )


def opened(found: Found, choice: Choice) -> tuple[Source, ScoreFile]:
    """The first score file behind the sources."""
    file = score_files(found, choice)[0]
    return open_scores(file, found.store, site=choice.site), file


def stages_of(name: str | None, store: Store, like: Source) -> Sequence[np.ndarray]:
    """Scores (blocks, D) a stage of a run or a score id, at the site of `like`; none without a name.

    Raises InputError where there are none that can share a scale with `like`.
    """
    if name is None:
        return ()
    path = score_file(store.scores_dir / name)
    if not path.is_file():
        (row,) = run_rows(store, lambda one: one.run_id == store.run(name).id) or (RunRow(),)
        if row.score_id is None:
            raise InputError(
                f"{quoted(name)} has no scores: name a score id, or a run of method ict"
            )
        path = store.score_file(row.score_id)
    other = open_scores(ScoreFile(path), store, site=like.site)
    if trouble := comparable(like, other):
        raise InputError(trouble)
    return other.stages


def picked_channels(source: Source, choice: Choice) -> tuple[Selection, str]:
    """The channels that are marked, and how they were chosen: a saved set, the run's own, or an order."""
    if choice.set is not None:
        return channel_sets.load(Store(), choice.set).selection, f"set {choice.set}"
    picked = chosen(source, ks_of(source, choice), choice.order)
    if picked is source.own:
        return picked, "the run's own"
    return picked, "top" if choice.order == "own" else choice.order


def ks_of(source: Source, choice: Choice) -> tuple[int, ...]:
    if choice.k is not None:
        return resolve_k(source.widths, k=choice.k, ratio=None)
    if choice.order == "own":
        return default_ks(source, choice.ratio)
    return resolve_k(source.widths, k=None, ratio=choice.ratio)


def k_of(picked: Selection) -> Any:
    """K of the blocks: one number where all have the same."""
    ks = list(dict.fromkeys(len(block.indices) for block in picked.blocks))
    return ks[0] if len(ks) == 1 else ks


def of_one(
    found: Found,
    choice: Choice,
    source: Source,
    file: ScoreFile,
    *,
    context: str,
    picked: Selection | None = None,
    **facts: Any,
) -> Behind:
    """What is drawn of a score file, and the runs and files behind the sources that are not.

    A run counts as drawn where its own choice is marked; others with these scores and this K are in
    the figure as much, so they are not said to be left out.
    """
    row = file.row if picked is not None and picked is source.own else None
    reasons = {other.id: ONE_FILE for other in score_files(found, choice)[1:]}
    for other in asked(found, choice):
        if other.score_id is None:
            reasons[other.run_id] = "no scores of its own"
        elif other.score_id != source.record.score_id:
            reasons[other.run_id] = ONE_FILE
        elif row is not None and other.k != row.k:
            reasons[other.run_id] = "another K than the one that is marked"
        else:
            reasons[other.run_id] = ""  # its scores are those that are drawn
    return Behind(
        context=context,
        runs=[] if row is None else [row],
        scores=[source.record],
        facts={"site": source.site, "criterion": source.criterion, **facts},
        reasons=reasons,
    )


def said_of(source: Source) -> str:
    return of_scores(source.record, site=source.site)


def channel_of(source: Source, choice: Choice) -> tuple[int, int]:
    """Block and channel that were asked for; by default block 0, and its strongest channel."""
    block = choice.block or 0
    scores = source.row(block)
    channel = int(np.argmax(scores)) if choice.channel is None else choice.channel
    if not 0 <= channel < len(scores):
        raise InputError(f"channel {channel}: block {block} has channels 0 to {len(scores) - 1}")
    return block, channel
