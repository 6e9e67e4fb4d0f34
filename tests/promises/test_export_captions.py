"""What an exported figure says of itself: its sources, what it leaves out, and n."""

import json

import pytest

from tests.figure_store import filled
from tests.promises.exported import exported, ict, sources


@pytest.mark.promise("A figure of one task's scores lists no run and no score of another task.")
@pytest.mark.parametrize("name", ["score-map", "block-profile", "energy", "stability", "made-of"])
def test_provenance_holds_what_is_drawn_and_nothing_else(name, store, tmp_path):
    study, out = filled(store), tmp_path / "f.json"
    scores = sources(store, ["count"])
    named = [*study.run_ids[:3], *scores]
    ict("figure", name, *named, "--task", "count", "--out", str(out))
    written = json.loads(out.read_text())
    assert written["score_ids"] == scores
    assert written["run_ids"] == []
    assert written["seeds"] == []


@pytest.mark.promise(
    "Runs that were asked for and are not drawn are named: in the caption, the provenance, on stderr."
)
@pytest.mark.parametrize("name", ["benchmark", "parameters"])
def test_a_figure_says_what_it_leaves_out(name, store, tmp_path):
    study, out = filled(store), tmp_path / "f.json"
    result = ict("figure", name, "--out", str(out))
    written = json.loads(out.read_text())
    done = set(study.run_ids[:-1])
    assert written["run_ids"] == []
    left = written.get("left_out", {})
    assert done <= {run_id for ids in left.values() for run_id in ids}
    assert "Left out" in written["caption"]
    assert f"{len(done)} (no VTAB-1K task)" in result.stderr


@pytest.mark.promise(
    "A figure that draws one of several score files, or finished runs only, says so."
)
@pytest.mark.parametrize("name", ["score-map", "k-ratio", "curves"])
def test_runs_beside_the_drawn_ones_are_said(name, store, tmp_path):
    study, out = filled(store), tmp_path / "f.json"
    named = [*sources(store, ["count"]), "study:k_ratio_digits"]
    named = named if name == "score-map" else named[1:]
    result = ict("figure", name, *named, "--out", str(out))
    written = json.loads(out.read_text())
    left = {one for ids in written.get("left_out", {}).values() for one in ids}
    unfinished = study.run_ids[-1]
    assert unfinished in left
    assert "Left out" in result.stderr
    assert not left & set(written["run_ids"])
    if name == "score-map":
        assert set(study.run_ids) <= left


@pytest.mark.promise("Captions name what is drawn: weights are those of channels, not of classes.")
def test_a_caption_of_weights_counts_channels(example):
    bundles = exported("inspect")
    captions = [one.caption_text for name, one in bundles.items() if "weights" in name]
    assert len(captions) == 2
    assert all("of 24 channels" in caption for caption in captions)
    assert not any("classes" in caption for caption in captions)


@pytest.mark.promise("Captions of causal figures tell on how many images they were measured.")
def test_captions_of_causal_figures_tell_n(example):
    bundles = exported("criteria")
    captions = {name: one.caption_text for name, one in bundles.items()}
    for name in ("causal-deletion", "causal-insertion", "score-effect", "effect-by-block"):
        assert "n = 200 images" in captions[name], captions[name]


@pytest.mark.promise("Published numbers are drawn with their source.")
@pytest.mark.parametrize("name", ["benchmark", "parameters"])
def test_published_numbers_name_their_source(name, store, tmp_path):
    out = tmp_path / "f.json"
    ict("figure", name, "--out", str(out))
    assert "V-PETL Bench" in json.loads(out.read_text())["caption"]
