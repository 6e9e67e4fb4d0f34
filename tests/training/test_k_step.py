"""The rules that `bench.k_step` compares, by hand."""

import math

import pytest

from bench.k_step import BY_K, BY_RMS, CONSTANT, flattest, rates, table


def test_every_rule_is_the_recipes_rate_where_it_was_searched():
    found = rates({3: 10.0, 24: 40.0, 96: 80.0})
    assert {rule: by_k[24] for rule, by_k in found.items()} == pytest.approx(
        {CONSTANT: 0.02, BY_K: 0.02, BY_RMS: 0.02}
    )
    assert [found[rule][3] for rule in (CONSTANT, BY_K, BY_RMS)] == pytest.approx(
        [0.02, 0.16, 0.08]
    )
    assert [found[rule][96] for rule in (CONSTANT, BY_K, BY_RMS)] == pytest.approx(
        [0.02, 0.005, 0.01]
    )


def test_the_flattest_rule_has_the_smallest_mean_range_and_a_divergence_is_never_flat():
    losses = {"a": [[0.5, 0.9], [0.1, 0.2]], "b": [[0.5, 0.6], [0.1, 0.3]], "c": [[0.5, math.inf], [0.1, 0.1]]}  # fmt: skip
    assert flattest(losses) == "b"


def test_the_table_has_a_column_a_k_in_their_order():
    rows = [
        {"task": "digits", "rule": "constant", "k": k, "lr": 0.02, "val_loss": k / 100}
        for k in (24, 3, 96)
    ]
    lines = table(
        {"rows": rows, "range": {"constant": [0.93]}, "flattest": "constant"}
    ).splitlines()
    assert [lines[0].index(f"K = {k}") for k in (3, 24, 96)] == sorted(
        lines[0].index(f"K = {k}") for k in (3, 24, 96)
    )
    assert lines[1].split()[2::2][:3] == ["0.030", "0.240", "0.960"]
