"""The package of docs/extending.md, installed beside ict as it stands there, and one that is broken."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ict.scores import load_scores
from tests.outside_package import asked, documented, install

POINTS = "[ict.criteria]\nmean_abs = ict_mean_abs:MEAN_ABS\nbroken = ict_mean_abs:NOTHING\n"
POINTS += "l2 = ict_mean_abs:MEAN_ABS\n"


@pytest.fixture
def outside(tmp_path: Path) -> dict[str, str]:
    """The environment of a Python that has the documented package, put where pip puts one."""
    files = documented("ict_mean_abs")
    assert sorted(files) == ["ict_mean_abs.py", "ict_mean_abs_scores.py"]
    assert sum(content.count("\n") for content in files.values()) < 60
    return install(tmp_path / "site", "ict-mean-abs", files, POINTS)


def test_a_criterion_from_outside_scores_selects_and_trains(outside, store):
    code, scored = asked(
        outside,
        "score",
        "digits",
        "--criterion",
        "mean_abs",
        "--limit",
        "20",
        "--split",
        "train800",
    )
    assert code == 0, scored
    values = load_scores(Path(scored["path"])).site("attn")[0]
    assert values.shape == (12, 192)
    code, plain = asked(
        outside, "score", "digits", "--criterion", "l2", "--limit", "20", "--split", "train800"
    )
    assert code == 0, plain  # ours, though the package offers one of that name
    ours = load_scores(Path(plain["path"])).site("attn")[0]
    assert np.corrcoef(np.log(values[5]), np.log(ours[5]))[0, 1] > 0.8
    trained = ("train", "digits", "--limit", "20", "--set", "epochs=1", "--wait")
    for criterion in ("mean_abs", "lowest:mean_abs"):
        code, result = asked(outside, *trained, "--criterion", criterion)
        assert code == 0, result
    lists = [
        sorted(json.loads(path.read_text())["blocks"][5]["indices"])
        for path in sorted(store.runs_dir.glob("*/selection.json"))
    ]
    order = np.argsort(-values[5], kind="stable")
    assert sorted(order[:24].tolist()) in lists
    assert sorted(order[-24:].tolist()) in lists
    code, rows = asked(outside, "runs")
    assert {row["criterion"] for row in rows} == {"mean_abs", "lowest:mean_abs"}


def test_help_names_it_and_a_broken_one_is_one_sentence(outside):
    help_text = subprocess.run(
        [sys.executable, "-m", "ict", "score", "--help"],
        env=outside, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "mean_abs" in help_text
    code, answer = asked(outside, "score", "digits", "--criterion", "broken")
    assert code == 2
    assert answer["error"].startswith(
        "criterion 'broken' of package 'ict-mean-abs' cannot be used: AttributeError"
    )
    code, answer = asked(outside, "score", "digits", "--criterion", "mean_ab")
    assert code == 2
    assert "did you mean 'mean_abs'" in answer["error"]
