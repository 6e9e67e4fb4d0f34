"""How the learning rates of runs were found, in one sentence: chosen on val200, at an edge, untuned."""

from collections.abc import Callable, Iterable, Sequence

from ict.criteria import is_control
from ict.methods.registry import chooses_channels
from ict.store.base import BaseStore
from ict.store.run_rows import RunRow, as_rows, study_run_rows
from ict.store.studies import list_studies
from ict.store.study_rows import tuned_lists
from ict.store.study_search import ACCURACY

_RATES = ("lr", "lr_multiplier")
_MOST = 4  # settings that a sentence names


def with_searches(store: BaseStore, found: Iterable[RunRow]) -> list[RunRow]:
    """`found` with what the store's studies say of each run: `searched`, `edge`, `searched_by`, ….

    Rows of a study say it themselves; a run that no study with [tune] has is untuned.
    """
    kept = as_rows(found)
    unknown = {row.run_id for row in kept if row.searched is None}
    if not unknown:
        return kept
    chosen: dict[str, RunRow] = {}
    for study in list_studies(store):
        if tuned_lists(study.document) and unknown & set(study.run_ids):
            for row in study_run_rows(store, study):
                if row.chosen and _values(row) > _values(chosen.get(row.run_id)):
                    chosen[row.run_id] = row
    return [
        _as_told(row, chosen[row.run_id]) if row.searched is None and row.run_id in chosen else row
        for row in kept
    ]


def _values(row: RunRow | None) -> int:
    """Among how many values the study chose; 0 for no row."""
    return 0 if row is None else row.searched or 0


def _as_told(row: RunRow, told: RunRow) -> RunRow:
    return row.having(**{name: told.get(name) for name in _TOLD if row.get(name) is None})


_TOLD = ("searched", "searched_of", "searched_by", "edge", "stages", "chosen")


def rate_words(found: Sequence[RunRow]) -> str:
    """One or two sentences on the learning rates of these runs; empty where none has one.

    Rows are those of `with_searches`. What was not searched is called untuned, a choice at the end
    of its list is named.
    """
    rated = [row for row in found if row.lr is not None]
    if not rated:
        return ""
    tuned = [row for row in rated if _searched(row)]
    untuned = [row for row in rated if not _searched(row)]
    if not tuned:
        return "Learning rates are untuned."
    said = f"Learning rates are chosen on val200 by {_by(tuned)}"
    if untuned:
        said += f" for {_named(tuned, _who)}, untuned for {_named(untuned, _who)}"
    said += "."
    edges = [row for row in tuned if row.edge]
    if edges:
        said += f" At the edge of what was tried: {_named(edges, _where)}."
    return said


def any_chosen(found: Sequence[RunRow]) -> bool:
    """Whether a study chose the rate of one of these runs; else all are untuned."""
    return any(_searched(row) for row in found)


def rate_cell(row: RunRow) -> str:
    """The same of one run, for a table: `chosen`, with its edge, `tried`, `untuned`, or `–`."""
    if row.lr is None:
        return "–"
    if _searched(row):
        return f"chosen, {row.edge}" if row.edge else "chosen"
    return "untuned" if row.at_chosen_rate else "tried"


def _searched(row: RunRow) -> bool:
    fields = (row.searched_of or "").split(", ")
    tried = (row.searched or 1) > 1 and any(name in fields for name in _RATES)
    return tried and row.at_chosen_rate


def _by(tuned: Sequence[RunRow]) -> str:
    accuracy = [row for row in tuned if row.searched_by == ACCURACY]
    if not accuracy:
        return "the lowest loss"
    return "the highest accuracy" + ("" if len(accuracy) == len(tuned) else " or the lowest loss")


def _who(row: RunRow) -> str:
    """A series by its name: the method, or the criterion of a control."""
    control = chooses_channels(row.method) and is_control(row.criterion)
    fixed = "" if row.at_chosen_rate else " at the fixed rate"
    return str(row.criterion if control else row.method) + fixed


def _where(row: RunRow) -> str:
    k = "" if row.k is None else f" K = {row.k}"
    return f"{_who(row)}{k} ({row.edge})"


def _named(found: Sequence[RunRow], words: Callable[[RunRow], str]) -> str:
    names = list(dict.fromkeys(words(row) for row in found))
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
