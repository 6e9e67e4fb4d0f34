"""ICT below the probe that it contains is said, and nothing where that would not be true."""

import numpy as np
import pytest

from ict.analysis.comparing import compare
from ict.analysis.probe_inside import BELOW
from ict.analysis.sides import find_side
from ict.store import Store
from tests.answered_runs import run_of, wrong_at

LABELS = np.arange(120) % 10
OURS, PROBE = "method=ict", "method=linear"


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def fill(store: Store, wrong: dict[str, float], **more) -> None:
    """Three seeds of ICT and the probe, each with a share of wrong answers."""
    for seed in (1, 2, 3):
        said = wrong_at(LABELS, np.random.default_rng(seed), wrong["ict"])
        run_of(store, said, LABELS, seed=seed, method="ict", ratio=0.125, **more)
    said = wrong_at(LABELS, np.random.default_rng(9), wrong["linear"])
    run_of(store, said, LABELS, method="linear")


def notes(store: Store, a: str = OURS, b: str = PROBE, **more) -> list[str]:
    (task,) = compare(find_side(a, store), find_side(b, store), store, **more).tasks
    return [note for note in task.notes if BELOW in note]


def test_ict_below_its_probe_was_not_trained_enough(store: Store):
    fill(store, {"ict": 0.4, "linear": 0.1})
    assert notes(store) == notes(store, PROBE, OURS) == [f"ICT {BELOW}"]
    from ict.analysis.outcomes import LOSS

    assert notes(store, outcome=LOSS) == []


def test_a_control_is_called_by_its_name(store: Store):
    fill(store, {"ict": 0.4, "linear": 0.1}, criterion="random")
    assert notes(store) == [f"{OURS} {BELOW}"]


@pytest.mark.parametrize("wrong", [{"ict": 0.1, "linear": 0.4}, {"ict": 0.2, "linear": 0.2}])
def test_nothing_is_said_of_ict_above_it_or_beside_it(wrong: dict, store: Store):
    fill(store, wrong)
    ours = np.mean([row.test_accuracy for row in find_side(OURS, store).rows])
    (probe,) = (row.test_accuracy for row in find_side(PROBE, store).rows)
    assert bool(notes(store)) == (ours < probe - 0.01)


def test_another_backbone_does_not_contain_the_probe(store: Store):
    fill(store, {"ict": 0.4, "linear": 0.1}, image_size=64)
    assert notes(store) == []
