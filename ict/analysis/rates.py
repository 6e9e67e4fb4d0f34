"""How the learning rates of runs were found, in one sentence: chosen on val200, at an edge, untuned."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ict.criteria import is_control
from ict.store.base import BaseStore
from ict.store.studies import list_studies, rows
from ict.store.study_rows import tuned_lists
from ict.store.study_search import ACCURACY

Row = Mapping[str, Any]
_RATES = ("lr", "lr_multiplier")
_MOST = 4  # settings that a sentence names


def with_searches(store: BaseStore, found: Iterable[Row]) -> list[dict[str, Any]]:
    """`found` with what the store's studies say of each run: `searched`, `edge`, `searched_by`, ….

    Rows of `studies.rows` say it themselves; a run that no study with [tune] has is untuned.
    """
    kept = [dict(row) for row in found]
    unknown = {str(row["run_id"]) for row in kept if "searched" not in row}
    if not unknown:
        return kept
    told: dict[str, dict[str, Any]] = {}
    for study in list_studies(store):
        if tuned_lists(study.document) and unknown & set(study.run_ids):
            for row in rows(store, study):
                known = told.get(row["run_id"], {"searched": 0})
                if row["chosen"] and row["searched"] > known["searched"]:
                    told[row["run_id"]] = {name: row[name] for name in _TOLD}
    return [{**told.get(str(row["run_id"]), {}), **row} for row in kept]


_TOLD = ("searched", "searched_of", "searched_by", "edge", "stages", "chosen")


def rate_words(found: Sequence[Row]) -> str:
    """One or two sentences on the learning rates of these runs; empty where none has one.

    Rows are those of `with_searches`. What was not searched is called untuned, a choice at the end
    of its list is named.
    """
    rated = [row for row in found if row.get("lr") is not None]
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
    edges = [row for row in tuned if row.get("edge")]
    if edges:
        said += f" At the edge of what was tried: {_named(edges, _where)}."
    return said


def rate_cell(row: Row) -> str:
    """The same of one run, for a table: `chosen`, with its edge, `tried`, `untuned`, or `–`."""
    if row.get("lr") is None:
        return "–"
    if _searched(row):
        return f"chosen, {row['edge']}" if row.get("edge") else "chosen"
    return "untuned" if row.get("chosen", True) else "tried"


def _searched(row: Row) -> bool:
    fields = str(row.get("searched_of") or "").split(", ")
    tried = (row.get("searched") or 1) > 1 and any(name in fields for name in _RATES)
    return tried and bool(row.get("chosen", True))


def _by(tuned: Sequence[Row]) -> str:
    accuracy = [row for row in tuned if row.get("searched_by") == ACCURACY]
    if not accuracy:
        return "the lowest loss"
    return "the highest accuracy" + ("" if len(accuracy) == len(tuned) else " or the lowest loss")


def _who(row: Row) -> str:
    """A series by its name: the method, or the criterion of a control."""
    criterion = row.get("criterion")
    control = row.get("method") == "ict" and is_control(criterion)
    fixed = "" if row.get("chosen", True) else " at the fixed rate"
    return (str(criterion) if control else str(row.get("method"))) + fixed


def _where(row: Row) -> str:
    k = "" if row.get("k") is None else f" K = {row['k']}"
    return f"{_who(row)}{k} ({row['edge']})"


def _named(found: Sequence[Row], words: Any) -> str:
    names = list(dict.fromkeys(words(row) for row in found))
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
