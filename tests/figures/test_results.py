"""`ict figure results`: the methods on one task, of one's own data too, as arithmetic gives them."""

import csv
import io
import json
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ict.cli import main
from ict.store import Store
from tests.answered_runs import run_of, wrong_at

LABELS = np.arange(200) % 4
T_975_OF_2 = 4.302652729911275  # Student's t, 2 degrees of freedom


def draw(out: Path, *words: str, name: str = "results") -> Result:
    return CliRunner().invoke(main, ["figure", name, *words, "--out", str(out), "--force"])


def table(out: Path, *words: str) -> list[dict[str, str]]:
    said = draw(out, *words)
    assert said.exit_code == 0, said.output
    return list(csv.DictReader(io.StringIO(out.read_text())))


def own(store: Store, share: float, seed: int, *, task: str = "birds", **asked: Any) -> float:
    """A finished run on data of one's own; gives its accuracy in percent."""
    answers = wrong_at(LABELS, np.random.default_rng([seed, round(100 * share)]), share)
    change = {"task": task} if asked else {"task": task, "score_task": task}
    run = store.run(run_of(store, answers, LABELS, change=change, seed=seed, **asked))
    path = run.path / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "official_data": False}))
    return 100 * float((answers == LABELS).mean())


@pytest.fixture
def measured(store: Store) -> dict[str, list[float]]:
    made = {"ict": [own(store, 0.1, seed) for seed in (1, 2, 3)]}
    made["lora"] = [own(store, 0.3, seed, method="lora") for seed in (1, 2, 3)]
    made["linear"] = [own(store, 0.5, 0, method="linear", epochs=None, warmup_epochs=None)]
    own(store, 0.2, 7, task="moths")
    return made


def test_the_table_is_of_one_task_and_its_means(
    measured: dict[str, list[float]], tmp_path: Path
) -> None:
    rows = table(tmp_path / "t.csv", "--task", "birds")
    assert list(rows[0]) == ["method", "source", "mean", "low", "high", "n", "parameters"]
    assert [row["method"] for row in rows] == ["ict", "lora", "linear"]  # the highest first
    for row in rows:
        values = measured[row["method"]]
        assert float(row["mean"]) == pytest.approx(fmean(values))
        assert row["n"] == str(len(values))
        if len(values) == 3:
            half = T_975_OF_2 * stdev(values) / 3**0.5
            assert float(row["high"]) == pytest.approx(min(100, fmean(values) + half))
            assert float(row["low"]) == pytest.approx(fmean(values) - half)
        else:
            assert row["low"] == row["high"] == ""


def test_the_caption_names_the_own_test_split(
    measured: dict[str, list[float]], tmp_path: Path
) -> None:
    said = draw(tmp_path / "t.html", "--task=birds")
    assert said.exit_code == 0, said.output
    assert "Accuracy (%) of 3 methods on birds; blue: 3 runs of this store." in said.output
    assert "own test split, 200 images." in said.output
    assert "Mean of n = 1 to 3 seeds with its 95 % t interval" in said.output
    assert "VTAB" not in said.output
    page = (tmp_path / "t.html").read_text()
    assert "test accuracy on birds" in page
    assert draw(tmp_path / "t.tex", "--task=birds").exit_code == 0
    assert "lora" in (tmp_path / "t.tex").read_text()


def test_several_tasks_ask_for_one(measured: dict[str, list[float]], tmp_path: Path) -> None:
    out = tmp_path / "t.csv"
    assert "runs on birds, moths: choose one with --task" in draw(out).output
    assert "no finished run on bird in" in draw(out, "--task", "bird").output
    said = draw(out, "--task", "birds", name="benchmark").output
    assert "'birds' is no task of VTAB-1K: `ict figure results --task=birds`" in said


def test_published_numbers_stand_beside_a_vtab_task_alone(store: Store, tmp_path: Path) -> None:
    mean = own(store, 0.1, 1, task="cifar")
    rows = table(tmp_path / "t.csv", "--task", "cifar")
    assert {row["source"] for row in rows} == {"this store", "published"}
    assert len(rows) == 21
    assert float(rows[0]["mean"]) == pytest.approx(mean)
    assert len(table(tmp_path / "t.csv", "--task", "cifar", "--no-published")) == 1


def test_imported_numbers_are_rows_of_their_own(store: Store, tmp_path: Path) -> None:
    own(store, 0.1, 1, task="digits")
    file = tmp_path / "theirs.csv"
    file.write_text(
        "task,method,seed,test_accuracy\ndigits,theirs,1,0.905\ndigits,theirs,2,0.915\n"
    )
    said = CliRunner().invoke(main, ["import", str(file)])
    assert said.exit_code == 0, said.output
    rows = {row["method"]: row for row in table(tmp_path / "t.csv", "--task", "digits")}
    theirs = next(row for name, row in rows.items() if "theirs" in name)
    assert float(theirs["mean"]) == pytest.approx(91)
    assert theirs["source"].startswith("imported: theirs")
    assert theirs["n"] == "2"
    assert len(rows) == 2
