"""Which tasks there are, where they lie, and their images and labels. Never imports torch.

A bundled task is drawn from formulas; any other is a folder of the VTAB-1K layout, found among the
linked folders (`ict data link`), then under $ICT_VTAB_ROOT. An explicit `root` is the only place.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ict.documents.names import SPLITS
from ict.documents.records import Odd
from ict.errors import InputError, did_you_mean, quoted
from ict.tasks import bundled, vtab, vtab_folders
from ict.tasks.links import look_at_links, read_places, vtab_root
from ict.tasks.places import Place, place_of
from ict.tasks.task import GROUPS, Split, Task

if TYPE_CHECKING:
    from ict.tasks.limits import Subset

__all__ = [
    "GROUPS",
    "SPLITS",
    "Split",
    "Task",
    "as_task",
    "find_folder",
    "find_place",
    "fingerprint",
    "get_task",
    "list_tasks",
    "load_split",
    "load_subset",
    "troubles",
]


def get_task(name: str, *, root: str | Path | None = None) -> Task:
    """The task called `name` (any known spelling). One of the 19 need not be on this machine."""
    if name in bundled.DRAWN:
        return bundled.DRAWN[name]
    canonical = vtab.canonical(name)
    place = _place_of(canonical, root)
    if place is None and canonical not in vtab.catalogue():
        raise InputError(_unknown(name, root))
    task = vtab.describe(
        canonical, place if place and vtab_folders.is_layout(place.lists) else None
    )
    return replace(task, place=place)


def is_own(name: str) -> bool:
    """Whether a task is none of the bundled and of VTAB-1K's: its test split is then its own."""
    return name not in bundled.DRAWN and vtab.canonical(name) not in vtab.catalogue()


def as_task(named: str | Task, *, root: str | Path | None = None) -> Task:
    """The named task, or itself where it was looked up before."""
    return named if isinstance(named, Task) else get_task(named, root=root)


def load_split(named: str | Task, split: str, *, root: str | Path | None = None) -> Split:
    """One split of a task, its list checked; InputError names file and line of what is wrong."""
    if split not in SPLITS:
        raise InputError(f"no split {quoted(split)}; choose one of {', '.join(SPLITS)}")
    task = as_task(named, root=root)
    if task.name in bundled.DRAWN:
        from ict.tasks import drawn  # numpy, only now that there is something to draw

        return drawn.load_split(task.name, split)
    return vtab.load_split(task, find_place(task, root=root), split)


def load_subset(subset: "Subset") -> Split:
    """The images of a split that are left, as `load_split` gives them."""
    return subset.of(load_split(subset.task, subset.split))


def fingerprint(
    named: str | Task, *, root: str | Path | None = None, splits: Sequence[str] = SPLITS
) -> str:
    """What tells two versions of the data apart, wherever they lie: part of a run's identity.

    Raises InputError unless the lists of `splits` can be read, with every image that they name.
    """
    task = as_task(named, root=root)
    if task.name in bundled.DRAWN:
        return f"bundled:{task.name}@{bundled.VERSION}"
    return vtab.fingerprint(task, find_place(task, root=root), splits)


def find_folder(named: str | Task, *, root: str | Path | None = None) -> Path:
    """The folder of the images of a task that is not bundled; InputError says where was looked."""
    return find_place(named, root=root).images


def find_place(named: str | Task, *, root: str | Path | None = None) -> Place:
    """Where a task that is not bundled lies; InputError says where was looked."""
    name = named.name if isinstance(named, Task) else named
    canonical = vtab.canonical(name)
    place = named.place if isinstance(named, Task) else _place_of(canonical, root)
    if place is None:
        if canonical not in vtab.catalogue():
            raise InputError(_unknown(name, root))
        missing = how_to_get(canonical, root)
        raise InputError(f"task {quoted(canonical)} is not on this machine: {missing}")
    gone = next((at for at in (place.images, place.lists) if not os.path.isdir(at)), None)
    if gone is not None:
        again = f"run `ict data link {canonical} DIR` again"
        raise InputError(
            f"task {quoted(canonical)} is linked to {gone}, which is not a folder; {again}"
        )
    return place


def _place_of(name: str, root: str | Path | None) -> Place | None:
    """Where the task lies, if it is here; InputError where its own link names no folder."""
    folders = _folders(root)
    if name in folders and folders[name] is None:
        raise InputError(str(look_at_links()[1][0]))
    return folders.get(name)


def _folders(root: str | Path | None) -> dict[str, Place | None]:
    """Places by task: links before the root, None for an odd link; none from a root that does not exist.

    Raises InputError for links that cannot be read: the task might be linked to another folder.
    """
    at = vtab_root(root)
    places: dict[str, Place | None] = {}
    if at is not None and os.path.isdir(at):
        places.update({n: place_of(f) for n, f in vtab_folders.folders_of(at).items()})
    return places if root is not None else places | read_places()


