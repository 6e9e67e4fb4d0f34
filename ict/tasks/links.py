"""Where tasks lie on this machine: the linked folders first, then $ICT_VTAB_ROOT."""

import os
import re
from pathlib import Path
from typing import Any

from ict.documents.names import LINKS
from ict.documents.records import Odd, read_record
from ict.documents.shapes import shown
from ict.errors import InputError, quoted
from ict.files import absolute, atomic_write_json, make_folder, store_root
from ict.tasks import bundled

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def links_path() -> Path:
    """The file in the store that holds task name → folder."""
    return store_root() / LINKS


def read_links() -> dict[str, Path | None]:
    """Linked folders by task, None for an entry that names no folder; empty when nothing is linked.

    Raises InputError for a file that cannot be read: it may hide where any task lies.
    """
    entries = _entries(links_path())
    if isinstance(entries, Odd):
        raise InputError(str(entries))
    return {name: Path(at) if _is_link(name, at) else None for name, at in entries.items()}


def look_at_links(path: Path | None = None) -> tuple[dict[str, Path], list[Odd]]:
    """Linked folders by task, and what of the links file cannot be read."""
    path = path or links_path()
    entries = _entries(path)
    if isinstance(entries, Odd):
        return {}, [entries]
    links = {name: Path(at) for name, at in entries.items() if _is_link(name, at)}
    wrong = [f"{shown(name)} → {quoted(at)}" for name, at in entries.items() if name not in links]
    if not wrong:
        return links, []
    more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    reason = f"links no folder: {', '.join(wrong[:3])}{more}; take that out, or link it anew"
    return links, [Odd(path, reason)]


def _entries(path: Path) -> dict[str, Any] | Odd:
    """Everything in the links file, odd entries too; an Odd if it cannot be read."""
    found = read_record(path, _table, advice="delete it and link anew with `ict data link`")
    if isinstance(found, Odd):
        return Odd(path, f"cannot be read: {found.reason}")
    return found or {}


def _table(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InputError("does not map task names to folders")
    return document


def _is_link(name: str, at: Any) -> bool:
    """Whether an entry names a folder as `write_link` writes it: an absolute path, nothing odd in it."""
    plain = isinstance(at, str) and os.path.isabs(at) and "\0" not in at
    return plain and name not in bundled.TASKS and name.isprintable() and name != ""


def check_name(name: str) -> str:
    """`name` if a folder may be linked under it; raises InputError otherwise."""
    if name in bundled.TASKS:
        raise InputError(f"{quoted(name)} is a bundled task; link the folder under another name")
    if not _NAME.fullmatch(name) or name == "all":
        raise InputError(f"{quoted(name)} cannot name a task: letters, digits, '_', '.', '-' only")
    return name


def write_link(name: str, folder: Path) -> Path:
    """Adds or replaces one link, atomically; gives the links file.

    Links no folder could be made of go; raises InputError for a file that cannot be read at all, so
    that what it held is not lost.
    """
    path = links_path()
    links = {task: str(at) for task, at in read_links().items() if at} | {name: str(folder)}
    make_folder(path.parent)
    atomic_write_json(path, dict(sorted(links.items())))
    return path


def vtab_root(root: str | Path | None = None) -> Path | None:
    """`root` or $ICT_VTAB_ROOT, absolute (a relative one counts from here); None when unset."""
    named = root if root is not None else os.environ.get("ICT_VTAB_ROOT")
    return absolute(named) if named else None
