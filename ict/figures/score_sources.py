"""The score file that a figure is drawn from, and the channels that are chosen in it."""

from pathlib import Path
from typing import Any

import numpy as np

from ict.errors import InputError
from ict.figures.asked import Choice, Found, of_scores
from ict.figures.draw_runs import asked
from ict.figures.sources import (
    Source,
    chosen,
    default_ks,
)
from ict.scores import load_scores
from ict.selection import Selection, resolve_k
from ict.store import channel_sets
from ict.store.run_rows import RunRow
from ict.store.store import Store

ONE_FILE = "another score file than the one that is drawn"


def score_files(found: Found, choice: Choice) -> list[tuple[Path, RunRow | None]]:
    """Score files in the order of the sources: those that were named, then those of runs, each once.

    With a run goes its row, whose choice of channels a figure marks. Raises InputError for none.
    """
    files: dict[Path, RunRow | None] = {}
    for path in found.scores:
        if choice.task in (None, load_scores(path, kinds=()).meta.get("task")):
            files.setdefault(path, None)
    for row in asked(found, choice):
        if row.get("score_id"):
            path = found.store.score_file(str(row["score_id"]))
            files.setdefault(path, row)
    if not files:
        raise InputError("no scores behind these sources; name a score id, or runs of method ict")
    return list(files.items())


def open_scores(path: Path, store: Store, *, row: RunRow | None, site: str | None) -> Source:
    """The scores of a file at `site`, by default where the run of `row` was scored, or the first."""
    scores = load_scores(path, kinds=("", "per_class"))
    if site is not None and site not in scores.sites:
        raise InputError(f"no site {site!r} in {path.parent.name}: {', '.join(scores.sites)}")
    own = None
    if row is not None:
        record = store.run(row["run_id"]).selection()
        own = Selection.from_dict(record) if record else None
    wanted = site or (row.get("score_site") if row else None)
    at = wanted if wanted in scores.sites else scores.sites[0]
    return Source(
        scores=scores, site=at, meta={**scores.meta, "score_id": path.parent.name}, own=own
    )


def opened(found: Found, choice: Choice) -> tuple[Source, RunRow | None]:
    path, row = score_files(found, choice)[0]
    return open_scores(path, found.store, row=row, site=choice.site), row


def picked_channels(source: Source, choice: Choice) -> tuple[Selection, dict[str, Any]]:
    """The channels that are marked, and how they were chosen: a saved set, the run's own, or an order."""
    if choice.set is not None:
        return channel_sets.load(Store(), choice.set).selection, {"chosen": f"set {choice.set}"}
    ks = ks_of(source, choice)
    picked = chosen(source, ks, choice.order)
    if picked is source.own:
        return picked, {"chosen": "the run's own"}
    return picked, {"chosen": {"own": "top"}.get(choice.order, choice.order)}


def ks_of(source: Source, choice: Choice) -> tuple[int, ...]:
    if choice.k is not None:
        return resolve_k(source.widths, k=choice.k, ratio=None)
    if choice.order == "own":
        return default_ks(source, choice.ratio)
    return resolve_k(source.widths, k=None, ratio=choice.ratio)


def k_of(picked: Selection) -> Any:
    """K of the blocks: one number where all have the same."""
    found = list(dict.fromkeys(len(block.indices) for block in picked.blocks))
    return found[0] if len(found) == 1 else found


def of_one(
    found: Found,
    choice: Choice,
    source: Source,
    row: RunRow | None,
    *,
    picked: Selection | None = None,
) -> dict[str, Any]:
    """What is drawn of a score file, and the runs and files behind the sources that are not.

    A run counts as drawn where its own choice is marked; others with these scores and this K are in
    the figure as much, so they are not said to be left out.
    """
    own = picked is not None and picked is source.own
    reasons: dict[str, str] = {}
    for path, _ in score_files(found, choice)[1:]:
        reasons[path.parent.name] = ONE_FILE
    for other in asked(found, choice):
        if other.get("score_id") is None:
            reasons[other["run_id"]] = "no scores of its own"
        elif other.get("score_id") != source.meta["score_id"]:
            reasons[other["run_id"]] = ONE_FILE
        elif own and row is not None and other.get("k") != row.get("k"):
            reasons[other["run_id"]] = "another K than the one that is marked"
        else:
            reasons[other["run_id"]] = ""  # its scores are those that are drawn
    return {
        "runs": [row] if own and row is not None else [],
        "scores": [source.meta],
        "reasons": reasons,
    }


def facts_of(source: Source, **more: Any) -> dict[str, Any]:
    return {"site": source.site, "criterion": source.criterion, **more}


def said_of(source: Source) -> str:
    return of_scores(source.meta, site=source.site)


def channel_of(source: Source, choice: Choice) -> tuple[int, int]:
    """Block and channel that were asked for; by default block 0, and its strongest channel."""
    block = choice.block or 0
    scores = source.row(block)
    channel = int(np.argmax(scores)) if choice.channel is None else choice.channel
    if not 0 <= channel < len(scores):
        raise InputError(f"channel {channel}: block {block} has channels 0 to {len(scores) - 1}")
    return block, channel
