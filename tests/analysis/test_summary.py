"""Intervals, groups over seeds, differences, the published table."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from ict.analysis import benchmark, summary
from ict.analysis.intervals import sampling_half_width, t_interval
from ict.errors import InputError


def run(seed, accuracy, **fields):
    row = {"run_id": f"r{seed}-{accuracy}", "status": "done", "seed": seed, "task": "digits"}
    return {
        **row,
        "method": "ict",
        "k": 24,
        "test_accuracy": accuracy,
        "test_images": 200,
        **fields,
    }


def test_t_interval_by_hand():
    found = t_interval([1.0, 2.0, 3.0])
    assert (found.mean, found.sd, found.n) == (2.0, 1.0, 3)
    assert found.high - found.mean == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)
    one = t_interval([0.5, None, float("nan")])
    assert one.n == 1
    assert np.isnan(one.low)


def test_sampling_error_of_small_test_sets_has_the_known_size():
    assert sampling_half_width(0.8, 711) == pytest.approx(0.029, abs=0.0007)
    assert sampling_half_width(0.8, 200) == pytest.approx(0.055, abs=0.001)


@dataclass
class Configured:
    """A run as far as its configuration goes."""

    config: dict[str, object]


def test_config_difference_names_only_what_differs():
    runs = [Configured({"lr": 1, "k": 24}), Configured({"lr": 2, "k": 24, "scale": 3})]
    found = summary.config_difference(runs)
    assert [(one.name, one.values) for one in found] == [("lr", (1, 2)), ("scale", (None, 3))]


def test_paired_difference_uses_common_seeds_only():
    found = summary.paired_difference({1: 0.9, 2: 0.8, 3: 0.7}, {1: 0.8, 2: 0.6, 9: 0.1})
    assert found.n == 2
    assert found.mean == pytest.approx(0.15)


def test_holm_by_hand():
    # sorted: 5 × 0.001, 4 × 0.02, 3 × 0.03, 2 × 0.04 (raised to the 0.09 before it), 1 × 0.5
    found = summary.holm([0.04, 0.001, 0.03, 0.5, 0.02])
    np.testing.assert_allclose(found, [0.09, 0.005, 0.09, 0.5, 0.08])
    np.testing.assert_allclose(summary.holm([0.6, 0.7]), [1.0, 1.0])  # a probability ends at 1


def test_across_tasks_with_a_real_difference_and_without():
    generator = np.random.default_rng(0)
    base = {f"t{i}": generator.normal(0.7, 0.1, 5) for i in range(12)}
    better = {t: v + 0.05 + generator.normal(0, 0.01, 5) for t, v in base.items()}
    found = summary.across_tasks(better, base, resamples=2000)
    assert found.low > 0
    assert found.difference == pytest.approx(0.05, abs=0.01)
    assert found.wins == 12
    expected = stats.wilcoxon([better[t].mean() - base[t].mean() for t in base]).pvalue
    assert found.p_wilcoxon == pytest.approx(expected)
    noise = {t: v + generator.normal(0, 0.01, 5) for t, v in base.items()}
    assert summary.across_tasks(noise, base, resamples=2000).low < 0
    few = {t: better[t] for t in list(better)[:5]}
    assert summary.across_tasks(few, base).p_wilcoxon is None
    with pytest.raises(InputError, match="no task in common"):
        summary.across_tasks({"a": [1.0]}, {"b": [1.0]})


def test_three_seeds_cannot_reach_significance_in_wilcoxons_test():
    assert stats.wilcoxon([1, 2, 3]).pvalue == 0.25
    assert stats.wilcoxon([1, 2, 3, 4, 5]).pvalue == 0.0625


def test_ratio_series_names_controls_and_leaves_level_methods_without_a_ratio():
    rows = [
        run(42, 0.8, backbone="ict_tiny", criterion="class_l2"),
        run(42, 0.7, backbone="ict_tiny", criterion="random"),
        run(42, 0.6, backbone="ict_tiny", method="linear", k=None, criterion=None),
    ]
    found = summary.ratio_series(rows)
    assert [(row.series, row.ratio) for row in found] == [
        ("ict", 0.125), ("random", 0.125), ("linear", None),
    ]  # fmt: skip


def test_published_table_has_the_papers_row_and_both_averages():
    table = benchmark.published_table().set_index("method")
    assert len(table) == 20
    assert round(table.loc["SCT", "mean_of_tasks"], 2) == 73.59
    assert round(table.loc["SCT", "mean_of_groups"], 2) == 76.00
    assert table.loc["Full fine-tuning", "parameters"] == 85_800_000
    better = (
        table.loc["SCT", list(benchmark.TASKS)]
        > table.loc["Full fine-tuning", list(benchmark.TASKS)]
    )
    assert better.sum() == 18
    assert list(better[~better].index) == ["dsprites_ori"]


def test_own_rows_have_no_average_until_every_task_has_run():
    rows = [
        run(
            s, 0.7 + 0.01 * i, task=t, backbone=benchmark.BACKBONE, k=96, adapter_parameters=111_744
        )
        for i, t in enumerate(benchmark.TASKS)
        for s in (42, 44)
    ]
    own = benchmark.store_table(rows).iloc[0]
    assert own["method"] == "ICT K=96"
    assert own["mean_of_tasks"] == pytest.approx(79.0)
    assert own["tasks"] == 19
    assert not own["official"]
    part = benchmark.store_table(rows[2:]).iloc[0]
    assert np.isnan(part["mean_of_tasks"])
    assert np.isnan(part["natural"])
    assert part["structured"] == pytest.approx(100 * np.mean([0.81 + 0.01 * i for i in range(8)]))
    assert own["source"] == "this store, not the official test set"
    assert len(benchmark.average_table(rows)) == 21
    assert len(benchmark.store_table([])) == 0


def test_imported_rows_and_unofficial_test_sets_are_marked_in_the_table():
    rows = [
        {
            "method": "SSF",
            "task": "cifar",
            "test_accuracy": 0.69,
            "status": "done",
            "source": "imported: a.csv",
        },
        run(42, 0.8, task="cifar", backbone=benchmark.BACKBONE, k=96, official_data=True),
    ]
    found = benchmark.store_table(rows).set_index("method")["source"].to_dict()
    assert found == {"SSF": "imported: a.csv", "ICT K=96": "this store"}
