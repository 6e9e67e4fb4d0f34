"""Which runs saw the same test images: only those are compared.

`test_sha256` of a run's predictions says which images those were; files of version 0.1.0 have none, and
are held to their labels in order.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ict.analysis import groups
from ict.analysis.outcomes import ACCURACY, Outcome
from ict.analysis.sides import Side
from ict.documents.records import Odd
from ict.errors import InputError
from ict.store.predictions import Predictions, read_predictions
from ict.store.run_rows import RunRow
from ict.store.store import Store


def answers_of(
    rows: Sequence[RunRow], store: Store, outcome: Outcome = ACCURACY
) -> tuple[dict[str, Predictions] | None, list[str]]:
    """What each run answered; None, with the reason, where one of them has kept nothing readable.

    Raises InputError with the run and its reason where the outcome stands in the answers alone.
    """
    answers: dict[str, Predictions] = {}
    for row in rows:
        read = read_predictions(store.run(row.run_id))
        if outcome.kept_by_image:
            _check_losses(row.run_id, read)
        if read is None or isinstance(read, Odd):
            which = f"Run {row.run_id} ({read.reason})" if read else "One of these runs"
            said = "has no answer for each image: nothing is told about new images and flips."
            return None, [f"{which} {said}"]
        answers[row.run_id] = read
    return answers, []


def _check_losses(run_id: str, read: Predictions | Odd | None) -> None:
    """Raises InputError with what to do for a run that has no loss for each test image."""
    if isinstance(read, Odd):
        raise InputError(f"run {run_id} has no loss for each test image: {read.reason}")
    if read is None or read.losses is None:
        raise InputError(
            f"run {run_id} kept no loss for each test image (version 0.1.0 kept none): `ict remove` it "
            "and ask for it again, or compare accuracies"
        )


def same_test(a: Side, b: Side, answers: Mapping[str, Predictions] | None) -> list[str]:
    """Notes on how it is known. Raises InputError unless all runs saw the same test images."""
    limits = {groups.key(row, ("limit",)): row.limit for row in (*a.rows, *b.rows)}
    if len(limits) > 1:
        said = " and ".join(str(value) for value in limits.values())
        raise InputError(f"limit is {said}: these are not the same test images")
    notes = []
    limit = next(iter(limits.values()))
    if isinstance(limit, int | float) and not math.isnan(limit):
        notes.append(f"Both are of at most {int(limit)} images of each split, not of the task.")
    if answers is None:
        if len({groups.key(row, ("data", "test_images")) for row in (*a.rows, *b.rows)}) > 1:
            raise InputError("their test images differ, or are not known to be the same")
        return [
            *notes,
            "That the test images are the same follows from the data's fingerprint alone.",
        ]
    if not same_images(answers.values()):
        raise InputError("their runs were tested on different images: nothing can be paired")
    if any(one.test_sha256 is None for one in answers.values()):
        notes.append(
            "Some runs are of version 0.1.0, which kept no digest of the test images: that they are the "
            "same follows from their labels in order."
        )
    return notes


def test_size(side: Side) -> int:
    """How many test images its results say. Raises InputError where they do not."""
    images = side.rows[0].test_images
    if not isinstance(images, int | float) or not images >= 1:
        raise InputError(f"run {side.rows[0].run_id} does not say how many test images it saw")
    return int(images)


def same_images(answers: Iterable[Predictions]) -> bool:
    """Whether nothing speaks against it: one digest at most, and equal labels in order."""
    run_ids = list(answers)
    digests = {one.test_sha256 for one in run_ids} - {None}
    return len(digests) < 2 and all(
        np.array_equal(one.labels, run_ids[0].labels) for one in run_ids
    )
