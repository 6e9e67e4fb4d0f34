"""Bold is what differs from all others, a dagger what is equivalent to the highest."""

from ict.analysis.standings import Repeats, standings

A = {1: 0.900, 2: 0.902, 3: 0.901}
CLOSE = {1: 0.8995, 2: 0.9015, 3: 0.9005}
FAR = {1: 0.80, 2: 0.802, 3: 0.801}
WIDE = {1: 0.95, 2: 0.70, 3: 0.93}


def told(rows, images):
    return standings([Repeats(by_seed) for by_seed in rows], images)


def test_the_highest_is_best_only_against_all_others():
    assert told([FAR, A, {1: 0.7, 2: 0.702, 3: 0.701}], 10_000) == ["", "best", ""]
    assert told([FAR, A, WIDE], 10_000) == ["", "", ""]


def test_an_equivalent_row_carries_a_dagger_and_takes_the_bold_away():
    close = {seed: value - 0.0005 * (seed - 2) for seed, value in A.items()}
    assert told([close, FAR, {s: v + 1e-6 for s, v in A.items()}], 10_000)[0] == "equivalent"
    assert "best" not in told([close, FAR, A], 10_000)


def test_one_seed_and_one_row_tell_nothing():
    assert told([{1: 0.9}, {1: 0.1}], 1000) == ["", ""]
    assert told([A], 1000) == [""]
    assert told([], 1000) == []


def test_a_probe_without_seeds_is_told_apart():
    assert told([A, {None: 0.5}], 10_000) == ["best", ""]
    assert told([A, {}], 10_000) == ["", ""]
