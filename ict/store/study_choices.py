"""What [tune] tried and chose in a study of the store, and how far that is."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ict.errors import DivergedError
from ict.store.base import BaseStore
from ict.store.study_grid import Member
from ict.store.study_rows import SEED_FIELDS, repeats_of, tuned_of, two_stages
from ict.store.study_search import LOSS, Row, Search, search, trial


def results(store: BaseStore, run_ids: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
    """The store's row of each run by its id, with `diverged` where its last try did."""
    by_id = {row["run_id"]: row for row in store.table()}
    if run_ids is not None:
        by_id = {run_id: by_id[run_id] for run_id in run_ids if run_id in by_id}
    for row in by_id.values():
        row["diverged"] = _diverged(store, row)
    return by_id


def _diverged(store: BaseStore, row: Row) -> bool:
    if row["status"] != "failed":
        return False
    return (store.run(row["run_id"]).error() or {}).get("type") == DivergedError.__name__


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The members of one row that differ in the tuned fields and the seeds alone.

    `by_value` has them by the tuned value, in the order of the study; `search` is None where a
    method reads none of these fields, so that all values are one run.
    """

    member: str
    by_value: tuple[tuple[Mapping[str, Any], tuple[Member, ...]], ...]
    search: Search | None

    def has(self, member: Member) -> bool:
        """Whether the member has the value that was chosen, or there was nothing to choose."""
        return self.search is None or any(
            member in members for value, members in self.by_value if value == self.search.chosen
        )


def settings(
    document: Mapping[str, Any], members: Sequence[Member], by_id: Mapping[str, Row]
) -> list[Setting]:
    """The settings of a study with [tune] and what was chosen for each; none without it."""
    stages = 2 if two_stages(document) else 1
    lists = {name: tuned_of(document, name) for name in {member.name for member in members}}
    by_setting: dict[tuple[str, str], dict[str, tuple[dict[str, Any], list[Member]]]]
    by_setting = defaultdict(dict)
    for member in members:
        value = {name: member.asked.get(name) for name in lists[member.name]}
        if value:
            setting = sorted(_apart(member, value).items(), key=str)
            values = by_setting[member.name, repr(setting)]
            values.setdefault(repr(value), (value, []))[1].append(member)
    return [
        _setting(list(v.values()), lists[name], by_id, stages)
        for (name, _), v in by_setting.items()
    ]


def _setting(
    values: Sequence[tuple[dict[str, Any], list[Member]]],
    lists: Mapping[str, Sequence[Any]],
    by_id: Mapping[str, Row],
    stages: int,
) -> Setting:
    """Of two stages the first run of a value was tried, of one stage all its seeds."""
    first = values[0][1][0]
    tried = [
        trial(value, [m.run_id for m in (members[:1] if stages == 2 else members)], by_id)
        for value, members in values
    ]
    made = None
    if len(values) > 1:
        made = search(first.name, _apart(first, lists), tried, lists, stages=stages)
    by_value = tuple((value, tuple(members)) for value, members in values)
    return Setting(member=first.name, by_value=by_value, search=made)


def _apart(member: Member, tuned: Iterable[str]) -> dict[str, Any]:
    apart = {*tuned, *SEED_FIELDS}
    return {key: value for key, value in member.asked.items() if key not in apart}


def lost(found: Sequence[Setting]) -> set[str]:
    """Ids of the runs whose value was not chosen, or is not yet."""
    return {
        member.run_id
        for one in found
        if one.search is not None
        for value, members in one.by_value
        if value != one.search.chosen
        for member in members
    }


UNSEARCHED = {"searched": 1, "searched_of": None, "edge": None, "searched_by": None}
"""Columns of a run's row: values tried, of which fields, where the choice ends its list, by what."""


def words_by_run(found: Sequence[Setting]) -> dict[str, dict[str, Any]]:
    """What a row of a run says of its search; `UNSEARCHED` where there was none."""
    return {
        member.run_id: {
            "searched": len(one.search.trials),
            "searched_of": ", ".join(one.search.trials[0].value),
            "edge": one.search.edge,
            "searched_by": one.search.by,
        }
        for one in found
        if one.search is not None
        for _, members in one.by_value
        for member in members
    }


@dataclass(frozen=True, kw_only=True)
class Stand:
    """How far a study of two stages is: settings by whether their value is chosen, runs to come."""

    stage: int
    settings: int
    chosen: int
    failed: int
    """Settings of which every value diverged."""
    waiting: int
    """Runs of the second stage that are not written yet."""
    edges: tuple[Search, ...]
    """Choices that end their list."""
    by_accuracy: int
    """Settings that were chosen by accuracy, because a run holds no loss on val200."""

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "edges": [one.to_dict() for one in self.edges]}


def stand(document: Mapping[str, Any], found: Sequence[Setting]) -> Stand | None:
    """Which stage a study of two stages is in; None for every other study."""
    if not two_stages(document):
        return None
    searched = [(one, one.search) for one in found if one.search is not None]
    ended = [search for _, search in searched if search.chosen is not None]
    failed = sum(search.failed for _, search in searched)
    return Stand(
        stage=2 if len(ended) + failed == len(searched) else 1,
        settings=len(searched), chosen=len(ended), failed=failed,
        waiting=sum(_waiting(document, one) for one, search in searched if not search.failed),
        edges=tuple(search for search in ended if search.edge),
        by_accuracy=sum(search.by != LOSS for search in ended),
    )  # fmt: skip


def _waiting(document: Mapping[str, Any], one: Setting) -> int:
    """How many seeds and draws of a setting are not among the members yet."""
    assert one.search is not None
    there = sum(len(m) for value, m in one.by_value if value == one.search.chosen)
    return repeats_of(document, one.member) - max(1, there)
