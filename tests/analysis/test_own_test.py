"""Own data is measured on its own test split, and is never called less than an official test set."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from ict.cli import main
from ict.store import Store
from ict.store.run_rows import RunRow
from tests.answered_runs import run_of

OFFICIAL = "not measured on the whole official test set"


def row(task: str | None, images: int | None = 412, *, official: bool | None = False) -> RunRow:
    return RunRow(task=task, test_images=images, official_data=official)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row("birds"), row("birds")], ["own test split, 412 images"]),
        ([row("birds", 12_000)], ["own test split, 12,000 images"]),
        ([row("birds", None)], ["own test split"]),
        ([row("birds", 20).having(limit=20)], ["20 images of its own test split"]),
        ([row("digits"), row("cifar")], [OFFICIAL]),
        ([row("cifar100")], [OFFICIAL]),  # another spelling of one of the 19
        ([row("digits", official=True), row("birds", official=None), row(None)], []),
        (
            [row("birds"), row("digits"), row("moths", 9)],
            [OFFICIAL, "birds: own test split, 412 images", "moths: own test split, 9 images"],
        ),
        ([row(f"task{i}") for i in range(5)], ["own test splits of 5 tasks"]),
    ],
)
def test_what_is_said_of_test_images(rows: list[RunRow], said: list[str]) -> None:
    from ict.analysis.own_test import test_notes
    from ict.figures.asked import of_runs

    assert test_notes(rows) == said
    assert of_runs(rows).endswith("; ".join(said) + "." if said else ".") or not rows
    assert (OFFICIAL in of_runs(rows)) == (OFFICIAL in said)


def test_tables_and_one_run_say_it(store: Store) -> None:
    labels = np.arange(30) % 3
    made = {}
    for task, seed in (("birds", 0), ("digits", 1)):
        made[task] = run_of(store, labels, labels, change={"task": task}, seed=seed)
        path = store.run(made[task]).path / "result.json"
        result = {**json.loads(path.read_text()), "official_data": False}
        path.write_text(json.dumps(result))

    def ict(*words: str) -> str:
        return CliRunner().invoke(main, list(words)).stdout

    lines = ict("runs").splitlines()
    assert lines[-2:] == [f"* {OFFICIAL}", "‡ own test split, 30 images"]
    marks = {task: next(line for line in lines if made[task] in line) for task in made}
    assert "1 ‡" in marks["birds"]
    assert "1 *" in marks["digits"]
    birds = ict("show", made["birds"])
    assert f"  {'test images':22} own test split, 30 images" in birds
    assert OFFICIAL not in birds
    assert OFFICIAL in ict("show", made["digits"])
