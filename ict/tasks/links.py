"""Where tasks lie on this machine: the linked folders first, then $ICT_VTAB_ROOT."""

import json
import os
import re
from pathlib import Path

from ict.errors import InputError, quoted
from ict.files import atomic_write_json, make_folder, store_root
from ict.tasks import bundled

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def links_path() -> Path:
    """The file in the store that holds task name → folder."""
    return store_root() / "links.json"


def read_links() -> dict[str, Path]:
    """Linked folders by task; empty when nothing is linked."""
    path = links_path()
    try:
        links = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); delete it and link anew") from error
    if not isinstance(links, dict) or not all(isinstance(at, str) for at in links.values()):
        raise InputError(f"{path} does not map task names to folders; delete it and link anew")
    return {name: Path(folder) for name, folder in links.items()}


def check_name(name: str) -> str:
    """`name` if a folder may be linked under it; raises InputError otherwise."""
    if name in bundled.TASKS:
        raise InputError(f"{quoted(name)} is a bundled task; link the folder under another name")
    if not _NAME.fullmatch(name) or name == "all":
        raise InputError(f"{quoted(name)} cannot name a task: letters, digits, '_', '.', '-' only")
    return name


def write_link(name: str, folder: Path) -> Path:
    """Adds or replaces one link, atomically; gives the links file."""
    links = {task: str(at) for task, at in read_links().items()} | {name: str(folder)}
    path = links_path()
    make_folder(path.parent)
    atomic_write_json(path, dict(sorted(links.items())))
    return path


def vtab_root(root: str | Path | None = None) -> Path | None:
    """`root` or $ICT_VTAB_ROOT, absolute (a relative one counts from here); None when unset."""
    named = root if root is not None else os.environ.get("ICT_VTAB_ROOT")
    return Path(named).expanduser().absolute() if named else None