def _listed(root: str | Path | None) -> tuple[dict[str, Place], list[Odd]]:
    """Places by task as `_folders` finds them, and what cannot be read: nothing hides the rest."""
    at = vtab_root(root)
    under_root, troubles = (
        vtab_folders.look_under(at) if at is not None and os.path.isdir(at) else ({}, [])
    )
    links, odd = look_at_links() if root is None else ({}, [])
    return {n: place_of(f) for n, f in under_root.items()} | links, troubles + odd


def troubles(root: str | Path | None = None) -> list[Odd]:
    """What cannot be read of the tasks on this machine, each thing once, with what to do."""
    folders, odd = _listed(root)
    for folder in dict.fromkeys(place.lists for place in folders.values()):
        odd += vtab_folders.troubles_of(folder)
    return odd


def where_looked(root: str | Path | None = None) -> str:
    """Where task folders are looked for, and whether that place exists."""
    at = vtab_root(root)
    if at is None:
        return "ICT_VTAB_ROOT is not set"
    name = "the root" if root is not None else "ICT_VTAB_ROOT"
    if not os.path.exists(at):
        return f"{name} {at} does not exist"
    if not os.path.isdir(at):
        return f"{name} {at} is not a folder"
    if vtab_folders.is_layout(at):
        return f"{name} {at} is itself a task's folder; name the folder above it"
    return f"looked under {name} {at}"


def how_to_get(name: str, root: str | Path | None = None) -> str:
    """One clause for a task that is not here: what was looked at, what to do."""
    return f"{where_looked(root)}; run `ict data link {name} DIR` or `ict data download {name}`"


def _unknown(name: str, root: str | Path | None) -> str:
    names = [*bundled.TASKS, *vtab.catalogue(), *_folders(root)]
    hint = did_you_mean(name, names) or f"; bundled are {', '.join(bundled.TASKS)}"
    return f"no task {quoted(name)}{hint} ({where_looked(root)}; see `ict tasks`)"


def list_tasks(root: str | Path | None = None) -> list[dict[str, Any]]:
    """One row a task: bundled, the 19 of VTAB-1K, then other folders of their layout."""
    folders, _ = _listed(root)
    names = [*vtab.catalogue(), *sorted(set(folders) - set(vtab.catalogue()))]
    rows = [_bundled_row(task) for task in bundled.TASKS.values()]
    return rows + [_row(name, folders.get(name), root) for name in names]


def names_with(split: str, root: str | Path | None = None) -> tuple[str, ...]:
    """The tasks on this machine that are not bundled and have a list of `split`."""
    folders, _ = _listed(root)
    return tuple(name for name, place in folders.items() if os.path.isfile(place.list_of(split)))


def is_here(task: Task) -> bool:
    """Whether the task's images are on this machine."""
    return task.name in bundled.DRAWN or task.place is not None


def _bundled_row(task: Task) -> dict[str, Any]:
    counts: dict[str, int | None] = dict(task.sizes)
    return _columns(task, counts, available=True, missing=[], how_to_get=None, path=None)


def _row(name: str, place: Place | None, root: str | Path | None) -> dict[str, Any]:
    counts = {s: vtab.count_images(place.list_of(s)) if place else None for s in SPLITS}
    folder = place.images if place else None
    available = any(count is not None for count in counts.values())
    try:
        task = vtab.describe(name, place if available else None)
    except InputError as error:
        task = Task(name=name, title=name, group="other", classes=0, sizes={})
        return _columns(
            task, counts, available=False, missing=[str(error)], how_to_get=None, path=folder
        )
    return _columns(
        task,
        counts,
        available=available,
        missing=_missing(task, counts, place) if available and place else ["everything"],
        how_to_get=None if available else how_to_get(name, root),
        path=folder,
    )


def _missing(task: Task, counts: dict[str, int | None], place: Place) -> list[str]:
    gaps = [f"{split}.txt" for split, count in counts.items() if count is None]
    for split, count in counts.items():
        if count is not None:
            wrong = vtab.list_trouble(place.list_of(split), task.classes)
            gaps += [wrong] if wrong else vtab.count_notes(task, split, count)
    return gaps


def _columns(
    task: Task,
    counts: dict[str, int | None],
    *,
    available: bool,
    missing: list[str],
    how_to_get: str | None,
    path: Path | None,
) -> dict[str, Any]:
    return {
        "name": task.name,
        "title": task.title,
        "group": task.group,
        "classes": task.classes,
        "available": available,
        "complete": available and not missing,
        "train": counts["train800"],
        "val": counts["val200"],
        "test": counts["test"],
        "missing": missing,
        "how_to_get": how_to_get,
        "path": str(path) if path else None,
        "official": task.official,
        "source": task.source,
        "licence": task.licence,
        "citation": task.citation,
    }
