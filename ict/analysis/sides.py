"""What is compared: runs, a row of a study, or all runs that agree with a filter.

    RUN                         one run, by its id
    study:NAME/ROW              the runs of a study's row (`grid`, or the name of a [[compare]])
    FIELD=VALUE[,FIELD=VALUE…]  runs of the store by settings: method=ict,criterion=random,ratio=0.125

A filter may follow a row of a study: `study:NAME/random-K,ratio=0.125`. Of a study that tuned a rate,
the runs at the chosen one are taken.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ict.analysis import groups
from ict.analysis.summary import ratio_of
from ict.config import FIELDS
from ict.documents.bounded import json_value, number
from ict.errors import InputError, did_you_mean, quoted
from ict.store import studies
from ict.store.run_rows import RunRow, as_rows, imported_run_rows, run_rows, study_run_rows
from ict.store.store import Store
from ict.tasks.others import is_generic
from ict.tasks.task import OTHERS

TORN: Final = 0.2
"""Seeds of one setting whose accuracies lie further apart than this are no longer of one kind."""


@dataclass(frozen=True)
class Side:
    """Finished runs that stand for one method, and how they were asked for."""

    name: str
    rows: tuple[RunRow, ...]
    archived: int = 0
    """How many finished runs a filter left out, as they are archived."""

    def on(self, task: str) -> "Side":
        """Its runs of one task."""
        return Side(self.name, tuple(row for row in self.rows if str(row.task) == task))

    @property
    def tasks(self) -> list[str]:
        return list(dict.fromkeys(str(row.task) for row in self.rows))


def is_side(text: str) -> bool:
    """Whether `text` is written as a row of a study or a filter: neither a run's id nor a whole study."""
    return "=" in text or (text.startswith("study:") and "/" in text)


def find_side(text: str, store: Store, rows: Sequence[RunRow] | None = None) -> Side:
    """The runs that `text` names; a filter over the store leaves archived ones out.

    `rows` are those of the store, oldest first, where they are read already. Raises InputError where it names none, or none is finished.
    """
    head, _, rest = text.partition(",")
    if head.startswith("study:"):
        named_rows, filters = study_row(head.removeprefix("study:"), store), rest
    elif "=" in head:
        named_rows, filters = list(run_rows(store) if rows is None else rows), text
    else:
        run_id = store.run(head).id
        everything = run_rows(store) if rows is None else rows
        named_rows, filters = [row for row in everything if row.run_id == run_id], rest
    tests = [_test(part) for part in filters.split(",") if part]
    chosen = [row for row in named_rows if all(test(row) for test in tests)]
    done = [row for row in chosen if row.done]
    archived = sum(row.archived for row in done) if "=" in head else 0
    if archived:
        done = [row for row in done if not row.archived]
    if not done:
        _refuse_imported(text, tests, store)
        if archived:
            raise InputError(
                f"{quoted(text)} names archived runs alone; `ict runs --all` lists them"
            )
        many = (
            f"{len(chosen)} run{'s' * (len(chosen) != 1)}, none of them finished"
            if chosen
            else "no run"
        )
        raise InputError(f"{quoted(text)} names {many}; `ict runs` lists what is there")
    return Side(text, tuple(done), archived)


def torn(side: Side) -> list[str]:
    """A sentence where some trainings of a task collapsed, so that a mean over seeds says little."""
    by_seed = {seed: value for seed, value in groups.by_seed(side.rows).items() if seed is not None}
    if not by_seed or max(by_seed.values()) - min(by_seed.values()) <= TORN:
        return []
    listed = ", ".join(f"{100 * value:.1f} (seed {seed})" for seed, value in by_seed.items())
    return [
        f"The seeds of {quoted(side.name)} lie more than {100 * TORN:.0f} points apart: {listed} %. Some of "
        "these trainings collapsed, and their mean says little; try a lower rate."
    ]


def study_row(text: str, store: Store) -> list[RunRow]:
    """Rows of `NAME/ROW` of a study, at the chosen rates. Raises InputError for an unknown row."""
    name, _, member = text.partition("/")
    study = studies.load_study(store, name)
    rows = study_run_rows(store, study)
    members = list(dict.fromkeys(str(row.member) for row in rows))
    if member not in members:
        raise InputError(
            f"study {name} has no row {quoted(member)}{did_you_mean(member, members)}; "
            f"write study:{name}/ROW with one of {', '.join(members)}"
        )
    return [row for row in rows if row.member == member and row.chosen]


def at_ratio(side: Side, ratio: float) -> Side:
    """Its runs with this K/D, beside those of methods that have none."""
    kept = [row for row in side.rows if _has_ratio(row, ratio) or row.k is None]
    return Side(side.name, tuple(kept))


def ratios(side: Side) -> list[float]:
    """The K/D of its runs, ascending."""
    distinct = {ratio for row in side.rows if (ratio := ratio_of(row)) is not None}
    return sorted(distinct)


def one_setting(side: Side) -> None:
    """Raises InputError if its runs of a task differ in more than their seeds."""
    for task in side.tasks:
        differing = groups.telling(side.on(task).rows)
        if differing:
            values = {
                name: sorted({groups.words(name, row.get(name)) for row in side.on(task).rows})
                for name in differing
            }
            example = "; ".join(
                ", ".join(map(quoted, spellings[:4])) for spellings in values.values()
            )
            raise InputError(
                f"{quoted(side.name)} holds several settings on {task} ({example}): narrow it, "
                f"as in {quoted(side.name)},{differing[0]}=…"
            )


def _refuse_imported(text: str, tests: Sequence[Callable[[RunRow], bool]], store: Store) -> None:
    if any(all(test(row) for test in tests) for row in imported_run_rows(store) if tests):
        raise InputError(
            f"{quoted(text)} names imported results: they have no answer for each test image and it is "
            "not known which images those were; `ict figure benchmark` draws them beside your runs"
        )


def _test(part: str) -> Callable[[RunRow], bool]:
    """Whether a row has the setting that `part` (FIELD=VALUE) names."""
    field, equals, value = part.partition("=")
    if not equals or field not in (*FIELDS, "ratio", "source"):
        names = sorted({*FIELDS, "ratio", "source"})
        raise InputError(
            f"{quoted(part)} is no filter{did_you_mean(field, names)}; write FIELD=VALUE with a field "
            "of `ict train --help`"
        )
    if field == "ratio":
        ratio = number(value)
        if ratio is None:
            raise InputError(f"{quoted(part)}: a ratio is a number, K over the width")
        return lambda row: _has_ratio(row, ratio)
    if field == "source":
        return lambda row: row.source == value
    if field == "score_task" and value == OTHERS:
        return lambda row: is_generic(row.score_task)
    setting = groups.key(RunRow().having(**{field: _read(field, value)}), (field,))
    return lambda row: groups.key(row, (field,)) == setting


def _read(field: str, value: str) -> Any:
    """As a row of the table holds it: a list of one value is that value, a longer one is text."""
    read = json_value(value, field)
    if isinstance(read, list):
        return read[0] if len(read) == 1 else ", ".join(map(str, read))
    return read


def _has_ratio(row: RunRow, ratio: float) -> bool:
    own = ratio_of(row)
    return own is not None and math.isclose(own, ratio, rel_tol=1e-6)


def named(rows: Sequence[RunRow], name: str) -> Side:
    """Rows that are at hand already, as a side: those that are finished."""
    return Side(name, tuple(row for row in as_rows(rows) if row.done))
