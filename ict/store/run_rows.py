"""One run as tables, groups and figures read it: `RunRow`, the record of a row of `Store.table()`.

What was asked, what came out, how it stands and what a study says of it lie side by side, as in a
table. Fields that code asks for by name have their type here; what a reader chooses (any setting to
group by, any number to draw) is found with `get`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from ict.store import studies
from ict.store.base import BaseStore
from ict.store.imported_results import imported_rows


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run. None: it has no such thing, or its version did not write it. Accuracies are fractions."""

    run_id: str = ""
    """Empty for other people's numbers."""
    status: str = ""
    """As of a run, or `missing` and `unreadable` of one that a study lists."""
    source: str = ""
    """Whose numbers, as in `imported: FILE`; empty for a run of the store."""
    created_at: str | None = None
    error: str | None = None
    """Why it failed."""

    name: str | None = None
    """What people call it, as `note`, `tags` and `archived` are theirs: no part of what the run is."""
    note: str | None = None
    tags: tuple[str, ...] = ()
    archived: bool = False

    task: str | None = None
    backbone: str | None = None
    method: str | None = None
    criterion: str | None = None
    k: int | str | None = None
    """Of every block; text where stages differ."""
    tune_site: str | None = None
    score_task: str | None = None
    seed: int | str | None = None
    """A name in some imported tables."""
    selection_seed: int | None = None
    lr: float | None = None
    lr_multiplier: float | None = None
    limit: int | None = None
    zeros: str | None = None

    test_accuracy: float | None = None
    test_images: int | None = None
    official_data: bool | None = None
    adapter_parameters: int | None = None
    train_seconds: float | None = None
    score_id: str | None = None

    member: str | None = None
    """The row of the study's file that it belongs to."""
    stages: int | None = None
    """Of the study's [tune]."""
    chosen: bool | None = None
    """Whether it has the rate that its study chose; None outside of a study."""
    searched: int | None = None
    """Among how many values its study chose; 1 where nothing was searched."""
    searched_of: str | None = None
    searched_by: str | None = None
    edge: str | None = None
    """Which end of its list the choice is; empty for one inside."""

    more: Mapping[str, Any] = field(default_factory=dict)
    """Every other column: settings, results, what a study asked for, columns of a figure's table."""

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> "RunRow":
        """The record of a flat row: a column is a field of that name, or one `more`."""
        named: dict[str, Any] = {}
        more: dict[str, Any] = {}
        for name, value in columns.items():
            if name not in NAMED:
                more[name] = value
            elif value is not None:
                named[name] = tuple(value) if isinstance(value, list) else value
        return cls(**named, more=more)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a column that is chosen at run time; `default` where the run's version had none."""
        return getattr(self, name) if name in NAMED else self.more.get(name, default)

    def having(self, **columns: Any) -> "RunRow":
        """The same run with other or more columns."""
        named = {name: value for name, value in columns.items() if name in NAMED}
        more = {name: value for name, value in columns.items() if name not in NAMED}
        return replace(self, **named, more={**self.more, **more} if more else self.more)

    @property
    def done(self) -> bool:
        return self.status == "done"

    @property
    def at_chosen_rate(self) -> bool:
        """Whether its rate is the chosen one, or the only one that there is."""
        return self.chosen is not False

    @property
    def foreign(self) -> bool:
        """Whether it tunes the channels that another task chose."""
        return self.score_task not in (None, self.task)


NAMED: Final = frozenset(one.name for one in fields(RunRow)) - {"more"}


def as_rows(rows: Iterable[RunRow | Mapping[Any, Any]]) -> list[RunRow]:
    """`rows` as records: flat ones, as of `Store.table()` or a figure's table, are read."""
    return [row if isinstance(row, RunRow) else RunRow.of(row) for row in rows]


def run_rows(store: BaseStore, keep: Callable[[RunRow], bool] | None = None) -> list[RunRow]:
    """The readable runs of a store, oldest first, without those that `keep` refuses."""
    found = map(RunRow.of, store.table())
    return [row for row in found if keep is None or keep(row)]


def study_run_rows(store: BaseStore, study: studies.Study) -> list[RunRow]:
    """The runs of a study with what it says of each (`ict.store.studies.rows`)."""
    return [RunRow.of(row) for row in studies.rows(store, study)]


def imported_run_rows(store: BaseStore) -> list[RunRow]:
    """Other people's numbers, as runs that are done and have no id."""
    return [RunRow.of(row) for row in imported_rows(store)]
