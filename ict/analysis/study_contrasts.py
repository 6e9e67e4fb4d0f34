"""What a study tells: the contrast that it declares, its other ratios, then everything else.

The primary contrast (by default ICT minus random channels at K/D = 1/8) is tested alone at 5 %; the
same two rows at other K/D are one family under Holm's correction; each other row against [grid] is
exploratory, and so is whatever has fewer than five seeds.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ict.analysis.comparing import Comparison, compare
from ict.analysis.differences import IMAGES
from ict.analysis.outcomes import ACCURACY, Outcome, find_outcome
from ict.analysis.paired_runs import draws_by_seed
from ict.analysis.power import detectable
from ict.analysis.sides import Side, at_ratio, named, ratios
from ict.analysis.verdicts import (
    EXPLORATORY,
    FAMILY,
    PRIMARY,
    Verdict,
    judge_family,
)
from ict.documents.number_words import share_words
from ict.errors import InputError
from ict.store.run_rows import study_run_rows
from ict.store.store import Store
from ict.store.studies import Study
from ict.store.study_contrast import Contrast, primary
from ict.store.study_rows import GRID, rows_of


@dataclass(frozen=True, kw_only=True)
class Told:
    """One contrast of a study, and what came out."""

    a: str
    b: str
    ratio: float | None
    role: str
    comparison: Comparison
    verdicts: tuple[Verdict, ...]
    """Over all tasks, adjusted in a family."""

    @property
    def name(self) -> str:
        """`grid − random-K at K/D = 1/8`."""
        at = "" if self.ratio is None else f" at K/D = {share_words(self.ratio)}"
        return f"{self.a} − {self.b}{at}"

    @property
    def draws(self) -> int:
        """Random draws a seed; 0 without."""
        return max((_draws(side) for side in self.comparison.sides), default=0)

    @property
    def sentence(self) -> str:
        """The answer with seeds, draws and what these runs can tell."""
        draws = (
            f", {self.draws} draw{'s' * (self.draws != 1)} of channels a seed" if self.draws else ""
        )
        role = {
            PRIMARY: "The primary contrast",
            FAMILY: "Another ratio, under Holm's correction",
        }.get(self.verdicts[0].role, "Exploratory")
        verdict = self.verdicts[0].sentence.removesuffix("; exploratory")
        return f"{role}, {self.name}{draws}: {verdict}.{self._on_new_images()}{self._can_tell()}"

    def _on_new_images(self) -> str:
        """What new images would show, where that is known and its verdict is another."""
        first, *others = self.verdicts
        told = [one for one in others if one.difference.over == IMAGES]
        if not told or told[0].words == first.words:
            return ""
        outcome, ends = told[0].outcome, told[0].difference.interval()
        low, high = (outcome.number(end, f"+.{outcome.digits}f") for end in ends)
        return (
            f" On new images too: {low} to {high}, {told[0].words.removesuffix(' by these data')}."
        )

    def _can_tell(self) -> str:
        spread = self.comparison.tasks[0].spread
        if spread is None or len(self.comparison.tasks) > 1:
            return ""
        images, difference = self.comparison.tasks[0].images, self.verdicts[0].difference
        if difference.seeds == 2:
            return " Two seeds are too few to tell what could be found."
        found = detectable(difference.seeds, images, spread, difference.over)
        amount = spread.outcome.said(found, ".2g")
        return (
            f" {difference.seeds} seeds on {images:,} test images find {amount} with 80 %, "
            f"if seeds spread as these do."
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "a": self.a,
            "b": self.b,
            "ratio": self.ratio,
            "role": self.verdicts[0].role,
            "sentence": self.sentence,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "comparison": self.comparison.to_dict(),
        }


@dataclass(frozen=True, kw_only=True)
class StudyVerdicts:
    """All contrasts of a study that its finished runs allow, all of one outcome."""

    study: str
    outcome: Outcome
    primary: Told | None
    family: tuple[Told, ...]
    exploratory: tuple[Told, ...]
    notes: tuple[str, ...]
    """What could not be compared, and why; and what the comparisons leave open."""

    @property
    def all(self) -> list[Told]:
        return [*([self.primary] if self.primary else []), *self.family, *self.exploratory]

    @property
    def sentence(self) -> str:
        """The first sentence of a report."""
        if self.primary is not None:
            return self.primary.sentence
        return next(iter(self.notes), "This study declares no contrast of two rows.")

    @property
    def about_primary(self) -> list[str]:
        """What a reader of the first sentence has to know: of its runs and test images."""
        tasks = self.primary.comparison.tasks if self.primary else ()
        return list(dict.fromkeys(note for task in tasks for note in task.notes))

    def to_dict(self) -> dict[str, Any]:
        return {
            "study": self.study,
            "outcome": self.outcome.name,
            "unit": self.outcome.form,
            "sentence": self.sentence,
            "primary": self.primary and self.primary.to_dict(),
            "family": [one.to_dict() for one in self.family],
            "exploratory": [one.to_dict() for one in self.exploratory],
            "notes": list(self.notes),
        }


def declared_outcome(study: Study) -> Outcome:
    """Of what the study's primary contrast is; accuracy where it declares nothing."""
    contrast = study.primary
    return ACCURACY if contrast is None else find_outcome(contrast.outcome)


