"""From the rows of a study to runs: every combination, the draws of every seed, and two stages.

Draw j of seed s has the selection seed 1000 s + j, so that no two seeds share a draw and the same
draw has the same number in every study; runs keep ordinary fields.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ict.errors import InputError, NotHereError, quoted
from ict.store.study_file import MOST_DRAWS, check
from ict.store.study_rows import (
    SEED_FIELDS,
    axes,
    fixed_of,
    requested,
    row_words,
    rows_of,
    tuned_lists,
    two_stages,
)
from ict.store.study_search import Row, Search, middle, search, trial

if TYPE_CHECKING:  # a study that is only read resolves nothing
    from ict.resolve import Resolved

_MOST_SEED = 2_147_482  # 1000 s + 999 is still a seed


class Member(NamedTuple):
    """One run of a study: which row of the file asked for it, and what it set."""

    name: str
    run_id: str
    asked: dict[str, Any]


Wish = tuple[Member, "Resolved"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """All that a study asks for, by stage."""

    first: list[Wish] = field(default_factory=list)
    """Everything, or with a [tune] of two stages every value at the first seed and draw."""
    second: list[Wish] = field(default_factory=list)
    """The other seeds and draws, where the value is chosen."""
    waiting: list[Wish] = field(default_factory=list)
    """Stand-ins, at the middle value, for those of which the value is still open."""
    searches: list[Search] = field(default_factory=list)


def expand(
    document: Mapping[str, Any],
    *,
    root: Path | None = None,
    device: str | None = None,
    results: Mapping[str, Row] | None = None,
) -> list[Wish]:
    """Every run that the study asks for, with its resolved configuration; each run once.

    Of a [tune] of two stages, the second is there as far as `results` (rows by run id) tell the
    choice. Raises InputError, naming the row, for a field or value that cannot be run.
    """
    return unique(wishes(document, root=root, device=device, results=results))


def unique(found: Iterable[Wish]) -> list[Wish]:
    """Each run once, as it was asked for first."""
    by_id: dict[str, Wish] = {}
    for wish in found:
        by_id.setdefault(wish[0].run_id, wish)
    return list(by_id.values())


def wishes(
    document: Mapping[str, Any],
    *,
    root: Path | None = None,
    device: str | None = None,
    results: Mapping[str, Row] | None = None,
) -> list[Wish]:
    """Every combination that the file writes, also those that are one run; as `expand` otherwise."""
    made = asked(document, root=root, device=device, results=results)
    return made.first + made.second


def asked(
    document: Mapping[str, Any],
    *,
    root: Path | None = None,
    device: str | None = None,
    results: Mapping[str, Row] | None = None,
    fetch: bool = True,
) -> Asked:
    """What the study asks for by stage, given the `results` that are there; raises as `expand`.

    With `fetch` false no weights are downloaded: ids of runs whose weights are not on this machine
    are then provisional.
    """
    document = requested(document)
    check(document)
    made = Asked()
    for row in rows_of(document):
        ask = _Row(document, row, root=root, device=device, fetch=fetch)
        if two_stages(document):
            _in_two_stages(ask, results or {}, made)
        else:
            made.first.extend(map(ask.wish, ask.combinations()))
    return made


class _Row:
    """A row of a study, and how its combinations become runs."""

    def __init__(
        self,
        document: Mapping[str, Any],
        row: Mapping[str, Any],
        *,
        root: Path | None,
        device: str | None,
        fetch: bool,
    ) -> None:
        self.name = str(row["name"])
        self.fixed = {**document.get("base", {}), **fixed_of(row)}
        self.draws: int | None = row.get("draws")
        self.axes = axes(document, row)
        self.tuned = {name: v for name, v in self.axes.items() if name in tuned_lists(document)}
        self._where = f"study {document['name']}, {row_words(row)}"
        self._recipe = row.get("recipe") or document.get("recipe") or "quick"
        self._root, self._device, self._fetch = root, device, fetch

    def combinations(self) -> list[dict[str, Any]]:
        """Every combination of the lists, in the order of the file, with the draws of its seed."""
        made = ({**self.fixed, **values} for values in product(self.axes))
        return [one for combination in made for one in self._drawn(combination)]

    def settings(self) -> list[dict[str, Any]]:
        """Every combination of what is neither chosen nor repeated."""
        apart = {*self.tuned, *SEED_FIELDS}
        return list(product({name: v for name, v in self.axes.items() if name not in apart}))

    def repeats(self, setting: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The seeds and draws of a setting, each with everything but the chosen fields."""
        lists = {name: self.axes[name] for name in SEED_FIELDS if name in self.axes}
        made = ({**self.fixed, **setting, **values} for values in product(lists))
        return [one for combination in made for one in self._drawn(combination)]

    def wish(self, fields: dict[str, Any]) -> Wish:
        """The run of these fields. Raises InputError that names the row."""
        try:
            resolved = self._resolved(fields, fetch=self._fetch)
            if not self._fetch and resolved.weights_not_here() is None:
                resolved = self._resolved(fields, fetch=True)  # finds all of it here
            if self.tuned:
                _check_val200(resolved)
        except InputError as error:
            kind = NotHereError if isinstance(error, NotHereError) else InputError
            raise kind(f"{self._where}: {error}") from error
        return Member(name=self.name, run_id=resolved.run_id, asked=fields), resolved

    def _resolved(self, fields: dict[str, Any], *, fetch: bool) -> "Resolved":
        from ict.resolve import resolve

        return resolve(
            fields, recipe=self._recipe, root=self._root, device=self._device, fetch=fetch
        )

    def _drawn(self, combination: dict[str, Any]) -> list[dict[str, Any]]:
        if self.draws is None:
            return [combination]
        from ict.config import DEFAULTS

        seed = combination.get("seed", DEFAULTS["seed"])
        if not isinstance(seed, int) or not 0 <= seed <= _MOST_SEED:
            raise InputError(
                f"{self._where}: seed={quoted(seed)}: with draws, choose 0 to {_MOST_SEED}"
            )
        return [
            {**combination, "selection_seed": selection_seed(seed, draw)}
            for draw in range(self.draws)
        ]


