"""Studies in the store: a TOML file names a grid of runs and its controls (`ict.store.study_file`).

What a method does not read falls out of its configuration, so that `linear` repeated over ratios is
one run. A run that any study has done is never repeated. A study in the store is one file,
`studies/<name>/study.json`, which holds the document, its runs' ids, and what [tune] chose. Its
second stage, the other seeds and draws at the chosen value, is written when the first has told:
asking for the study again (`create`) brings it up to date.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ict.documents.identity import check_id, is_id
from ict.documents.records import Odd, names_in, read_record, required, split
from ict.documents.shapes import an_id, fields, list_of, table, text
from ict.errors import InputError, NotHereError, did_you_mean, quoted
from ict.files import atomic_write_json, make_folder, remove_folder
from ict.store.base import BaseStore
from ict.store.names import STUDY
from ict.store.run_folder import STATUSES, utc_now
from ict.store.sound import Stamp, stamp
from ict.store.study_choices import (
    UNSEARCHED,
    Stand,
    lost,
    results,
    settings,
    stand,
    words_by_run,
)
from ict.store.study_contrast import Contrast, primary
from ict.store.study_file import check, read_toml
from ict.store.study_grid import Asked, Member, asked, expand, repeats, unique, wishes
from ict.store.study_rows import GRID, planned_runs, requested, stored, two_stages
from ict.store.study_search import Search

__all__ = [
    "GRID", "Asked", "Contrast", "Member", "Search", "Stand", "Study", "asked", "check", "chosen",
    "counts", "create", "expand", "find", "list_studies", "load_study", "planned_runs", "primary", "read_studies",
    "read_toml", "remove_study", "repeats", "results", "rows", "searches", "standing", "wishes",
]  # fmt: skip


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

    @property
    def primary(self) -> Contrast | None:
        """The one difference that the study declares, or the default one; None if it has neither."""
        return primary(self.document)


def create(
    store: BaseStore,
    document: Mapping[str, Any],
    *,
    root: Path | None = None,
    device: str | None = None,
    command: str | None = None,
) -> Study:
    """Writes the study and the folders of its runs, or brings an earlier one up to date.

    Of a [tune] of two stages the second is written as far as the first has told. Raises InputError,
    naming the run, if one was made from other images than those of now. `command` is what asked for
    it, for the record of runs that are new.
    """
    document = requested(document)
    by_id = results(store)
    try:
        made = asked(document, root=root, device=device, results=by_id)
    except NotHereError as error:
        return _complete(store, document, error)
    pairs = unique(made.first + made.second)
    from ict.store.same_images import ask  # reads images

    ask(store, [resolved for _, resolved in pairs], command=command)
    path = _path(store, document["name"])
    make_folder(path.parent)
    content = {
        "name": document["name"],
        "document": document,
        "members": [member._asdict() for member, _ in pairs],
        "searches": [one.to_dict() for one in made.searches],
        "updated_at": utc_now(),
    }
    atomic_write_json(path, content)
    return load_study(store, document["name"])


def load_study(store: BaseStore, name: str) -> Study:
    """The study of that name; raises InputError with the nearest."""

    def missing() -> str:
        names = [study.name for study in list_studies(store)]
        return f"no study {quoted(name)} in {store.root}{did_you_mean(name, names)}"

    return required(_read(_path(store, name)), missing)


def _complete(store: BaseStore, document: Mapping[str, Any], error: NotHereError) -> Study:
    """The study as it is, if it asks for nothing more: what only other packages name is not needed then.

    Raises NotHereError where something is missing of it, or the file is another.
    """
    here = find(store, document)
    if here is None or here.document != stored(document):
        raise error
    stand, done = standing(store, here), counts(store, here)["done"]
    if done < len(here.run_ids) or (stand is not None and stand.waiting):
        raise NotHereError(
            f"{error}; this study had it from another package: install it"
        ) from error
    return here


def find(store: BaseStore, document: Mapping[str, Any]) -> Study | None:
    """The study of the document's name as the store has it; None if there is none that can be read."""
    found = _read(_path(store, str(document.get("name"))))
    return found if isinstance(found, Study) else None


def list_studies(store: BaseStore) -> list[Study]:
    """All readable studies of the store, by name."""
    return read_studies(store)[0]


def read_studies(store: BaseStore) -> tuple[list[Study], list[Odd]]:
    """`list_studies(store)`, and what lies among them and cannot be read."""
    names, troubles = names_in(store.studies_dir)
    studies, odd = split(_read(store.studies_dir / name / STUDY) for name in names)
    return studies, troubles + odd


_CONTENT = fields(
    {
        "document": table,
        "members": list_of(fields({"name": text, "run_id": an_id, "asked": table})),
    },
    {"updated_at": text},
)


