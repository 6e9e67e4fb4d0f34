"""Names of a task's lists, and of the store's files that are also read below the store.

All others of the store are in `ict.store.names`.
"""

from pathlib import Path

SPLITS = ("train800", "val200", "train800val200", "test")
VTAB_ROOT = "ICT_VTAB_ROOT"  # variable of the environment: the folder of the tasks' folders
SCORES = "scores.safetensors"
LINKS = "links.json"  # beside the runs: task name → folder, or {path, lists, inside}
MADE = "linked"  # folder of the lists that `ict data link` makes


def score_file(folder: Path) -> Path:
    """The score file of a folder of scores."""
    return folder / SCORES
