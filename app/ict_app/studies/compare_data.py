"""What *Compare* is asked and what the analysis says of it, cached by the files behind."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from ict.analysis import groups, named_sides
from ict.analysis.answers import Answered
from ict.analysis.comparing import Comparison, compare
from ict.analysis.outcomes import find_outcome
from ict.analysis.sides import Side, find_side
from ict.analysis.verdicts import EXPLORATORY, PRIMARY
from ict.store import Store
from ict.store.run_rows import RunRow
from ict_app.common import kept, readers, words

Seen = tuple[readers.Stamp, ...]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two sides by their names, of which outcome, and the files behind them."""

    a: Side
    b: Side
    outcome: str
    study: str | None
    """The study of which this is the primary contrast."""
    seen: Seen

    @property
    def names(self) -> list[str]:
        return [self.a.name, self.b.name]

    @property
    def words(self) -> str:
        return named_sides.pair_words(self.a.name, self.b.name)


@st.cache_data(max_entries=20, ttl=5, show_spinner=False)
def offered(root: str) -> dict[str, str]:
    """Names and labels of rows of studies, then groups, then finished runs, newest first."""
    shown = Store(root)
    rows = readers.run_rows(shown)
    found = [*named_sides.of_studies(shown), *_groups(rows)]
    sides = {one.name: f"{one.words} · {words.runs(one.runs)}" for one in found}
    names = readers.run_names(rows)
    runs = {
        row.run_id: f"run   {names[row.run_id]}" for row in rows if row.done and not row.archived
    }
    return sides | runs


def _groups(rows: Sequence[RunRow]) -> list[named_sides.Offered]:
    """What a store's runs, newest first, offer by their settings."""
    return kept.of_rows(named_sides.of_groups, rows[::-1])


@st.cache_data(max_entries=20, ttl=5, show_spinner=False)
def first_pair(root: str, study: str | None) -> tuple[str, str] | None:
    """What is compared where the link names nothing; of single runs, the newest two of one task."""
    shown = Store(root)
    rows = readers.run_rows(shown)
    if pair := named_sides.first_pair(shown, study, _groups(rows)):
        return pair
    done = [row for row in rows if row.done and not row.archived]
    return next(((row.run_id, b) for row in done if (b := beside(row.run_id, done))), None)


def beside(run_id: str, rows: Sequence[RunRow]) -> str | None:
    """Random channels beside it, else the newest other finished run of its task, of other settings first."""
    own = next((row for row in rows if row.run_id == run_id), None)
    if own is None:
        return None
    if draws := named_sides.draws_beside(own, rows):
        return draws
    others = [row for row in rows if row.done and row.task == own.task and row.run_id != run_id]
    apart = [row for row in others if groups.key(row) != groups.key(own)]
    return next((row.run_id for row in (*apart, *others)), None)


def find_pair(shown: Store, a: str, b: str, outcome: str) -> Pair:
    """The two sides; InputError where one names no finished run."""
    oldest_first = readers.run_rows(shown)[::-1]
    sides = find_side(a, shown, oldest_first), find_side(b, shown, oldest_first)
    runs = [shown.run(row.run_id) for side in sides for row in side.rows]
    files = [path for run in runs for path in (run.result_path, run.predictions_path)]
    study = named_sides.is_declared(shown, a, b)
    return Pair(
        a=sides[0],
        b=sides[1],
        outcome=outcome,
        study=study.name if study else None,
        seen=tuple(map(readers.stamp, files)),
    )


def compared(shown: Store, pair: Pair) -> Comparison:
    """A minus B, as `ict compare` says it; InputError as there."""
    return _compared(str(shown.root), (pair.a.name, pair.b.name, pair.outcome), pair.seen, pair)


@st.cache_resource(max_entries=100, show_spinner=False)
def _compared(root: str, asked: tuple[str, str, str], seen: Seen, _pair: Pair) -> Comparison:
    role = PRIMARY if _pair.study else EXPLORATORY
    outcome = find_outcome(_pair.outcome)
    return compare(_pair.a, _pair.b, Store(root), outcome=outcome, role=role)


@dataclass(frozen=True, eq=False)
class Flipped:
    """One run of A against one of B on the same images."""

    a: Answered
    b: Answered

    def places(self, kind: str) -> np.ndarray:
        """`lost`: right under A alone; `gained`: under B alone; `both`: wrong in two ways.

        The most certain wrong answer comes first.
        """
        right_a, right_b = self.a.right, self.b.right
        by_a, by_b = self.a.answers.probabilities, self.b.answers.probabilities
        differing = self.a.answers.predictions != self.b.answers.predictions
        masks = {
            "lost": (right_a & ~right_b, by_b),
            "gained": (~right_a & right_b, by_a),
            "both": (~right_a & ~right_b & differing, by_a + by_b),
        }
        mask, certain = masks[kind]
        found = np.flatnonzero(mask)
        return np.asarray(found[np.argsort(-certain[found], kind="stable")])
