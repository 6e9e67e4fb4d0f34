"""ICT below the probe that it contains is said, and nothing where that would not be true."""

import numpy as np
import pytest

from ict.analysis.comparing import compare
from ict.analysis.probe_inside import BELOW, PERHAPS
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
    return [note for note in task.notes if "probe that it contains" in note]


def test_ict_below_its_probe_was_not_trained_enough(store: Store):
    fill(store, {"ict": 0.4, "linear": 0.1})
    assert notes(store) == notes(store, PROBE, OURS) == [f"ICT {BELOW}"]
    from ict.analysis.outcomes import LOSS

    assert notes(store, outcome=LOSS) == []


def test_a_control_is_called_by_its_name(store: Store):
    fill(store, {"ict": 0.4, "linear": 0.1}, criterion="random")
    assert notes(store) == [f"{OURS} {BELOW}"]


def test_nothing_is_said_of_ict_above_it(store: Store):
    fill(store, {"ict": 0.1, "linear": 0.4})
    assert notes(store) == []


@pytest.mark.parametrize(("images", "points"), [(1, 0.28), (6, 1.67)])
def test_a_fraction_of_a_point_is_noise(images: int, points: float, store: Store):
    """One seed of three is wrong on so many of 120 images, the probe on none."""
    for seed in (1, 2, 3):
        said = np.where(np.arange(120) < images * (seed == 1), (LABELS + 1) % 10, LABELS)
        run_of(store, said, LABELS, seed=seed, method="ict", ratio=0.125)
    run_of(store, LABELS, LABELS, method="linear")
    assert images / 120 / 3 * 100 == pytest.approx(points, abs=0.01)
    assert notes(store) == ([f"ICT {PERHAPS}"] if points > 1 else [])


def test_another_backbone_does_not_contain_the_probe(store: Store):
    fill(store, {"ict": 0.4, "linear": 0.1}, image_size=64)
    assert notes(store) == []
