"""Groups over seeds: what n is, what parts runs, and that nothing else does."""

import dataclasses
import itertools
import json
import math
from pathlib import Path

import pytest
from scipy import stats

from ict.analysis import benchmark, groups, summary
from ict.config import FIELDS, RunConfig
from ict.figures import accuracy_against_k, training_curves
from ict.methods.registry import REGISTRY
from ict.store import Store
from ict.store import run_result as result

EXAMPLE = Path(__file__).parents[2] / "tests" / "example_0_1_0"


def run(accuracy: float | None = 0.5, **fields: object) -> dict:
    """A row of the table: a resolved configuration, flat, and a result that differs in every number."""
    number = next(_numbers)
    config = {**RunConfig(task="digits", k=24).to_dict(), "selection_seed": None, **fields}
    measured = {
        name: number + 0.25 if "seconds" in name else number
        for name in result.ROW_FIELDS
        if name not in config
    }
    row = {**measured, **config, "run_id": f"r{number}", "status": "done"}
    return {**row, "test_accuracy": accuracy, "test_images": 200}


_numbers = itertools.count(1)


def test_the_example_store_has_five_groups_of_three_seeds_and_a_probe_that_reads_none():
    found = groups.over_seeds(Store(EXAMPLE).table())
    assert sorted((g.n, str(g.over)) for g in found) == [(1, "None"), *[(3, "seeds")] * 5]
    (probe,) = [g for g in found if g.setting["method"] == "linear"]
    assert len(probe.run_ids) == 3
    assert math.isnan(probe.interval.low)


def test_a_group_by_hand():
    rows = [run(a, seed=seed) for seed, a in ((1, 0.6), (2, 0.7), (3, 0.8))]
    rows.append({**run(None, seed=4), "status": "running"})
    rows.append(run(0.3, seed=1, k=16))
    first, second = groups.over_seeds(rows)
    assert (first.setting["k"], len(first.run_ids), first.done, first.seeds) == (
        24,
        4,
        3,
        (1, 2, 3, 4),
    )
    assert (first.n, first.over, first.best) == (3, "seeds", 0.8)
    assert first.interval.mean == pytest.approx(0.7)
    assert first.interval.sd == pytest.approx(0.1)  # sqrt((0.01 + 0 + 0.01) / 2)
    half = stats.t.ppf(0.975, 2) * 0.1 / math.sqrt(3)
    row = first.to_dict()
    assert (row["low"], row["high"]) == (pytest.approx(0.7 - half), pytest.approx(0.7 + half))
    seconds = [row["train_seconds"] for row in rows[:4]]
    assert first.means["train_seconds"] == pytest.approx(sum(seconds) / 4)
    assert (second.setting["k"], second.n, second.to_dict()["std"]) == (16, 1, None)
    assert groups.over_seeds([]) == []


def test_an_end_that_no_accuracy_passes_is_cut_and_the_other_stays():
    values = (0.8333, 0.8889, 1.0)
    (group,) = groups.over_seeds([run(a, seed=seed) for seed, a in enumerate(values)])
    half = stats.t.ppf(0.975, 2) * stats.tstd(values) / math.sqrt(3)
    row = group.to_dict()
    assert row["high"] == 1.0 < row["mean"] + half
    assert row["low"] == pytest.approx(row["mean"] - half)


@pytest.mark.parametrize("name", groups.SETTINGS)
def test_every_setting_parts_runs(name):
    rows = [run(seed=1), run(seed=2), run(seed=1, **{name: "other"})]
    assert [g.n for g in groups.over_seeds(rows)] == [2, 1]
    assert groups.telling(rows) == [name]
    assert len(set(groups.told_apart(rows, lambda _: "same"))) == 2


@pytest.mark.parametrize("name", [n for n in result.FIELDS if n not in FIELDS])
def test_no_result_parts_runs(name):
    rows = [{**run(seed=1), name: 0}, {**run(seed=2), name: 1}]
    assert len(groups.over_seeds(rows)) == 1
    assert groups.telling(rows) == []


def test_draws_are_averaged_within_a_seed_and_counted_only_alone():
    random = {"criterion": "random"}
    both = [run(a, seed=s, selection_seed=d, **random)
            for s, d, a in ((1, 0, 0.4), (1, 1, 0.6), (2, 0, 0.7), (2, 1, 0.9))]  # fmt: skip
    (group,) = groups.over_seeds(both)
    assert (group.n, group.over) == (2, "seeds")
    assert group.interval.sd == pytest.approx(stats.tstd([0.5, 0.8]))
    (group,) = groups.over_seeds(both[:2])
    assert (group.n, group.over) == (2, "draws")
    everything = [run(0.5, seed=1, selection_seed=d, k=192, **random) for d in range(5)]
    (group,) = groups.over_seeds(everything)  # all of 192 channels: there is nothing to draw
    assert (group.n, group.over) == (1, "seeds")


@pytest.mark.parametrize("method", [m.name for m in REGISTRY.values() if not m.draws])
@pytest.mark.parametrize("seeds", [(42, 44, 82), (None,), (42, None)])
def test_a_method_that_reads_no_seed_has_n_1(method, seeds):
    rows = [run(0.8, method=method, k=None, criterion=None, seed=seed) for seed in seeds]
    (group,) = groups.over_seeds(rows)
    assert (group.n, group.over, group.seeds) == (1, None, ())
    assert (group.to_dict()["low"], group.to_dict()["high"]) == (None, None)
    assert group.interval.mean == pytest.approx(0.8)


