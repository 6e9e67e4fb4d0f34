"""Scores and selections as files and tables, and what the package says of itself."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import ict
from ict.errors import InputError
from ict.scores import load_scores

ROOT = Path(__file__).parents[1]
TWO_STAGES = {
    "attn.0": np.array([[1, 2, 3], [6, 5, 4]], dtype=np.float32),
    "attn.1": np.array([[7, 9, 8, 0]], dtype=np.float32),
    "attn.1.per_class": np.arange(8, dtype=np.float32).reshape(1, 2, 4),
    "attn.0.per_class": np.arange(12, dtype=np.float32).reshape(2, 2, 3),
}
META = {"criterion": "class_l2", "task": "pets", "backbone": "tiny"}
SCORES = ict.ChannelScores(TWO_STAGES, META)


def test_scores_come_back_from_their_file(tmp_path):
    """0.1.0: `'ChannelScores' object has no attribute 'save'`."""
    file = SCORES.save(tmp_path / "scores.safetensors")
    again = ict.ChannelScores.load(file)
    assert again.meta == META
    assert all(np.array_equal(again.arrays[name], TWO_STAGES[name]) for name in TWO_STAGES)
    assert load_scores(file).sites == ("attn",)
    with pytest.raises(InputError, match="exists; choose another name, or overwrite=True"):
        SCORES.save(file)
    SCORES.save(file, overwrite=True)
    with pytest.raises(InputError, match="is a folder; give the name of a file"):
        SCORES.save(tmp_path)


def test_a_frame_has_a_row_a_channel():
    """0.1.0: `'ChannelScores' object has no attribute 'frame'`."""
    table = SCORES.frame()
    assert list(table.columns) == ["site", "stage", "block", "channel", "score"]
    assert table.score.tolist() == [1, 2, 3, 6, 5, 4, 7, 9, 8, 0]
    assert table.block.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert table.channel.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 3]
    by_class = SCORES.frame("per_class")
    assert len(by_class) == 20
    row = by_class[(by_class.block == 1) & (by_class["class"] == 1) & (by_class.channel == 2)]
    assert row.score.item() == TWO_STAGES["attn.0.per_class"][1, 1, 2]
    with pytest.raises(InputError, match=r"per_image of site 'attn' was not scored"):
        SCORES.frame("per_image")


def test_a_selection_comes_back_from_its_file(tmp_path):
    """0.1.0: `'Selection' object has no attribute 'save'`."""
    selection = ict.select(SCORES, k=2, blocks=[0, 2])
    file = selection.save(tmp_path / "chosen.safetensors")
    assert ict.Selection.load(file) == selection
    with pytest.raises(InputError, match="exists; choose another name"):
        selection.save(file)


def test_other_files_are_no_selections(tmp_path):
    file = SCORES.save(tmp_path / "scores.safetensors")
    with pytest.raises(InputError, match=r"not a readable selection \(site is missing"):
        ict.Selection.load(file)
    with pytest.raises(InputError, match=r"none: not a readable selection \(cannot be read"):
        ict.Selection.load(tmp_path / "none")
    wide = ict.Selection("attn", (ict.select(SCORES, k=1).blocks[0].__class__(0, 0, 3, (1, 7)),))
    with pytest.raises(InputError, match="has the channel 7 of 3, 0 to 2"):
        ict.Selection.load(wide.save(tmp_path / "wide"))


def test_the_package_says_its_version_and_that_it_is_typed():
    """0.1.0 had neither `ict.__version__` nor a marker: type checkers took every name for Any."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert ict.__version__ == project["project"]["version"]
    assert (ROOT / "ict" / "py.typed").exists()
    assert "py.typed" in project["tool"]["setuptools"]["package-data"]["*"]


def test_saving_and_tables_need_no_torch():
    script = (
        "import sys, numpy, ict\n"
        "scores = ict.ChannelScores({'attn.0': numpy.eye(3, dtype='f4')})\n"
        "assert 'pandas' not in sys.modules\n"
        "assert len(scores.frame()) == 9 and 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
