"""Studies: a TOML file names a grid of runs and its controls, and expands to run configurations.

```toml
name = "k_ratio"            # the study's folder in the store
recipe = "quick"            # optional
slots = 2                   # optional: runs that share a device
[base]                      # fields of every run
task = "digits"
[grid]                      # lists: every combination is a run
ratio = [0.125, 0.25]
seed = [42, 44, 82]
[[compare]]                 # a control: the grid again, with fields fixed or lists replaced
name = "random-K"
criterion = "random"
grid = { selection_seed = [0, 1, 2, 3, 4] }
[tune]                      # optional: one more list for every run, chosen from on val200
lr_multiplier = [0.333, 1.0, 3.0]
```

What a method does not read falls out of its configuration, so that `linear` repeated over ratios is
one run. A run that any study has done is never repeated. A study in the store is one file,
`studies/<name>/study.json`, which holds the document and its runs' ids.
"""

import itertools
import math
import shutil
import statistics
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ict.documents.bounded import LONGEST, read_text
from ict.documents.identity import check_id, is_id
from ict.documents.records import Odd, names_in, read_record, split
from ict.documents.shapes import fields, list_of, table, text
from ict.errors import InputError, did_you_mean, quoted
from ict.files import atomic_write_json, explain, make_folder
from ict.machine import MOST_SLOTS
from ict.resolve import Resolved, resolve
from ict.store.base import BaseStore
from ict.store.run_folder import STATUSES, utc_now
from ict.store.same_images import ask

GRID = "grid"  # name of the members that [grid] itself makes
_KEYS = ("name", "title", "recipe", "slots", "base", GRID, "compare", "tune", "example")
_MOST_RUNS = 20_000
_MOST_BYTES = 1 << 20  # of a study file


@dataclass(frozen=True, kw_only=True)
class Member:
    """One run of a study: which row of the file asked for it, and what it set."""

    name: str
    run_id: str
    asked: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study as the store keeps it."""

    name: str
    document: dict[str, Any]
    members: tuple[Member, ...]
    path: Path
    updated_at: str | None = None

    @property
    def title(self) -> str:
        return str(self.document.get("title") or self.name)

    @property
    def run_ids(self) -> list[str]:
        """Ids of its runs, each once, in the order of the file."""
        return list(dict.fromkeys(member.run_id for member in self.members))


def read_toml(path: Path | str) -> dict[str, Any]:
    """The study in a TOML file, checked; raises InputError naming the file and what is wrong."""
    try:
        document = tomllib.loads(read_text(Path(path), _MOST_BYTES))
    except FileNotFoundError as error:
        raise InputError(f"no study file {quoted(str(path))}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except RecursionError as error:
        raise InputError(f"{path}: too many brackets within each other") from error
    except ValueError as error:  # not TOML, or a number of more digits than Python reads
        raise InputError(f"{path}: {error}") from error
    document.setdefault("name", Path(path).stem)
    try:
        check(document)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return document


def check(document: Mapping[str, Any]) -> None:
    """Raises InputError unless `document` has the form of a study; its fields `expand` checks."""
    for key in document:
        if key not in _KEYS:
            raise InputError(f"no key {quoted(key)} in a study{did_you_mean(key, _KEYS)}")
    if not isinstance(document.get("name"), str):
        raise InputError("a study needs a name")
    check_id(document["name"], "study")
    slots = document.get("slots", 1)
    if not isinstance(slots, int) or isinstance(slots, bool) or not 1 <= slots <= MOST_SLOTS:
        raise InputError(f"slots={quoted(slots)}: choose 1 to {MOST_SLOTS} runs a device")
    for key in ("title", "recipe"):
        _check_text(document, key)
    for part in ("base", GRID, "tune"):
        if not isinstance(document.get(part, {}), Mapping):
            raise InputError(f"[{part}] must be a table of fields")
    _check_lists(document.get(GRID, {}), "[grid]")
    _check_lists(document.get("tune", {}), "[tune]")
    rows = document.get("compare", [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise InputError("write each control as its own [[compare]] table")
    names = [row.get("name") for row in rows]
    if not all(isinstance(name, str) for name in names) or len({GRID, *names}) <= len(names):
        raise InputError(f"each [[compare]] needs a name of its own, other than {quoted(GRID)}")
    for row in rows:
        _check_text(row, "recipe")
        _check_lists(row.get(GRID, {}), f"grid of [[compare]] {quoted(row['name'])}")
    count = planned_runs(document)
    if count > _MOST_RUNS:
        raise InputError(f"{quoted(count)} runs; a study may have up to {_MOST_RUNS}")


def planned_runs(document: Mapping[str, Any]) -> int:
    """How many combinations the rows of a study name, none of them made."""
    return sum(
        math.prod(len(values) for values in _axes(document, row).values())
        for row in _rows(document)
    )


def _rows(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [{"name": GRID}, *document.get("compare", [])]


def _fixed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("name", "recipe", GRID)}


def _axes(document: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The lists that a row combines: those of the study that it does not fix, and its own."""
    shared = {**document.get(GRID, {}), **document.get("tune", {})}
    fixed = _fixed(row)
    return {key: v for key, v in shared.items() if key not in fixed} | dict(row.get(GRID, {}))