def test_an_imported_probe_may_have_read_its_seed():
    rows = [{**run(a, method="linear", seed=s), "source": "imported: a.csv"}
            for s, a in ((1, 0.5), (2, 0.6))]  # fmt: skip
    assert [g.n for g in groups.over_seeds(rows)] == [2]


def test_a_probe_pairs_with_every_seed_of_another_method():
    found = summary.paired_difference({1: 0.9, 2: 0.8}, {None: 0.5})
    assert (found.n, found.mean) == (2, pytest.approx(0.35))
    assert summary.paired_difference({None: 0.5}, {1: 0.9, 2: 0.8}).mean == pytest.approx(-0.35)
    assert summary.paired_difference({None: 0.5}, {None: 0.4}).n == 1


def test_a_series_never_mixes_settings():
    rows = [
        run(0.5, seed=1),
        run(0.6, seed=2),
        run(0.1, seed=1, limit=64),
        run(0.7, seed=1, k=48, lr=0.1),
    ]
    names = [row.series for row in summary.ratio_series(rows)]
    assert names == [
        "ict",
        "ict",
        "ict, limit 64",
        "ict",
    ]  # a rate that follows from K parts nothing


def test_a_trial_is_no_seed_of_a_benchmark_row():
    base = {"backbone": benchmark.BACKBONE, "official_data": True, "k": 96}
    rows = [run(0.8, task=t, seed=s, lr=0.01 * i, **base)
            for i, t in enumerate(benchmark.TASKS, 1) for s in (42, 44)]  # fmt: skip
    (own,) = benchmark.store_table(rows).to_dict("records")
    assert (own["method"], own["seeds"], own["mean_of_tasks"]) == (
        "ICT K=96",
        2,
        pytest.approx(80.0),
    )
    rows.append(run(0.2, task="cifar", seed=82, lr=0.01, epochs=1, **base))
    found = {row["method"]: row["cifar"] for row in benchmark.store_table(rows).to_dict("records")}
    assert found == {
        "ICT K=96, epochs 20": pytest.approx(80.0),
        "ICT K=96, epochs 1": pytest.approx(20.0),
    }


def test_a_benchmark_row_of_a_probe_has_no_interval():
    base = {"backbone": benchmark.BACKBONE, "method": "linear", "k": None, "criterion": None}
    rows = [run(0.5, task=t, seed=s, **base) for t in benchmark.TASKS for s in (42, 44)]
    (own,) = benchmark.store_table(rows).to_dict("records")
    assert (own["seeds"], own["tasks"]) == (1, 19)
    assert math.isnan(own["low"])


def test_figures_draw_no_interval_of_a_probe():
    rows = [run(a, seed=s) for s, a in ((1, 0.5), (2, 0.6), (3, 0.7))]
    rows += [run(0.4, seed=s, method="linear", k=None, criterion=None) for s in (1, 2, 3)]
    figure = accuracy_against_k(summary.ratio_series(rows))
    assert not [shape for shape in figure.layout.shapes if shape.type == "rect"]
    caption = figure.layout.meta["caption"] if isinstance(figure.layout.meta, dict) else str(figure)
    assert "linear reads no seed: n = 1, no interval" in caption
    assert "n = 3 seeds" in caption
    lines = [{"epoch": e, "val_accuracy": 0.5} for e in (1, 2, 3)]
    curves = training_curves(
        [{"label": "linear", "seed": None, "progress": lines}] * 3, "val_accuracy"
    )
    assert all(trace.fill != "toself" for trace in curves.data)


def test_numbers_are_the_same_setting_however_they_are_written():
    rows = [
        run(seed=1, lr=1),
        run(seed=2, lr=1.0),
        run(seed=3, lr="1"),
        run(seed=4, ratio=float("nan")),
    ]
    assert [g.n for g in groups.over_seeds([*rows[:2], {**rows[3], "lr": 1}])] == [3]
    assert len(groups.over_seeds(rows[:3])) == 2


def test_a_configuration_field_cannot_be_forgotten():
    names = {field.name for field in dataclasses.fields(RunConfig)}
    assert set(groups.SETTINGS) | set(groups.APART) == names
    assert set(groups.DERIVED) < set(groups.SETTINGS)
    shared = names & set(result.FIELDS)
    assert shared == {"epochs", "precision"}, "a name that is both a setting and a result"


def test_the_group_of_a_row_is_json():
    (group,) = groups.over_seeds([run(seed=1)])
    assert json.loads(json.dumps(group.to_dict()))["n"] == 1


def test_an_interval_of_accuracies_ends_at_0_and_1_and_is_never_of_no_width():
    rows = [
        {"method": "ict", "seed": seed, "test_accuracy": value, "test_images": 200}
        for seed, value in ((1, 0.99), (2, 1.0), (3, 0.9))
    ]
    (found,) = groups.over_seeds(rows)
    assert (found.interval.high, found.interval.low < 0.9) == (1.0, True)
    equal = [{**row, "test_accuracy": 0.5} for row in rows]
    (found,) = groups.over_seeds(equal)
    half = found.interval.high - 0.5
    assert half == pytest.approx(4.302653 * 0.5 / 200 / 3**0.5)
    assert found.interval.sd == 0


def test_values_that_are_no_accuracies_have_no_ends():
    rows = [{"method": "ict", "seed": seed, "loss": value} for seed, value in ((1, 0.0), (2, 9.0))]
    (found,) = groups.over_seeds(rows, value="loss")
    assert found.interval.low < 0