def selection_seed(seed: int, draw: int) -> int:
    """What draw `draw` of training seed `seed` is drawn from: no two pairs share one."""
    return MOST_DRAWS * seed + draw


def _in_two_stages(row: _Row, results: Mapping[str, Row], made: Asked) -> None:
    """Adds a row's runs to `made`; a method that reads nothing of what is chosen is not searched."""
    values = list(product(row.tuned))
    searched: list[list[str]] = []
    for setting in row.settings():
        first, *others = row.repeats(setting)
        tried = [row.wish({**first, **value}) for value in values]
        made.first.extend(tried)
        ids = [member.run_id for member, _ in tried]
        if ids in searched:  # a field that the method does not read
            continue
        searched.append(ids)
        if len(set(ids)) == 1:
            made.first.extend(row.wish({**other, **values[0]}) for other in others)
            continue
        trials = [trial(v, [run_id], results) for v, run_id in zip(values, ids, strict=True)]
        second = search(row.name, setting, trials, row.tuned, stages=2)
        made.searches.append(second)
        if second.chosen is not None:
            made.second.extend(row.wish({**other, **second.chosen}) for other in others)
        elif not second.failed:
            made.waiting.extend(row.wish({**other, **middle(row.tuned)}) for other in others)


def _check_val200(resolved: "Resolved") -> None:
    if resolved.config.train_split != "train800":
        raise InputError(
            f"[tune] chooses on val200, which these runs train on (recipe '{resolved.recipe}', "
            f"train_split '{resolved.config.train_split}'); set train_split = 'train800' in [base], or "
            "leave [tune] out"
        )


def repeats(asked: Sequence[Wish]) -> list[dict[str, Any]]:
    """Of `wishes`, the methods with fewer runs than combinations: method, asked, runs, unread.

    `unread` are the fields in which combinations differ that are one run: a probe has no K and no
    seed.
    """
    by_method: dict[str, dict[str, list[Member]]] = {}
    for member, resolved in asked:
        runs = by_method.setdefault(resolved.config.method, {})
        runs.setdefault(resolved.run_id, []).append(member)
    return [
        {"method": method, "asked": count, "runs": len(runs), "unread": _differing(runs.values())}
        for method, runs in by_method.items()
        if (count := sum(map(len, runs.values()))) > len(runs)
    ]


def _differing(runs: Iterable[Sequence[Member]]) -> list[str]:
    differing: dict[str, None] = {}
    for members in runs:
        for name in dict.fromkeys(name for member in members for name in member.asked):
            if len({repr(member.asked.get(name)) for member in members}) > 1:
                differing[name] = None
    return list(differing)


def product(lists: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Every choice of one value a name, the last name changing fastest."""
    for values in itertools.product(*lists.values()):
        yield dict(zip(lists, values, strict=True))
