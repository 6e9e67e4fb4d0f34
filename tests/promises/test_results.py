"""A run's result is a type: settings part runs, results never do, and n is what was repeated."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

import ict
from ict.analysis import benchmark, summary
from ict.cli import main
from ict.figures import accuracy_against_k
from ict.store import Store

promise = pytest.mark.promise
ROOT = Path(ict.__file__).resolve().parents[1]
SEEDS = (42, 44, 82)


def as_dict(row: Any) -> dict[str, Any]:
    """Rows were mappings in version 0.1.0."""
    return row if isinstance(row, dict) else vars(row)


def run_ict(*words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def documents(*words: str) -> Any:
    return json.loads(run_ict(*words, "--json").stdout)


@pytest.fixture
def example(store: Store) -> Store:
    """The store of real runs that comes with the program: 18 of version 0.1.0."""
    unread = shutil.ignore_patterns("index.json")  # a cache of the files as they were
    shutil.copytree(ROOT / "tests" / "example_0_1_0", store.root, ignore=unread)
    return store


def rewrite(store: Store, change: Any) -> None:
    """Applies `change(number, result)` to the result of each run."""
    for number, path in enumerate(sorted(store.runs_dir.glob("*/result.json"))):
        result = json.loads(path.read_text())
        change(number, result)
        path.write_text(json.dumps(result))


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`page("curves")`: the dataframes of a page on `$ICT_STORE`."""
    streamlit = pytest.importorskip("streamlit")
    from streamlit.testing.v1 import AppTest

    monkeypatch.syspath_prepend(str(ROOT / "app"))
    monkeypatch.syspath_prepend(str(ROOT))

    def show(name: str, **query: str) -> list[pd.DataFrame]:
        streamlit.cache_data.clear()
        streamlit.cache_resource.clear()
        for readers in ("ict_app.readers", "ict_app.common.readers"):  # of 0.1.0, and now
            if readers in sys.modules:
                sys.modules[readers].forget_rows()
        app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=120)
        app.switch_page(str(ROOT / "pages" / f"{name}.py"))
        for field, value in query.items():
            app.query_params[field] = value
        app.run()
        assert not app.exception, app.exception
        return [frame.value for frame in app.dataframe]

    return show


def table_with_means(page: str) -> list[dict[str, str]]:
    """The rows of the table of a report that has a column `mean`."""
    for text in re.findall(r"<table.*?</table>", page, re.DOTALL):
        rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
                for row in re.findall(r"<tr.*?</tr>", text, re.DOTALL)]  # fmt: skip
        if "mean" in rows[0]:
            return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    raise AssertionError("no table of means in the report")


def means_of_curves(page: Any) -> pd.DataFrame:
    return next(frame for frame in page("curves") if "interval" in frame)


@promise("Curves > Means over seeds shows a setting once, with its three seeds as n = 3")
def test_curves_groups_over_seeds(example, page):
    found = means_of_curves(page)
    assert sorted(found["n"]) == [1, 3, 3, 3, 3, 3]  # the probe, which reads no seed, is the one


@promise("What a newer version adds to results parts no group")
def test_a_new_result_parts_no_group(example, page):
    rewrite(
        example, lambda number, result: result.update(spread=number / 100, kept="ab"[number % 2])
    )
    assert len(means_of_curves(page)) == 6
    assert len(documents("runs", "--group")) == 6


@promise("`ict runs --group`, Curves, Ablation and the report tell the same means and the same n")
def test_one_grouping(example, page):
    grouped = {round(100 * row["mean"], 3): row.get("n", row["runs"])
               for row in documents("runs", "--group")}  # fmt: skip
    curves = means_of_curves(page)
    ablation = next(frame for frame in page("ablation", study="all") if "interval" in frame)
    run_ict("report", "example", "--out", str(example.root / "r.html"))
    report = table_with_means((example.root / "r.html").read_text())
    assert {round(m, 3): n for m, n in zip(curves["mean"], curves["n"], strict=True)} == grouped
    told = {round(m, 3): n for m, n in zip(ablation["mean"], ablation["n"], strict=True)}
    assert told.items() <= grouped.items()
    assert len(told) >= 5
    digits = {round(mean, 2): n for mean, n in grouped.items()}
    assert {round(float(row["mean"]), 2): int(row["n"]) for row in report} == digits


