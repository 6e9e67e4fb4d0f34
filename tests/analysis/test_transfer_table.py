"""`transfer_table` against intervals worked out by hand."""

import math

import pytest

from ict.analysis.transfer import transfer_table, without_partner

OWN = {42: 0.90, 44: 0.91, 82: 0.92, 100: 0.93}


def run(seed: int, accuracy: float, *, source: str | None = "b", **fields: object) -> dict:
    """A finished run on task b, its channels from `source`."""
    row = {"status": "done", "method": "ict", "task": "b", "criterion": "class_l2", "k": 24}
    row |= {"backbone": "ict_tiny", "lr": 0.005, "seed": seed, "test_accuracy": accuracy}
    row |= {"score_task": source, "run_id": f"{source}-{seed}-{accuracy}"}
    return {**row, **fields}


def own() -> list[dict]:
    return [run(seed, accuracy) for seed, accuracy in OWN.items()]


def of(losses: list[float], **fields: object) -> list[dict]:
    """Runs that lose so many points against the own selection, seed by seed."""
    pairs = zip(OWN.items(), losses, strict=False)
    return [run(seed, best - loss / 100, **fields) for (seed, best), loss in pairs]  # type: ignore[arg-type]


def test_the_interval_is_the_paired_one_worked_out_by_hand():
    # differences −1 −3 −1 −3: mean −2, sd sqrt(4/3); t(3) = 3.182446, so ± 3.182446 · sqrt(4/3) / 2
    (cell,) = transfer_table([*own(), *of([1, 3, 1, 3], source="a")])
    half = 3.182446 * math.sqrt(4 / 3) / 2
    assert (cell.task, cell.source, cell.n) == ("b", "a", 4)
    assert cell.difference == pytest.approx(-2)
    assert (cell.low, cell.high) == pytest.approx((-2 - half, -2 + half), abs=1e-5)
    assert cell.excludes_zero is True
    assert (cell.accuracy, cell.own) == pytest.approx((0.895, 0.915))
    assert len(cell.run_ids) == 8


def test_three_seeds_that_spread_do_not_exclude_zero():
    # −2 −4 −6: mean −4, sd 2; t(2) = 4.302653, so ± 4.968; the own seed 100 has no partner
    (cell,) = transfer_table([*own(), *of([2, 4, 6], source="a")])
    assert cell.seeds == [42, 44, 82]
    assert (cell.low, cell.high) == pytest.approx((-8.96827, 0.96827), abs=1e-4)
    assert cell.excludes_zero is False


def test_one_seed_has_no_interval():
    (cell,) = transfer_table([*own(), *of([2], source="a")])
    assert cell.n == 1
    assert math.isnan(cell.low)
    assert cell.excludes_zero is False


def test_controls_are_sources_and_draws_of_one_seed_count_once():
    chance = {"criterion": "random", "source": None, "tokens": None, "draws_by_task": True}
    drawn = [*of([1, 1], **chance, selection_seed=0), *of([3, 3], **chance, selection_seed=1)]
    lowest = of([5, 7], criterion="lowest")
    table = transfer_table([*own(), *drawn, *lowest, *of([0, 0], source="a")])
    found = {row.source: (row.difference, row.n, row.control) for row in table}
    assert list(found) == ["a", "lowest", "random"]
    assert found["random"] == pytest.approx((-2, 2, True))
    assert found["lowest"] == pytest.approx((-6, 2, True))


@pytest.mark.parametrize("other", [{"lr": 0.001}, {"k": 48}, {"status": "failed"}])
def test_runs_of_another_setting_are_no_pair(other: dict):
    rows = [*own(), *of([1, 1], source="a", **other)]
    table = transfer_table(rows)
    assert table == []
    expected = 0 if "status" in other else 2
    assert len(without_partner(rows, table)) == expected


def test_lowest_of_another_criterion_is_no_control_of_this_one():
    assert transfer_table([*own(), *of([1, 1], criterion="lowest:taylor")]) == []


def test_the_generic_set_is_one_control_of_every_task():
    """Its names differ between tasks, for each leaves itself out."""
    here = [*own(), *of([1, 1], source="others/a/c"), *of([0, 0], source="a")]
    there = [{**row, "task": "a", "score_task": "a"} for row in own()]
    there += [{**row, "task": "a"} for row in of([2, 2], source="others/b/c")]
    found = [(row.task, row.source, row.control) for row in transfer_table([*here, *there])]
    assert found == [("b", "a", False), ("a", "others", True), ("b", "others", True)]


def test_generic_sets_of_other_tasks_are_not_one_source():
    sets = [*of([1, 1], source="others/a/c"), *of([3, 3], source="others/a/c/d")]
    found = {row.source: row.difference for row in transfer_table([*own(), *sets])}
    assert found == pytest.approx({"others/a/c": -1, "others/a/c/d": -3})
    lowest = of([5, 5], source="others/a/c", criterion="lowest")
    (cell,) = transfer_table([*own(), *lowest])
    assert (cell.source, cell.control) == ("lowest of others", True)
