"""The sides that a store offers to be compared, spelled as `ict compare` takes them, newest study first."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ict.analysis import groups
from ict.analysis.sides import Side, named, ratios
from ict.analysis.summary import ratio_of
from ict.errors import InputError
from ict.store.run_rows import RunRow, run_rows, study_run_rows
from ict.store.store import Store
from ict.store.studies import Study, list_studies
from ict.store.study_rows import rows_of

MOST_GROUPS = 60
"""Groups by settings of a whole store; of more, a filter is quicker written than found in a list."""
MOST_CHARACTERS = 200
"""Of a name: a link holds no more."""


@dataclass(frozen=True, kw_only=True)
class Offered:
    """A side by its name, and in words."""

    name: str
    words: str
    runs: int
    tasks: frozenset[str]


def offered(store: Store) -> list[Offered]:
    """Rows of studies, then groups of the store's runs by their settings, of finished runs; of groups
    without the archived ones.

    Each is of one setting a task, so that it can be compared.
    """
    return [*of_studies(store), *of_groups(run_rows(store))]


def of_studies(store: Store) -> list[Offered]:
    """The rows of all studies, those of the newest first."""
    return [one for study in newest_first(store) for one in of_study(store, study)]


def of_groups(rows: Sequence[RunRow]) -> list[Offered]:
    """Groups of a store's runs, oldest first, by their settings; none of one group, or of too many."""
    own = list(_narrowed("", "", [row for row in rows if row.done and not row.archived]))
    return own if 1 < len(own) <= MOST_GROUPS else []


def newest_first(store: Store) -> list[Study]:
    """Studies by when they were last asked for."""
    return sorted(list_studies(store), key=lambda one: one.updated_at or "", reverse=True)


def of_study(store: Store, study: Study) -> list[Offered]:
    """The rows of a study that have finished runs, parted by K/D and whatever else differs in them."""
    rows = [row for row in study_run_rows(store, study) if row.done and row.at_chosen_rate]
    found: list[Offered] = []
    for member in (str(row["name"]) for row in rows_of(study.document)):
        own = [row for row in rows if row.member == member]
        found += _narrowed(f"study:{study.name}/{member}", f"{study.name} · {member}", own)
    return found


def first_pair(
    store: Store, study_name: str | None = None, groups_: Sequence[Offered] | None = None
) -> tuple[str, str] | None:
    """What a reader asks first: the newest study's primary contrast, else its first two rows on one task.

    `study_name` is looked at before newer ones. Without a study that has two, the first two groups of
    the store; None where there are none. `groups_` are those of `of_groups`, where they are known already.
    """
    for study in sorted(newest_first(store), key=lambda one: one.name != study_name):
        sides = of_study(store, study)
        if pair := _declared(study, {one.name for one in sides}) or _first_two(sides):
            return pair
    if groups_ is None:
        groups_ = of_groups(run_rows(store))
    return _first_two([*of_studies(store), *groups_])


def draws_beside(row: RunRow, rows: Sequence[RunRow]) -> str | None:
    """The finished runs on random channels at the seed and K of `row`, as one side; None without any.

    Their draws are what the channels that `row` chose are held against. None too where they are of
    several settings.
    """
    random = [one for one in rows if one.done and not one.archived and one.criterion == "random"]
    draws, filters = random, ["criterion=random"]
    for name in ("task", "k", "seed", "backbone", "method", "epochs"):
        alike = [one for one in draws if groups.key(one, (name,)) == groups.key(row, (name,))]
        if len(alike) < len(draws):
            filters.append(f"{name}={_value(row.get(name))}")
        draws = alike
    if row.criterion == "random" or not draws or _several(draws):
        return None
    return ",".join(filters) if _fits("", filters) else None


def _first_two(sides: Sequence[Offered]) -> tuple[str, str] | None:
    for i, one in enumerate(sides):
        for other in sides[i + 1 :]:
            if one.tasks & other.tasks:
                return one.name, other.name
    return None


def _declared(study: Study, names: set[str]) -> tuple[str, str] | None:
    """The primary contrast, each side by the first of its names that is offered."""
    spelled = [next((one for one in side if one in names), None) for side in _contrast(study)]
    a, b = spelled or (None, None)
    return (a, b) if a and b else None