_memory: dict[Path, tuple[Stamp, Study]] = {}
"""What was read, while the file is the same."""


def _read(path: Path) -> Study | Odd | None:
    """The study in a study.json; None if there is none."""
    folder = path.parent
    if not is_id(folder.name):
        return Odd(
            folder, "its name is not that of a study; rename it, or take it out of the store"
        )
    now = stamp(str(path))
    held = _memory.get(path)
    if now is not None and held is not None and held[0] == now:
        return held[1]
    read = read_record(
        path, _stored, advice="run the study's TOML file again, or delete the folder"
    )
    if isinstance(read, Odd):
        return Odd(folder, f"{STUDY}: {read.reason}")
    if read is None:
        return None
    members, document, updated_at = read
    study = Study(
        name=folder.name, document=document, members=members, path=path, updated_at=updated_at
    )
    if now is not None:
        _memory[path] = (now, study)
    return study


def _stored(content: Any) -> tuple[tuple[Member, ...], dict[str, Any], str | None]:
    """Members, document and time of a study.json. Raises InputError."""
    _CONTENT(content, "")
    members = tuple(
        Member(name=one["name"], run_id=one["run_id"], asked=one["asked"])
        for one in content["members"]
    )
    document = stored(content["document"])
    check(document)
    return members, document, content.get("updated_at")


def remove_study(store: BaseStore, name: str, *, with_runs: bool = False) -> list[str]:
    """Deletes the study; `with_runs` moves its runs that no other study has to the trash. Gives their ids.

    Raises InputError while one of these runs is running, or waits to.
    """
    study = load_study(store, name)
    removed: list[str] = []
    if with_runs:
        from ict.store.trash import to_trash  # reads labels, which listing a study does not need

        others = {i for s in list_studies(store) if s.name != name for i in s.run_ids}
        existing = set(store.run_ids())
        removed = [i for i in study.run_ids if i not in others and i in existing]
        for run_id in removed:
            if (status := store.run(run_id).status()) in ("running", "queued"):
                raise InputError(f"run {run_id} is {status}; cancel first: ict study cancel {name}")
        to_trash(store, removed)
    remove_folder(study.path.parent)
    return removed


def rows(store: BaseStore, study: Study) -> list[dict[str, Any]]:
    """The store's row of each run of the study, with `member` (the row of the file) and `asked_*`.

    `asked_ratio`, … are the values that the study set, before they were resolved. A run whose
    folder is gone has status `missing`, one whose files cannot be read `unreadable`. Of a study with
    [tune], `chosen` tells whether the run has the value that was chosen for its setting on val200;
    `searched` says among how many (1: nothing was searched) and `searched_of` of which fields, `edge`
    where the choice ends its list, `searched_by` what was compared, `stages` how many [tune] has.
    """
    by_id = results(store, study.run_ids)
    searched = settings(study.document, study.members, by_id)
    not_chosen, words = lost(searched), words_by_run(searched)
    existing = set(store.run_ids()) if len(by_id) < len(set(study.run_ids)) else set()
    stages = 2 if two_stages(study.document) else 1
    made = []
    for member in study.members:
        status = "unreadable" if member.run_id in existing else "missing"
        row = by_id.get(member.run_id, {"run_id": member.run_id, "status": status})
        asked_fields = {f"asked_{field}": value for field, value in member.asked.items()}
        made.append(
            {
                **row,
                "member": member.name,
                "stages": stages,
                **asked_fields,
                **words.get(member.run_id, UNSEARCHED),
                "chosen": member.run_id not in not_chosen,
            }
        )
    return made


def searches(store: BaseStore, study: Study) -> list[Search]:
    """What [tune] tried and chose for every setting of the study; none without it."""
    searched = settings(study.document, study.members, results(store, study.run_ids))
    return [one.search for one in searched if one.search is not None]


def chosen(study: Study, by_id: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Ids of the runs that have the tuned value of their setting; all runs without [tune].

    No value is chosen while one that was tried has not ended, and the test set is never looked at.
    """
    return set(study.run_ids) - lost(settings(study.document, study.members, by_id))


def standing(store: BaseStore, study: Study) -> Stand | None:
    """Which stage a study of two stages is in; None for every other study."""
    searched = settings(study.document, study.members, results(store, study.run_ids))
    return stand(study.document, searched)


def counts(store: BaseStore, study: Study) -> dict[str, int]:
    """How many of the study's runs have each status, besides `runs` in all."""
    statuses = [row["status"] for row in rows(store, study)]
    tally = {status: statuses.count(status) for status in (*STATUSES, "unreadable", "missing")}
    return {"runs": len(statuses), **tally}


def _path(store: BaseStore, name: str) -> Path:
    return store.studies_dir / check_id(name, "study") / STUDY
