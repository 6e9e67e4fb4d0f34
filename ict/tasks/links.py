"""Where tasks lie on this machine: the linked folders first, then $ICT_VTAB_ROOT."""

import os
import re
from pathlib import Path
from typing import Any

from ict.documents.names import LINKS, MADE, VTAB_ROOT
from ict.documents.records import Odd, read_record
from ict.documents.shapes import shown
from ict.errors import InputError, quoted
from ict.files import absolute, atomic_write_json, make_folder, store_root
from ict.tasks import bundled
from ict.tasks.places import Place
from ict.tasks.task import NOISE, OTHERS

_RESERVED = {OTHERS: "all tasks but the run's own", NOISE: "images of noise"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def links_path() -> Path:
    """The file in the store that holds task name → folder."""
    return store_root() / LINKS


def read_links() -> dict[str, Path | None]:
    """Linked folders by task, None for an entry that names no folder; empty when nothing is linked.

    Raises InputError for a file that cannot be read: it may hide where any task lies.
    """
    return {name: place.images if place else None for name, place in read_places().items()}


def read_places() -> dict[str, Place | None]:
    """`read_links` with where each task's lists lie, and where its links may lead."""
    path = links_path()
    entries = _entries(path)
    if isinstance(entries, Odd):
        raise InputError(str(entries))
    return {name: _place(name, at, path.parent) for name, at in entries.items()}


def look_at_links(path: Path | None = None) -> tuple[dict[str, Place], list[Odd]]:
    """Linked places by task, and what of the links file cannot be read."""
    path = path or links_path()
    entries = _entries(path)
    if isinstance(entries, Odd):
        return {}, [entries]
    places = {name: _place(name, at, path.parent) for name, at in entries.items()}
    links = {name: place for name, place in places.items() if place is not None}
    wrong = [f"{shown(name)} → {quoted(at)}" for name, at in entries.items() if name not in links]
    if not wrong:
        return links, []
    more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    reason = f"links no folder: {', '.join(wrong[:3])}{more}; take that out, or link it anew"
    return links, [Odd(path, reason)]


def _entries(path: Path) -> dict[str, Any] | Odd:
    """Everything in the links file, odd entries too; an Odd if it cannot be read."""
    table = read_record(path, _table, advice="delete it and link anew with `ict data link`")
    if isinstance(table, Odd):
        return Odd(path, f"cannot be read: {table.reason}")
    return table or {}


def _table(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InputError("does not map task names to folders")
    return document


def _place(name: str, at: Any, store: Path) -> Place | None:
    """An entry as `write_link` writes it: absolute paths, lists in the store, nothing odd in them."""
    if name in bundled.DRAWN or not name.isprintable() or not name:
        return None
    if _is_path(at):
        return Place(Path(at), Path(at))
    if not isinstance(at, dict) or not _is_path(at.get("path")):
        return None
    lists, inside = at.get("lists"), at.get("inside")
    if (inside is not None and not _is_path(inside)) or lists not in (None, f"{MADE}/{name}"):
        return None
    images = Path(at["path"])
    return Place(images, store / lists if lists else images, Path(inside) if inside else None)


def _is_path(at: Any) -> bool:
    return isinstance(at, str) and os.path.isabs(at) and "\0" not in at


def made_folder(name: str) -> Path:
    """The folder in the store for the lists that `ict data link` makes for task `name`."""
    return links_path().parent / MADE / name


def check_name(name: str) -> str:
    """`name` if a folder may be linked under it; raises InputError otherwise."""
    if name in bundled.TASKS:
        raise InputError(f"{quoted(name)} is a bundled task; link the folder under another name")
    if name in _RESERVED:
        meaning = f"`score_task={name}` means {_RESERVED[name]}"
        raise InputError(f"{quoted(name)} cannot name a task: {meaning}; give another name")
    if not _NAME.fullmatch(name) or name == "all":
        raise InputError(f"{quoted(name)} cannot name a task: letters, digits, '_', '.', '-' only")
    return name


def write_link(name: str, folder: Path, *, made: bool = False, inside: Path | None = None) -> Path:
    """Adds or replaces one link, atomically; gives the links file.

    `made` says that its lists are in `made_folder(name)`, `inside` where links may lead. Links no folder could be made of go; raises InputError for a file that cannot be read at all, so
    that what it held is not lost.
    """
    path = links_path()
    kept = _entries(path)
    sound = {task for task, place in read_places().items() if place}
    links = {} if isinstance(kept, Odd) else {task: kept[task] for task in kept if task in sound}
    more = {"lists": f"{MADE}/{name}" if made else None, "inside": inside and str(inside)}
    said = {key: value for key, value in more.items() if value}
    links[name] = {"path": str(folder), **said} if said else str(folder)
    make_folder(path.parent)
    atomic_write_json(path, dict(sorted(links.items())))
    return path


def vtab_root(root: str | Path | None = None) -> Path | None:
    """`root` or $ICT_VTAB_ROOT, absolute (a relative one counts from here); None when unset."""
    named = root if root is not None else os.environ.get(VTAB_ROOT)
    return absolute(named) if named else None