def _check_text(table: Mapping[str, Any], key: str) -> None:
    value = table.get(key)
    if value is not None and not (isinstance(value, str) and len(value) <= LONGEST):
        raise InputError(f"{key}={quoted(value)}: give a text of at most {LONGEST} characters")


def _check_lists(grid: Any, where: str) -> None:
    if not isinstance(grid, Mapping):
        raise InputError(f"{where} must be a table of lists")
    for field, values in grid.items():
        if not isinstance(values, list) or not values:
            raise InputError(f"{where}: {field} must be a list with at least one value")


def expand(
    document: Mapping[str, Any], *, root: Path | None = None, device: str | None = None
) -> list[tuple[Member, Resolved]]:
    """Every run that the study asks for, with its resolved configuration; each run once.

    Raises InputError, naming the row, for a field or value that cannot be run.
    """
    found: dict[str, tuple[Member, Resolved]] = {}
    for member, resolved in wishes(document, root=root, device=device):
        found.setdefault(resolved.run_id, (member, resolved))
    return list(found.values())


def wishes(
    document: Mapping[str, Any], *, root: Path | None = None, device: str | None = None
) -> list[tuple[Member, Resolved]]:
    """Every combination that the file writes, also those that are one run; raises as `expand`."""
    check(document)
    found: list[tuple[Member, Resolved]] = []
    for row in _rows(document):
        recipe = row.get("recipe") or document.get("recipe") or "quick"
        fixed = {**document.get("base", {}), **_fixed(row)}
        for asked in _combinations(fixed, _axes(document, row)):
            try:
                resolved = resolve(asked, recipe=recipe, root=root, device=device)
            except InputError as error:
                where = "[grid]" if row["name"] == GRID else f"[[compare]] {quoted(row['name'])}"
                raise InputError(f"study {document['name']}, {where}: {error}") from error
            member = Member(name=row["name"], run_id=resolved.run_id, asked=asked)
            found.append((member, resolved))
    return found


def repeats(asked: Sequence[tuple[Member, Resolved]]) -> list[dict[str, Any]]:
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
    found: dict[str, None] = {}
    for members in runs:
        for field in dict.fromkeys(name for member in members for name in member.asked):
            if len({repr(member.asked.get(field)) for member in members}) > 1:
                found[field] = None
    return list(found)


