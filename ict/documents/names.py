"""Names of the store's files that are also read below the store; all others are in `ict.store.names`."""

from pathlib import Path

SCORES = "scores.safetensors"
LINKS = "links.json"  # beside the runs: task name → folder, or {path, lists, inside}
MADE = "linked"  # folder of the lists that `ict data link` makes


def score_file(folder: Path) -> Path:
    """The score file of a folder of scores."""
    return folder / SCORES
