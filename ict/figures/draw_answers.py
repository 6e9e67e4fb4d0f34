"""Figures of one run's answers on its test images: confusion of classes, accuracy by class."""

import numpy as np
import pandas as pd

from ict.analysis.answered_images import class_names_of
from ict.analysis.answers import Answered, answered
from ict.errors import InputError
from ict.figures.answers import class_accuracy, confusion
from ict.figures.asked import Choice, Drawn, Found, of_runs
from ict.figures.frames import frame
from ict.store.run_rows import RunRow


def _only_run(found: Found, choice: Choice) -> tuple[RunRow, Answered]:
    """The one run that is asked for, and what it answered. Raises InputError for none, or several."""
    rows = [row for row in found.rows if row.done and choice.task in (None, row.task)]
    rows = list({row.run_id: row for row in rows}.values())
    if len(rows) != 1:
        raise InputError(f"{len(rows)} finished runs: this figure is of one; name its id")
    return rows[0], answered(found.store.run(rows[0].run_id))


def _names(row: RunRow) -> tuple[str, ...] | None:
    return class_names_of(str(row.task))


def confused(found: Found, choice: Choice) -> Drawn:
    """Which classes are taken for which."""
    row, own = _only_run(found, choice)
    counts = own.counts
    cells = [
        {"class": int(a), "answer": int(b), "images": int(counts[a, b])}
        for a, b in np.argwhere(counts)
    ]
    return Drawn(
        figure=confusion(own, _names(row), row.run_id),
        table=pd.DataFrame(cells),
        summary=frame(own.mistakes[:20]) if own.mistakes else None,
        context=_context(row, own),
        runs=[row],
        facts={"n": {"images": len(own.answers)}},
    )


def by_class(found: Found, choice: Choice) -> Drawn:
    """Accuracy of each class."""
    row, own = _only_run(found, choice)
    return Drawn(
        figure=class_accuracy(own, _names(row), row.run_id),
        table=frame(own.by_class),
        context=_context(row, own),
        runs=[row],
        facts={"n": {"images": len(own.answers)}},
    )


def _context(row: RunRow, own: Answered) -> str:
    return f"{own.sentence(_names(row))} {of_runs([row])}"
