"""Where tasks lie on this machine: the linked folders first, then $ICT_VTAB_ROOT."""

import os
import re
from pathlib import Path
from typing import Any

from ict.documents.records import Odd, read_record
from ict.documents.shapes import shown
from ict.errors import InputError, quoted
from ict.files import absolute, atomic_write_json, make_folder, store_root
from ict.tasks import bundled

LINKS = "links.json"  # in the store: task name → folder
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def links_path() -> Path:
    """The file in the store that holds task name → folder."""
    return store_root() / LINKS


def read_links() -> dict[str, Path]:
    """Linked folders by task; empty when nothing is linked.

    Raises InputError for what `look_at_links` cannot read: it may hide where a task lies.
    """
    links, troubles = look_at_links()
    if troubles:
        raise InputError(str(troubles[0]))
    return links


def look_at_links(path: Path | None = None) -> tuple[dict[str, Path], list[Odd]]:
    """Linked folders by task, and what of the links file cannot be read."""
    path = path or links_path()
    found = read_record(path, _table, advice="delete it and link anew with `ict data link`")
    if isinstance(found, Odd):
        return {}, [Odd(path, f"cannot be read: {found.reason}")]
    links = {name: at for name, at in (found or {}).items() if _is_link(name, at)}
    wrong = [
        f"{shown(name)} → {quoted(at)}" for name, at in (found or {}).items() if name not in links
    ]
    if not wrong:
        return {name: Path(at) for name, at in links.items()}, []
    more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    reason = f"links no folder: {', '.join(wrong[:3])}{more}; take that out, or link it anew"
    return {name: Path(at) for name, at in links.items()}, [Odd(path, reason)]


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
    known, troubles = look_at_links()
    path = links_path()
    if troubles and not known and "links no folder" not in troubles[0].reason:
        raise InputError(str(troubles[0]))
    links = {task: str(at) for task, at in known.items()} | {name: str(folder)}
    make_folder(path.parent)
    atomic_write_json(path, dict(sorted(links.items())))
    return path


def vtab_root(root: str | Path | None = None) -> Path | None:
    """`root` or $ICT_VTAB_ROOT, absolute (a relative one counts from here); None when unset."""
    named = root if root is not None else os.environ.get("ICT_VTAB_ROOT")
    return absolute(named) if named else None