def _combinations(fixed: Mapping[str, Any], axes: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    choices = itertools.product(*axes.values())
    return [{**fixed, **dict(zip(axes, values, strict=True))} for values in choices]


def create(
    store: BaseStore,
    document: Mapping[str, Any],
    *,
    root: Path | None = None,
    device: str | None = None,
    command: str | None = None,
) -> Study:
    """Writes the study and the folders of its runs, or brings an earlier one up to date.

    Raises InputError, naming the run, if one was made from other images than those of now.
    `command` is what asked for it, for the record of runs that are new.
    """
    pairs = expand(document, root=root, device=device)
    ask(store, [resolved for _, resolved in pairs], command=command)
    path = _path(store, document["name"])
    make_folder(path.parent)
    content = {
        "name": document["name"],
        "document": dict(document),
        "members": [vars(member) for member, _ in pairs],
        "updated_at": utc_now(),
    }
    atomic_write_json(path, content)
    return load_study(store, document["name"])


def load_study(store: BaseStore, name: str) -> Study:
    """The study of that name; raises InputError with the nearest."""
    path = _path(store, name)
    found = _read(path)
    if isinstance(found, Odd):
        raise InputError(str(found))
    if found is None:
        names = [study.name for study in list_studies(store)]
        raise InputError(f"no study {quoted(name)} in {store.root}{did_you_mean(name, names)}")
    return found


def list_studies(store: BaseStore) -> list[Study]:
    """All readable studies of the store, by name."""
    return read_studies(store)[0]


def read_studies(store: BaseStore) -> tuple[list[Study], list[Odd]]:
    """`list_studies(store)`, and what lies among them and cannot be read."""
    names, troubles = names_in(store.studies_dir)
    found, odd = split(_read(store.studies_dir / name / _FILE) for name in names)
    return found, troubles + odd


_FILE = "study.json"
_CONTENT = fields(
    {
        "document": table,
        "members": list_of(fields({"name": text, "run_id": text, "asked": table})),
    },
    {"updated_at": text},
)


def _read(path: Path) -> Study | Odd | None:
    """The study in a study.json; None if there is none."""
    folder = path.parent
    if not is_id(folder.name):
        return Odd(
            folder, "its name is not that of a study; rename it, or take it out of the store"
        )
    found = read_record(
        path, _stored, advice="run the study's TOML file again, or delete the folder"
    )
    if isinstance(found, Odd):
        return Odd(folder, f"{_FILE}: {found.reason}")
    if found is None:
        return None
    members, document, updated_at = found
    return Study(
        name=folder.name, document=document, members=members, path=path, updated_at=updated_at
    )


def _stored(content: Any) -> tuple[tuple[Member, ...], dict[str, Any], str | None]:
    """Members, document and time of a study.json. Raises InputError."""
    _CONTENT(content, "")
    members = tuple(
        Member(name=one["name"], run_id=check_id(one["run_id"]), asked=one["asked"])
        for one in content["members"]
    )
    check(content["document"])
    return members, content["document"], content.get("updated_at")


def remove_study(store: BaseStore, name: str, *, with_runs: bool = False) -> list[str]:
    """Deletes the study; `with_runs` also its runs that no other study has. Gives their ids.

    Raises InputError while one of these runs is running.
    """
    study = load_study(store, name)
    removed: list[str] = []
    if with_runs:
        others = {i for s in list_studies(store) if s.name != name for i in s.run_ids}
        here = set(store.run_ids())
        removed = [i for i in study.run_ids if i not in others and i in here]
        for run_id in removed:
            if store.run(run_id).status() == "running":
                raise InputError(f"run {run_id} is running; cancel first: ict study cancel {name}")
        for run_id in removed:
            store.remove(run_id)
    try:
        shutil.rmtree(study.path.parent)
    except OSError as error:
        raise explain(error, study.path) from error
    return removed


def rows(store: BaseStore, study: Study) -> list[dict[str, Any]]:
    """The store's row of each run of the study, with `member` (the row of the file) and `asked_*`.

    `asked_ratio`, … are the values that the study set, before they were resolved. A run whose
    folder is gone has status `missing`, one whose files cannot be read `unreadable`. Of a study with
    [tune], `chosen` tells whether the run has the value that did best on val200 (`chosen`).
    """
    wanted = set(study.run_ids)
    by_id = {row["run_id"]: row for row in store.table(lambda row: row["run_id"] in wanted)}
    best = chosen(study, by_id)
    here = set(store.run_ids())
    table = []
    for member in study.members:
        status = "unreadable" if member.run_id in here else "missing"
        row = by_id.get(member.run_id, {"run_id": member.run_id, "status": status})
        asked = {f"asked_{field}": value for field, value in member.asked.items()}
        table.append({**row, "member": member.name, **asked, "chosen": member.run_id in best})
    return table


def chosen(study: Study, by_id: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Ids of the runs that have the tuned value of their setting; all runs without [tune].

    A setting is what the file asked for apart from the tuned fields and the seeds; its value is the
    one with the highest mean val_accuracy over seeds. No value is chosen while a run of the setting
    has none, and the test set is never looked at.
    """
    tuned = tuple(study.document.get("tune", {}))
    if not tuned:
        return set(study.run_ids)
    settings: dict[str, dict[str, list[Member]]] = defaultdict(lambda: defaultdict(list))
    for member in study.members:
        apart = {*tuned, "seed", "selection_seed"}
        setting = {key: value for key, value in member.asked.items() if key not in apart}
        value = {key: member.asked.get(key) for key in tuned}
        settings[repr((member.name, sorted(setting.items(), key=str)))][repr(value)].append(member)
    best: set[str] = set()
    for values in settings.values():
        scored = [(_mean_accuracy(members, by_id), members) for members in values.values()]
        means = [mean for mean, _ in scored if mean is not None]
        if len(means) == len(scored):
            winner = next(members for mean, members in scored if mean == max(means))
            best |= {member.run_id for member in winner}
    return best


def _mean_accuracy(
    members: Sequence[Member], by_id: Mapping[str, Mapping[str, Any]]
) -> float | None:
    values = [by_id.get(member.run_id, {}).get("val_accuracy") for member in members]
    known = [value for value in values if isinstance(value, (int, float))]
    if len(known) == len(values) or (known and len(values) == 1):
        return statistics.fmean(known) if known else None
    return None


def counts(store: BaseStore, study: Study) -> dict[str, int]:
    """How many of the study's runs have each status, besides `runs` in all."""
    found = [row["status"] for row in rows(store, study)]
    tally = {status: found.count(status) for status in (*STATUSES, "unreadable", "missing")}
    return {"runs": len(found), **tally}


def _path(store: BaseStore, name: str) -> Path:
    return store.studies_dir / check_id(name, "study") / _FILE
