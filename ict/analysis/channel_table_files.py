"""The table of all channels of a score file, with what else a store tells of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ict.analysis.channel_table import ChannelTable, channel_table, other_tasks
from ict.analysis.selectivity import class_columns
from ict.documents.score_record import ScoreRecord
from ict.errors import InputError
from ict.scores import load_scores
from ict.selection import resolve_k, select
from ict.store.store import Store


def table_of_file(
    path: Path,
    store: Store,
    *,
    site: str | None = None,
    k: Sequence[int] | None = None,
    ratio: float | None = None,
    against: Path | None = None,
) -> ChannelTable:
    """The table of a score file whose K highest of each block are chosen; `against` is the file of B.

    The choices of the other tasks are those of the store, scored in the same way, at the same K/D.
    Raises InputError for a file that is none, scores without a ranking, and B of another backbone.
    """
    scores = load_scores(path, kinds=("", "per_class"))
    where = site or scores.only_site()
    ks = resolve_k([stage.shape[1] for stage in scores.site(where)], k=k, ratio=ratio)
    records = [ScoreRecord.of(meta) for meta in store.scores()]
    own = replace(scores.record, score_id=scores.record.score_id or path.parent.name)
    others = other_tasks(own, records, site=where)
    other = None
    if against is not None:
        other = load_scores(against, kinds=("",))
        for name in ("backbone", "weights"):
            if getattr(own, name) != getattr(other.record, name):
                raise InputError(
                    f"A and B are of different {name}: a channel's number means nothing across them"
                )
    return channel_table(
        scores,
        site=where,
        picked=select(scores, site=where, k=list(ks)),
        ks=ks,
        others={task: load_scores(one.path, kinds=("",)) for task, one in others.items()},
        against=other,
        classes=class_columns(scores, site=where, path=path),
    )