@promise("A converged linear probe counts n = 1 and has no interval over seeds")
def test_a_probe_reads_no_seed(example):
    rows = documents("runs", "--group", "--method", "linear")
    assert [(row.get("n", row["done"]), row["low"], row["high"]) for row in rows] == [
        (1, None, None)
    ]
    figure = accuracy_against_k(summary.ratio_series(example.table()))
    assert not [shape for shape in figure.layout.shapes if shape.type == "rect"]


@promise("Linear probes that are asked for with other seeds are one run, whose seed is null")
def test_a_new_probe_has_no_seed():
    asked = [documents("train", "digits", "--method", "linear", "--seed", seed, "--dry-run")["config"]
             for seed in ("42", "44")]  # fmt: skip
    assert asked[0] == asked[1]
    assert asked[0]["seed"] is None


@promise("Draws of all channels are one run: there is nothing to draw")
def test_all_channels_are_drawn_once():
    words = ("train", "digits", "--set", "criterion=random", "--ratio", "1", "--dry-run")
    asked = [documents(*words, "--set", f"selection_seed={draw}")["config"] for draw in (1, 2)]
    assert asked[0] == asked[1]


@promise("A study's plan says which of its combinations are one run, and why")
def test_a_plan_says_what_is_one_run(store, tmp_path):
    study = tmp_path / "probes.toml"
    study.write_text('[base]\ntask = "digits"\nmethod = "linear"\n[grid]\nseed = [42, 44, 82]\n')
    assert documents("study", "plan", str(study))["runs"] == 1
    text = run_ict("study", "plan", str(study)).stdout
    assert "3 combinations are 1 run" in text
    assert "seed" in text


@promise("Configurations of 0.1.0 keep the ids of their folders, probes with a seed included")
def test_old_folders_keep_their_ids(example):
    from ict.config import RunConfig, run_id

    for run in example.runs():
        assert run_id(RunConfig.from_dict(run.config)) == run.id


@promise("Results have the same keys whatever the method, and what was not measured is null")
def test_results_have_one_shape(example):
    shapes = {frozenset(documents("show", run.id)["result"]) for run in example.runs()}
    assert len(shapes) == 1


@promise("A result that cannot be is left out of the means, and the other runs are told")
@pytest.mark.parametrize(
    "odd", [{"test_accuracy": "high"}, {"train_seconds": float("inf")}, {"test_accuracy": 7},
            {"peak_memory_bytes": "2 GB"}, {"test_accuracy": [[]]}], ids=str,
)  # fmt: skip
def test_an_odd_result_is_no_number(example, odd):
    rewrite(example, lambda number, result: result.update(odd if number == 0 else {}))
    rows = documents("runs", "--group")
    assert sorted(row.get("n", row["done"]) for row in rows) == [1, 2, 3, 3, 3, 3]
    assert all(row["best"] is None or 0 <= row["best"] <= 1 for row in rows)
    assert all(row["train_seconds"] < 1e9 for row in rows)


@promise("A trial on fewer images or epochs is no seed of a row of Benchmark")
def test_a_trial_is_no_seed():
    row = {"status": "done", "task": "cifar", "method": "ict", "k": 96, "official_data": True,
           "backbone": benchmark.BACKBONE, "criterion": "class_l2"}  # fmt: skip
    whole = [{**row, "run_id": f"a{seed}", "seed": seed, "epochs": 100, "test_accuracy": 0.8}
             for seed in SEEDS]  # fmt: skip
    trial = {**row, "run_id": "b", "seed": 42, "epochs": 1, "test_accuracy": 0.1}
    found = benchmark.store_table([*whole, trial])
    assert sorted(found["cifar"].round(6)) == [10.0, 80.0]


@promise("A point of Ablation is the mean of one setting: other epochs are another series")
def test_a_point_is_one_setting(example):
    for path in sorted(example.runs_dir.glob("*ict-k6-*/config.json"))[:1]:
        record = json.loads(path.read_text())
        record["config"]["epochs"] = 3
        path.write_text(json.dumps(record))
    rows = [as_dict(row) for row in summary.ratio_series(example.table())]
    assert len({row["series"] for row in rows if row["k"] == 6}) == 2
