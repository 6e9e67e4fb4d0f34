"""Folders in the VTAB-1K layout: which there are under a root, and what is odd about them."""

import os
from pathlib import Path

from ict.documents.names import SPLITS
from ict.documents.records import Odd, odd
from ict.errors import quoted
from ict.files import open_regular
from ict.tasks.task import NOISE
from ict.tasks.vtab import canonical, info_or_odd


def is_layout(folder: Path) -> bool:
    """Whether `folder` holds at least one of the four lists."""
    return any(os.path.isfile(folder / f"{split}.txt") for split in SPLITS)


def missing_lists(folder: Path) -> str:
    """Says which of the four lists `folder` lacks, or ""."""
    if not folder.is_dir():
        return "there is no such folder"
    missing = [f"{split}.txt" for split in SPLITS if not os.path.isfile(folder / f"{split}.txt")]
    inner = sorted(path.name for path in folder.iterdir() if is_layout(path))
    hint = f" (its folder {quoted(inner[0])} has lists)" if inner and missing else ""
    return f"it has no {', '.join(missing)}{hint}" if missing else ""


def folders_of(root: Path) -> dict[str, Path]:
    """Task folders directly under `root` by task name; the catalogue's spelling wins a tie."""
    return look_under(root)[0]


def look_under(root: Path) -> tuple[dict[str, Path], list[Odd]]:
    """`folders_of(root)`, and what there cannot be looked into."""
    by_name: dict[str, Path] = {}
    troubles: list[Odd] = []
    try:
        folders = sorted(root.iterdir())
    except OSError as error:
        trouble = odd(root, error, advice="name another folder in ICT_VTAB_ROOT")
        return {}, [trouble] if trouble else []
    for folder in folders:
        if folder.name.startswith("."):
            continue
        if (trouble := _closed(folder)) is not None:
            troubles.append(trouble)
        elif is_layout(folder):
            name = canonical(folder.name)
            if not name.isprintable():
                reason = "its name cannot be printed; rename it to use it as a task"
                troubles.append(Odd(folder, reason))
            elif name == NOISE:
                reason = f"{quoted(NOISE)} means images of noise; rename it to use it as a task"
                troubles.append(Odd(folder, reason))
            elif name not in by_name or folder.name == name:
                by_name[name] = folder
    return by_name, troubles


def _closed(folder: Path) -> Odd | None:
    """Why a folder cannot be looked into; None where it can, or where there is none."""
    try:
        os.stat(folder / f"{SPLITS[0]}.txt")
    except PermissionError as error:
        return odd(folder, error, advice="")
    except (OSError, ValueError):
        return None
    return None


def troubles_of(folder: Path) -> list[Odd]:
    """Files of a task's folder that are there and cannot be read: info.json, the lists."""
    troubles = [_closed(folder)]
    if troubles[0] is None:
        info = info_or_odd(folder)
        troubles += [info if isinstance(info, Odd) else None]
        troubles += [_list_trouble(folder / f"{split}.txt") for split in SPLITS]
    return [one for one in troubles if one is not None]


def _list_trouble(path: Path) -> Odd | None:
    try:
        os.close(open_regular(path))
    except (OSError, ValueError) as error:
        return odd(path, error, advice="put the list of images in its place")
    return None
