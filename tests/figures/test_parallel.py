"""Parallel coordinates: every run a line through its values, words readable, what is missing said."""

import pytest

from ict.errors import InputError
from ict.figures.asked import Choice, Request
from ict.figures.from_store import request_bundle
from ict.figures.parallel import axis_of, parallel_runs
from ict.store import Store
from ict.store.run_rows import RunRow
from tests import figure_store


def row(run_id: str, **columns: object) -> RunRow:
    return RunRow.of({"run_id": run_id, "status": "done", **columns})


def test_quantities_stand_by_size_far_ends_by_logarithm_and_missing_ones_below():
    assert axis_of("epochs", "epochs", [10, 20, 15]).places == pytest.approx([0, 1, 0.5])
    rates = axis_of("lr", "lr", [0.001, 0.1, 0.01])
    assert rates.places == pytest.approx([0, 1, 0.5])
    assert rates.ticks == [(0.0, "0.001"), (0.5, "0.01"), (1.0, "0.1")]
    missing = axis_of("k", "K", [24, None, 48])
    assert missing.places[1] == 0 < missing.places[0] < missing.places[2] == 1
    assert missing.ticks[0] == (0.0, "none")


def test_names_and_seeds_have_a_tick_each_in_their_order():
    seeds = axis_of("seed", "seed", [100, 42, None, 82])
    assert [word for _, word in seeds.ticks] == ["none", "42", "82", "100"]
    assert seeds.places == pytest.approx([1, 1 / 3, 0, 2 / 3])
    assert axis_of("task", "task", ["digits"] * 2).places == [0.5, 0.5]


def test_a_line_goes_through_the_values_of_its_run_and_the_highest_is_on_top():
    rows = [
        row("a", task="x", k=8, test_accuracy=0.5), row("b", task="y", k=24, test_accuracy=0.9),
        row("c", task="y", k=24),
    ]  # fmt: skip
    figure = parallel_runs(rows, ["task", "k"], names={"b": "the best"})
    assert [list(line.y) for line in figure.data] == [[0, 0, 0], [1, 1, 1]]
    assert figure.data[-1].hovertemplate.startswith("the best<br>test accuracy (%): 90")
    assert "n = 2 runs" in figure.layout.meta["caption"]


def test_a_command_draws_it_and_refuses_what_is_no_field_or_outcome(tmp_path):
    store = Store(tmp_path / "store")
    figure_store.filled(store)
    found = request_bundle(Request("parallel", [], Choice(task="digits")), store)
    assert list(found.table.columns) == [
        "run",
        "run_id",
        "method",
        "criterion",
        "k",
        "seed",
        "test_accuracy",
    ]
    assert found.table["run"].is_unique
    assert found.provenance["left_out"]["no test accuracy"]
    with pytest.raises(InputError, match=r"no field 'sede' of runs; did you mean 'seed'"):
        request_bundle(Request("parallel", [], Choice(fields="k,sede")), store)
    with pytest.raises(InputError, match="metric 'lr': choose one of test_accuracy"):
        request_bundle(Request("parallel", [], Choice(metric="lr")), store)
