"""On which test images runs were measured, where no published number may stand beside them.

VTAB-1K and the bundled tasks have one official test set each. A task of one's own has no such thing:
its test split is its own, and whole unless the run was limited.
"""

from collections.abc import Iterable

from ict.store.run_rows import RunRow
from ict.tasks import is_own

NOT_OFFICIAL = "not measured on the whole official test set"
_MOST_NAMED = 4


def test_note(row: RunRow) -> str | None:
    """What is to be known of the row's test images; None for an official test set, or no answer."""
    if row.official_data is not False or row.task is None:
        return None
    return _own(row) if is_own(row.task) else NOT_OFFICIAL


def test_notes(rows: Iterable[RunRow]) -> list[str]:
    """The same of many rows: each sentence once, own tasks by name where there are several."""
    rows = [row for row in rows if test_note(row) is not None]
    own = [row for row in rows if is_own(str(row.task))]
    said = dict.fromkeys(NOT_OFFICIAL for row in rows if not is_own(str(row.task)))
    tasks = dict.fromkeys(str(row.task) for row in own)
    if len(tasks) > _MOST_NAMED:
        return [*said, f"own test splits of {len(tasks)} tasks"]
    for row in own:
        name = f"{row.task}: " if len(tasks) > 1 else ""
        said[f"{name}{_own(row)}"] = None
    return list(said)


def _own(row: RunRow) -> str:
    images = "" if row.test_images is None else f"{row.test_images:,} images"
    if row.limit is None:
        return ", ".join(filter(None, ["own test split", images]))
    return f"{images or 'some images'} of its own test split"