def study_contrasts(
    store: Store, study: Study, *, outcome: Outcome | None = None, margin: float | None = None
) -> StudyVerdicts:
    """Every contrast of the finished runs of `study`, at the rates that it chose.

    All are of the outcome that it declares, with the margin of that, unless others are given.
    """
    outcome = outcome or declared_outcome(study)
    rows = [row for row in study_run_rows(store, study) if row.at_chosen_rate]
    names = [str(row["name"]) for row in rows_of(study.document)]
    sides = {name: named([row for row in rows if row.member == name], name) for name in names}
    contrast = primary(study.document)
    notes: list[str] = []
    tell = _Teller(store, sides, outcome, margin, notes)
    if contrast is None:
        notes.append(
            "This study declares no primary contrast, and has no random channels beside [grid] at K/D = 1/8."
        )
    first = tell.told(contrast, PRIMARY) if contrast else None
    family = [tell.told(one, FAMILY) for one in _other_ratios(contrast, sides)] if contrast else []
    rest = [tell.told(one, EXPLORATORY) for one in _others(contrast, sides)]
    for one in (first, *family, *rest):
        notes += [note for task in one.comparison.tasks for note in task.notes] if one else []
    return StudyVerdicts(
        study=study.name,
        outcome=outcome,
        primary=first,
        family=tuple(_adjusted([one for one in family if one is not None], margin)),
        exploratory=tuple(one for one in rest if one is not None),
        notes=tuple(dict.fromkeys(notes)),
    )


@dataclass(frozen=True)
class _Teller:
    """Compares two rows of a study; what cannot be goes to the notes."""

    store: Store
    sides: dict[str, Side]
    outcome: Outcome
    margin: float | None
    notes: list[str]

    def told(self, wanted: Contrast, role: str) -> Told | None:
        a, b = (self._side(name, wanted.ratio) for name in (wanted.a, wanted.b))
        at = "" if wanted.ratio is None else f" at K/D = {share_words(wanted.ratio)}"
        lacking = [side.name for side in (a, b) if not side.rows]
        if lacking:
            if role == PRIMARY:
                self.notes.append(
                    f"{wanted.a} − {wanted.b}{at}: no finished run of {' and '.join(lacking)} yet."
                )
            return None
        try:
            compared = compare(
                a, b, self.store, outcome=self.outcome, margin=self.margin, role=role
            )
        except InputError as error:
            self.notes.append(f"{wanted.a} − {wanted.b}{at}: {error}.")
            return None
        return Told(
            a=wanted.a, b=wanted.b, ratio=wanted.ratio, role=role,
            comparison=compared, verdicts=compared.verdicts,
        )  # fmt: skip

    def _side(self, name: str, ratio: float | None) -> Side:
        side = self.sides[name]
        return side if ratio is None else at_ratio(side, ratio)


def _other_ratios(wanted: Contrast, sides: dict[str, Side]) -> list[Contrast]:
    """The primary contrast at the other K/D that both rows ran."""
    both = [ratios(sides[name]) for name in (wanted.a, wanted.b)]
    common = [one for one in both[0] if one in both[1] and one != wanted.ratio]
    return [replace(wanted, ratio=ratio) for ratio in common]


def _others(wanted: Contrast | None, sides: dict[str, Side]) -> list[Contrast]:
    """[grid] at each K/D minus every other row there, and other rows of ICT minus random channels.

    Without what is primary or its family.
    """
    contrasts: list[Contrast] = []
    for a, b in itertools.permutations(sides, 2):
        if (wanted and {wanted.a, wanted.b} == {a, b}) or not _beside(a, b, sides):
            continue
        own, other = ratios(sides[a]), ratios(sides[b])
        common: list[float | None] = [one for one in own if not other or one in other]
        contrasts += [Contrast(a=a, b=b, ratio=one) for one in common if own]
        if not own and not other:
            contrasts.append(Contrast(a=a, b=b, ratio=None))
    return contrasts


def _beside(a: str, b: str, sides: dict[str, Side]) -> bool:
    """Whether a reader will ask for row a minus row b."""
    if a == GRID:
        return True
    return b != GRID and _random(sides[b]) and not _random(sides[a]) and bool(ratios(sides[a]))


def _random(side: Side) -> bool:
    return {row.criterion for row in side.rows} == {"random"}


def _adjusted(family: Sequence[Told], margin: float | None) -> list[Told]:
    """With Holm's correction over the family, for each kind of interval by itself."""
    kinds = max((len(one.verdicts) for one in family), default=0)
    columns: list[list[Verdict | None]] = []
    for kind in range(kinds):
        having = [one for one in family if len(one.verdicts) > kind]
        verdicts = iter(
            judge_family([one.verdicts[kind].difference for one in having], margin=margin)
        )
        columns.append([next(verdicts) if len(one.verdicts) > kind else None for one in family])
    return [
        replace(one, verdicts=tuple(v for column in columns if (v := column[i]) is not None))
        for i, one in enumerate(family)
    ]


def _draws(side: Side) -> int:
    """The most draws of random channels that a seed of it has."""
    return max(map(len, draws_by_seed(side).values()), default=0)
