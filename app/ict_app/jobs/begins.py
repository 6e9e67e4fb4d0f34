"""What forms begin with, by what a store holds."""

from dataclasses import replace

from ict.store import Store
from ict_app.common import readers
from ict_app.jobs.forms import Begin


def second_task(shown: Store) -> Begin:
    """The form that scores a task that the newest scores are not of, as these were scored."""
    records = readers.scores_of(shown)
    scored = {one.task for one in records}
    unscored = (row.name for row in readers.tasks() if row.available and row.name not in scored)
    begin = Begin(task=next(unscored, None))
    if not records:
        return begin
    like = records[-1]
    return replace(begin, backbone=str(like.backbone), criteria=[str(like.criterion)])
