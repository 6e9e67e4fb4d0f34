"""`ict overlap`, `ict stability`, `ict energy` as a shell meets them."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ict.analysis.pairs import kept_rows
from ict.analysis.sources import open_source
from ict.analysis.tables import kept_energy_rows, kept_stability_rows
from ict.cli import main
from ict.documents.score_record import ScoreRecord
from ict.running import missing_scores as wanted
from ict.scores import ChannelScores, load_scores, to_bytes
from ict.store import Store
from tests.figure_store import add_scores


def ict(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == code, result.output + str(result.exception)
    return result.stdout if code == 0 or "--json" in words else result.output


def test_overlap_rows_have_the_contracts_names_and_are_kept(store, monkeypatch):
    ids = [add_scores(store, task) for task in ("digits", "count")]
    words = ("overlap", *ids, "--ratio", "0.125", "--permutations", "20", "--json")
    rows = json.loads(ict(*words))
    assert len(rows) == 12
    assert rows[0].keys() >= {
        "task_a", "task_b", "block", "k", "channels", "overlap", "jaccard", "kuncheva", "floor",
        "ceiling", "ratio_to_ceiling", "p_permutation",
    }  # fmt: skip
    assert (rows[3]["task_a"], rows[3]["task_b"], rows[3]["block"]) == ("digits", "count", 3)
    assert all(row["k"] == 24 and row["channels"] == 192 for row in rows)
    assert all(row["ratio_low"] <= row["ratio_to_ceiling"] <= row["ratio_high"] for row in rows)
    from ict.analysis import pairs

    monkeypatch.setattr(pairs, "_pair", None)  # a second call computes nothing
    assert json.loads(ict(*words)) == rows
    assert "p_permutation" in ict(*words[:-1])


def test_stability_and_energy_print_a_row_a_block(store):
    score = add_scores(store, "digits")
    rows = json.loads(ict("stability", score, "--resamples", "10", "--shuffles", "5", "--json"))
    assert [row["block"] for row in rows] == list(range(12))
    assert all(-0.2 <= row["low"] <= row["stability"] <= row["high"] for row in rows)
    split = json.loads(ict("energy", score, "--json"))
    for row in split:
        assert sum(row[p] for p in ("offset", "class", "image", "token")) == pytest.approx(1)
        assert row["shuffled"] > 0
    assert "participation_ratio" in ict("energy", score)


def test_what_0_1_0_kept_of_energy_is_corrected_when_it_is_read():
    """The example's rows are of that version: sprites_loc has 800 images of 16 classes."""
    store = Store(Path(__file__).parents[2] / "tests" / "example_0_1_0")
    (meta,) = (
        m for m in store.scores() if m["score_id"].startswith("sprites_loc-ict_tiny-class_l2")
    )
    kept = next(store.root.glob("analysis/energy-93cfca1c823d.json"))
    before = json.loads(kept.read_text())["result"]
    for row, old in zip(
        kept_energy_rows(ScoreRecord.of(meta), site="attn", store=store), before, strict=True
    ):
        assert row.class_ == pytest.approx(old["class"] - 15 / 784 * old["image"])
        assert row.offset + row.class_ + row.image + row.token == pytest.approx(1)


def forms(rows):
    return [row.to_dict() for row in rows]


def test_what_was_made_of_sums_outlives_them(store, tmp_path):
    """A copy without per-image sums still tells ceiling, stability and energy; other scores do not."""
    ids = [add_scores(store, task) for task in ("digits", "count")]
    rows = json.loads(ict("overlap", *ids, "--permutations", "0", "--json"))
    steady = json.loads(ict("stability", ids[0], "--json"))
    split = json.loads(ict("energy", ids[0], "--json"))
    copy = Store(shutil.copytree(store.root, tmp_path / "copy"))
    records = []
    for score_id in ids:
        path = copy.score_dir(score_id) / "scores.safetensors"
        bare = load_scores(path, kinds=("",))
        meta = {**bare.meta, "keep_images": False}
        path.write_bytes(to_bytes(ChannelScores(bare.arrays, meta)))
        records.append(load_scores(path).record)
    at = {"site": "attn", "store": copy}
    assert forms(kept_rows(records, ratio=0.125, **at)) == rows
    assert forms(kept_stability_rows(records[0], [24], **at)) == steady
    assert forms(kept_energy_rows(records[0], **at)) == split
    assert kept_rows(records[::-1], ratio=0.125, **at) is None
    assert kept_rows(records, ratio=0.25, **at) is None
    anew = [
        ScoreRecord.of({**record.said, "seconds": 1.5}) for record in records
    ]  # the same scores, computed another time
    assert kept_rows(anew, ratio=0.125, **at) is None
    assert kept_energy_rows(anew[0], **at) is None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("overlap", "digits"), "two tasks or more"),
        (("overlap", "digits", "digitz"), "did you mean 'digits'"),
        (("overlap", "digits", "digits"), "named twice"),
        (("overlap", "digits", "count", "--criterion", "taylor"), "cannot be recomputed"),
        (("overlap", "digits", "count", "--site", "atn"), "site"),
        (("overlap", "digits", "count", "--k", "3", "--ratio", "0.1"), "choose one"),
    ],
)
def test_overlap_refuses_before_anything_is_computed(words, sentence, store, monkeypatch):
    monkeypatch.setattr(wanted.subprocess, "run", None)
    assert sentence in json.loads(ict(*words, "--json", code=2))["error"]


def test_missing_scores_are_computed_by_a_child_that_keeps_images(store, monkeypatch):
    asked = []

    def child(command, **options):
        asked.append((command, options["env"]["ICT_STORE"]))
        path = store.score_dir(add_scores(store, command[4])) / "scores.safetensors"
        return subprocess.CompletedProcess(command, 0, json.dumps({"path": str(path)}), "")

    monkeypatch.setattr(wanted.subprocess, "run", child)
    ict("overlap", "digits", "count", "--permutations", "0", "--json")
    assert [command[1:5] for command, _ in asked] == [
        ["-m", "ict", "score", "digits"], ["-m", "ict", "score", "count"],
    ]  # fmt: skip
    assert all("--keep-images" in command for command, _ in asked)
    assert {root for _, root in asked} == {str(store.root)}


def test_a_failing_child_passes_its_sentence_on(store, monkeypatch):
    def child(command, **_):
        return subprocess.CompletedProcess(command, 1, '{"error": "no space left"}', "")

    monkeypatch.setattr(wanted.subprocess, "run", child)
    assert json.loads(ict("overlap", "digits", "count", "--json", code=1)) == {
        "error": "no space left"
    }


def test_sources_say_what_a_score_file_lacks(store, tmp_path):
    from ict.errors import InputError
    from ict.scores import ChannelScores, to_bytes

    path = tmp_path / "bare.safetensors"
    path.write_bytes(
        to_bytes(ChannelScores({"attn.0": np.ones((1, 4), np.float32)}, {"task": "t"}))
    )
    with pytest.raises(InputError, match="--keep-images"):
        open_source(path)
    add_scores(store, "digits")
    whole = Store(store.root).scores()[0]["path"]
    with pytest.raises(InputError, match="site 'mlp_branch'"):
        open_source(whole, site="mlp_branch")
