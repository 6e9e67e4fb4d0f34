"""`ict figure` and `ict report` as a shell meets them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ict.analysis.summary import ratio_series
from ict.cli import main
from ict.scores import ChannelScores, load_scores, to_bytes
from ict.store.run_rows import run_rows
from tests.figure_store import add_scores, filled


def ict(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == code, result.output + str(result.exception)
    return result.stdout if code == 0 or "--json" in words else result.output


def test_k_ratio_table_equals_the_stores_numbers(store, tmp_path):
    filled(store)
    out = tmp_path / "fig.csv"
    ict("figure", "k-ratio", "--from", "study:k_ratio_digits", "--out", str(out))
    rows = [line.split(",") for line in out.read_text().splitlines()]
    assert rows[0] == ["series", "ratio", "k", "mean", "low", "high", "n"]
    mine = [
        row.accuracy
        for row in ratio_series(run_rows(store))
        if row.ratio == 0.125 and row.series == "ict"
    ]
    found = next(row for row in rows if row[:2] == ["ict", "0.125"])
    assert float(found[3]) == pytest.approx(100 * np.mean(mine), rel=1e-12)
    assert found[6] == "3"


def test_an_agreement_of_criteria_leaves_out_what_ranks_no_channels(store, tmp_path):
    first = add_scores(store, "digits")
    ids = [first]
    for criterion in ("l2", "adapter_gradient"):
        scores = load_scores(store.score_file(first))
        meta = {**scores.meta, "criterion": criterion, "score_id": f"{criterion}-0123456789ab"}
        folder = store.score_dir(meta["score_id"])
        folder.mkdir()
        (folder / "scores.safetensors").write_bytes(to_bytes(ChannelScores(scores.arrays, meta)))
        (folder / "meta.json").write_text(json.dumps(meta))
        ids.append(meta["score_id"])
    out = tmp_path / "fig.csv"
    words = ("figure", "agreement", "--from", ids[0], "--from", ids[2], "--from", ids[1])
    answer = CliRunner().invoke(main, [*words, "--out", str(out)])
    assert answer.exit_code == 0, answer.output
    assert out.read_text().splitlines()[0] == "criterion,class_l2,l2"
    assert "its criterion ranks no channels" in answer.stderr
    refused = ict(*words[:6], "--out", str(tmp_path / "other.csv"), code=2)
    assert "two score files of different criteria are needed" in refused


def test_a_copied_store_gives_the_same_figure(store, tmp_path, monkeypatch):
    filled(store)
    for name in ("one.html", "one.csv", "one.tex"):
        ict("figure", "k-ratio", "--from", "study:k_ratio_digits", "--out", str(tmp_path / name))
    shutil.copytree(store.root, tmp_path / "elsewhere" / "store")
    shutil.rmtree(store.root)
    monkeypatch.setenv("ICT_STORE", str(tmp_path / "elsewhere" / "store"))
    for name in ("two.html", "two.csv", "two.tex"):
        ict("figure", "k-ratio", "--from", "study:k_ratio_digits", "--out", str(tmp_path / name))
    for kind in ("csv", "tex"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
    plots = [
        re.search(
            r"Plotly\.newPlot\(\s*\"[^\"]+\",(.*)\)", (tmp_path / f"{n}.html").read_text(), re.S
        )[1]
        for n in ("one", "two")
    ]
    assert plots[0][:5000] == plots[1][:5000]


@pytest.mark.parametrize("name", ["curves", "k-ratio", "score-map", "block-profile", "benchmark"])
def test_every_figure_of_a_study_is_drawn_with_its_provenance(name, store, tmp_path):
    study = filled(store)
    out = tmp_path / "f.json"
    said = json.loads(
        ict("figure", name, "--from", "study:k_ratio_digits", "--out", str(out), "--json")
    )
    written = json.loads(out.read_text())
    assert said["path"] == str(out)
    done = len(study.run_ids) - 1  # a converged probe, one of them, has no epochs
    drawn = {"score-map": 1, "block-profile": 1, "benchmark": 0, "curves": done - 1}.get(name, done)
    assert len(written["run_ids"]) == drawn
    assert set(written["run_ids"]) <= set(study.run_ids[:-1])
    assert written["run_versions"] == ({"torch": "2.15.0"} if drawn else {})
    assert written["command"].startswith("ict figure ")
    assert written["caption"]


@pytest.mark.parametrize(
    "name", ["overlap", "overlap-lines", "dendrogram", "energy", "stability", "made-of"]
)
def test_every_figure_of_scores_is_drawn(name, store, tmp_path):
    ids = [add_scores(store, task) for task in ("digits", "count")]
    out = tmp_path / "f.csv"
    ict("figure", name, "--from", ids[0], ids[1], "--out", str(out))
    assert len(out.read_text().splitlines()) >= 2


def test_all_formats_go_into_a_folder_or_a_zip(store, tmp_path):
    filled(store)
    said = json.loads(
        ict(
            "figure",
            "curves",
            "--from",
            "study:k_ratio_digits",
            "--out",
            str(tmp_path / "a.zip"),
            "--json",
        )
    )
    assert said["paths"] == [str(tmp_path / "a.zip")]
    assert (tmp_path / "a.zip").read_bytes()[:2] == b"PK"


def test_a_users_file_is_not_overwritten_unless_asked(store, tmp_path):
    filled(store)
    out = tmp_path / "mine.csv"
    out.write_text("precious")
    words = ("figure", "k-ratio", "--from", "study:k_ratio_digits", "--out", str(out))
    assert "overwrite it with --force" in ict(*words, code=2)
    assert out.read_text() == "precious"
    ict(*words, "--force")
    assert out.read_text().startswith("series")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("kratio", "--out", "x.csv"), "did you mean 'k-ratio'"),
        (("k-ratio", "--out", "x.eps"), "the ending says the format"),
        (("k-ratio", "--from", "study:nope", "--out", "x.csv"), "no study 'nope'"),
        (("k-ratio", "--from", "nope", "--out", "x.csv"), "no run 'nope'"),
        (("k-ratio", "--out", "x.csv"), "no finished run"),
        (("score-map", "--out", "x.csv"), "no scores behind these sources"),
        (("curves", "--out", "x.csv"), "no epoch has been run"),
        (("curves", "--out", "x.csv", "--style", "ikml"), "did you mean 'icml'"),
    ],
)
def test_errors_are_one_sentence(words, sentence, store):
    document = json.loads(ict("figure", *words, "--json", code=2))
    assert sentence in document["error"]
    assert "\n" not in document["error"]


def test_report_is_one_page_without_a_server(store, tmp_path):
    study = filled(store)
    out = tmp_path / "report.html"
    ict("report", "k_ratio_digits", "--out", str(out))
    page = out.read_text()
    assert not re.search(r"<(?:script|link|img)[^>]{0,200}(?:src|href)=", page)
    for words in ("Accuracy on digits against K/D", "12 done", "Accuracy against K", "Training",
                  "Scores", "Results", "Answer", "Differences", "Provenance"):  # fmt: skip
        assert words in page
    assert all(run_id in page for run_id in study.run_ids[:-1])
    own = [row.accuracy for row in ratio_series(run_rows(store)) if row.ratio == 0.25]
    assert f"{100 * np.mean(own):.4g}" in page
    assert "is there already" in ict("report", "k_ratio_digits", "--out", str(out), code=2)


def test_reading_and_drawing_import_neither_torch_nor_streamlit():
    code = (
        "import sys, ict.analysis.pairs, ict.analysis.benchmark, ict.figures, ict.figures.export, "
        "ict.figures.report, ict.cli.analysis, ict.cli.figure; "
        "bad = {'torch', 'timm', 'streamlit', 'matplotlib'} & set(sys.modules); print(bad); "
        "sys.exit(bool(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert Path(sys.executable).exists()