def _contrast(study: Study) -> list[list[str]]:
    """How its two sides can be spelled; nothing without a primary contrast."""
    try:
        contrast = study.primary
    except InputError:
        return []
    if contrast is None:
        return []
    at = [] if contrast.ratio is None else [f",ratio={contrast.ratio:g}"]
    rows = (f"study:{study.name}/{row}" for row in (contrast.a, contrast.b))
    return [[f"{row}{filters}" for filters in (*at, "")] for row in rows]


def _narrowed(prefix: str, words: str, rows: Sequence[RunRow]) -> Iterator[Offered]:
    """`rows` of one name, parted into sides of one setting a task by further filters."""
    if not rows or "," in prefix:
        return
    fields = groups.varying_within(rows, ("task",))
    by_ratio = "k" in fields and len(ratios(named(rows, ""))) > 1
    if by_ratio:
        fields = [name for name in fields if name != "k"]
        parts = _parted(rows, fields)
        parts = {
            (*filters, *at): members
            for filters, own in parts.items()
            for at, members in _by_ratio(own).items()
        }
    else:
        parts = _parted(rows, fields)
    for filters, members in parts.items():
        plain = filters if filters or prefix else (f"method={members[0].method}",)
        name = ",".join(filter(None, [prefix, *plain]))
        told = " · ".join(filter(None, [words, *plain]))
        if _fits(name, plain) and not _several(members):
            tasks = frozenset(str(row.task) for row in members)
            yield Offered(name=name, words=told, runs=len(members), tasks=tasks)


def _by_ratio(rows: Sequence[RunRow]) -> Mapping[tuple[str, ...], list[RunRow]]:
    parts: dict[tuple[str, ...], list[RunRow]] = defaultdict(list)
    for row in rows:
        ratio = ratio_of(row)
        parts[() if ratio is None else (f"ratio={ratio:g}",)].append(row)
    return parts


def _parted(
    rows: Sequence[RunRow], fields: Sequence[str]
) -> Mapping[tuple[str, ...], list[RunRow]]:
    parts: dict[tuple[str, ...], list[RunRow]] = defaultdict(list)
    for row in rows:
        parts[tuple(f"{name}={_value(row.get(name))}" for name in fields)].append(row)
    return parts


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "null" if missing else str(value)


def _fits(name: str, filters: Sequence[str]) -> bool:
    return len(name) <= MOST_CHARACTERS and not any("," in one for one in filters)


def _several(rows: Sequence[RunRow]) -> bool:
    side = Side("", tuple(rows))
    return any(groups.telling(side.on(task).rows) for task in side.tasks)


def is_declared(store: Store, a: str, b: str) -> Study | None:
    """The study whose primary contrast is `a` minus `b`; None without one."""
    for study in newest_first(store):
        if a.startswith(f"study:{study.name}/"):
            names = {one.name for one in of_study(store, study)}
            pair, sides = _declared(study, names), _contrast(study)
            same = pair and a in sides[0] and b in sides[1]
            whole = {name for name in (a, b) if name not in names and ",ratio=" not in name}
            return study if same and not whole else None
    return None


def pair_words(a: str, b: str) -> str:
    """`an eighth − random-K at K/D = 0.125`: two names as a sentence says them, what they share once."""
    (one, own), (other, its) = (_head_and_filters(name) for name in (a, b))
    study = one.partition("/")[0]
    if study.startswith("study:") and other.startswith(f"{study}/"):
        one, other = (head.removeprefix(f"{study}/") for head in (one, other))
    if own == its and one and other:
        return f"{one} − {other}" + (f" at {_filter_words(own)}" if own else "")
    return " − ".join(_one_side(head, f) for head, f in ((one, own), (other, its)))


def _one_side(head: str, filters: str) -> str:
    if not (head and filters):
        return head or _filter_words(filters)
    return f"{head} ({_filter_words(filters)})"


def _head_and_filters(name: str) -> tuple[str, str]:
    head, _, rest = name.partition(",")
    return (head, rest) if "=" not in head or head.startswith("study:") else ("", name)


def _filter_words(filters: str) -> str:
    parts = (part.partition("=") for part in filters.split(","))
    return ", ".join(f"{'K/D' if name == 'ratio' else name} = {value}" for name, _, value in parts)
