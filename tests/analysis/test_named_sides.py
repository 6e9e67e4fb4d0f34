"""Sides that a store offers are spelled so that `ict compare` finds the same runs."""

import numpy as np
import pytest

from ict.analysis import groups
from ict.analysis.named_sides import draws_beside, first_pair, is_declared, offered, pair_words
from ict.analysis.sides import find_side, one_setting
from ict.store.run_rows import run_rows
from tests.answered_runs import run_of
from tests.app import fixture_store

LABELS = np.arange(20) % 10


def test_every_side_is_found_by_its_name_and_of_one_setting(store):
    fixture_store.add_study(store)
    for seed in (42, 44):
        run_of(store, LABELS, LABELS, seed=seed, method="bitfit")
        run_of(store, LABELS, LABELS, seed=seed, method="ict", ratio=0.25, task="count")
    sides = offered(store)
    assert len(sides) > 8
    for one in sides:
        side = find_side(one.name, store)
        one_setting(side)
        assert (len(side.rows), frozenset(side.tasks)) == (one.runs, one.tasks), one.name
    rows = [
        row
        for one in sides
        if one.name.startswith("study:")
        for row in find_side(one.name, store).rows
    ]
    assert len({groups.key(row) for row in rows}) == len(
        [one for one in sides if one.name.startswith("study:")]
    )


def test_the_first_pair_is_the_declared_contrast(store):
    assert first_pair(store) is None
    fixture_store.add_study(store)
    pair = ("study:k_ratio/grid,ratio=0.125", "study:k_ratio/random-K,ratio=0.125")
    assert first_pair(store) == pair
    assert is_declared(store, *pair).name == "k_ratio"
    assert is_declared(store, *pair[::-1]) is None
    fixture_store.add_answered_study(store, "second")
    assert first_pair(store) == ("study:second/grid", "study:second/random-K")  # of one K/D
    for filters in ("", ",ratio=0.125"):
        pair_ = [f"{name}{filters}" for name in first_pair(store)]
        assert is_declared(store, *pair_).name == "second"
    assert is_declared(store, "study:k_ratio/grid", pair[1]) is None
    assert first_pair(store, "k_ratio") == pair


def test_without_a_study_two_groups_are_taken(store):
    for method in ("bitfit", "linear"):
        run_of(store, LABELS, LABELS, seed=42, method=method)
    assert {name.split(",")[0] for name in first_pair(store)} == {"method=bitfit", "method=linear"}


def test_draws_of_random_channels_beside_a_run_are_one_side(store):
    run = fixture_store.add_done(store)
    draws = {
        fixture_store.add_done(store, criterion="random", selection_seed=draw).id
        for draw in range(3)
    }
    fixture_store.add_done(store, criterion="random", selection_seed=0, seed=44)  # another seed
    fixture_store.add_done(store, criterion="random", selection_seed=0, k=(12,))  # another K
    fixture_store.add_queued(store, criterion="random", selection_seed=9)
    rows = run_rows(store)
    own = next(row for row in rows if row.run_id == run.id)
    name = draws_beside(own, rows)
    assert {row.run_id for row in find_side(name, store).rows} == draws
    assert draws_beside(next(row for row in rows if row.run_id in draws), rows) is None
    assert draws_beside(own, [own]) is None
    fixture_store.add_done(store, criterion="random", selection_seed=0, lr=0.5)
    assert draws_beside(own, run_rows(store)) is None  # draws of several settings


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ("study:x/grid,ratio=0.125", "study:x/random-K,ratio=0.125", "grid − random-K at K/D = 0.125"),
        ("study:x/grid,ratio=0.5", "study:x/linear", "grid (K/D = 0.5) − linear"),
        ("study:x/grid", "study:y/grid", "study:x/grid − study:y/grid"),
        ("method=ict,k=24", "method=linear", "method = ict, k = 24 − method = linear"),
        (
            "study:x/grid,ratio=0.5",
            "criterion=random",
            "study:x/grid (K/D = 0.5) − criterion = random",
        ),
        ("digits-1", "digits-2", "digits-1 − digits-2"),
    ],
)  # fmt: skip
def test_names_as_a_sentence_says_them(a, b, words):
    assert pair_words(a, b) == words
