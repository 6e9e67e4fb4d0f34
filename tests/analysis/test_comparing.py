"""`compare` of runs on a store: by hand on small answers, and a sentence for what cannot be told."""

import numpy as np
import pytest

from ict.analysis.comparing import compare
from ict.analysis.differences import DRAWS, IMAGES, SEEDS, over_seeds, over_seeds_and_images
from ict.analysis.paired_runs import ONE_SEED
from ict.analysis.sides import find_side
from ict.errors import InputError
from ict.store import Store
from tests.answered_runs import run_of, wrong_at

LABELS = np.arange(120) % 10
A = {"method": "ict", "ratio": 0.125}
B = {**A, "criterion": "random"}


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def fill(store: Store, asked: dict, share: float, seeds=(1, 2, 3), **more) -> list[np.ndarray]:
    """One run a seed; which of its answers are right."""
    rights = []
    for seed in seeds:
        said = wrong_at(LABELS, np.random.default_rng([seed, int(100 * share)]), share)
        run_of(store, said, LABELS, seed=seed, **asked, **more)
        rights.append(said == LABELS)
    return rights


def told(store: Store, a: str, b: str, **more):
    return compare(find_side(a, store), find_side(b, store), store, **more)


def test_seeds_and_images_are_paired(store: Store):
    own, other = fill(store, A, 0.1), fill(store, {"method": "bitfit"}, 0.3)
    found = told(store, "method=ict", "method=bitfit")
    (task,) = found.tasks
    gains = np.array(own, dtype=float) - np.array(other)
    by_seed, by_image = task.differences
    assert (by_seed.over, by_image.over) == (SEEDS, IMAGES)
    assert by_seed.interval() == pytest.approx(over_seeds(gains.mean(axis=1), 120).interval())
    assert by_image.interval() == pytest.approx(over_seeds_and_images(gains).interval())
    assert (task.a, task.b) == pytest.approx((np.mean(own), np.mean(other)))
    assert task.flips is None
    assert found.verdicts[0].role == "exploratory"  # three seeds


def test_two_runs_give_both_discordant_counts(store: Store):
    said, other = LABELS.copy(), LABELS.copy()
    said[:3], other[2:7] = (LABELS[:3] + 1) % 10, (LABELS[2:7] + 2) % 10
    a = run_of(store, said, LABELS, seed=1, **A)
    b = run_of(store, other, LABELS, seed=1, method="bitfit")
    found = told(store, a, b, by_class=True)
    (task,) = found.tasks
    assert (task.flips.lost, task.flips.gained, task.flips.changed_wrong) == (4, 2, 1)
    assert sum(one.flips.images for one in task.by_class) == 120
    assert not found.verdicts[0].different
    assert "One seed each" in " ".join(task.notes)


def test_draws_are_nested_in_seeds(store: Store):
    fill(store, A, 0.1)
    for seed in (1, 2, 3):
        for draw in range(2):
            said = wrong_at(LABELS, np.random.default_rng([seed, draw, 7]), 0.2)
            run_of(store, said, LABELS, seed=seed, selection_seed=10 * seed + draw, **B)
    (task,) = told(store, "criterion=class_l2", "criterion=random").tasks
    assert [d.over for d in task.differences] == [SEEDS, IMAGES]
    assert task.differences[0].seeds == 3
    assert not task.notes


def test_crossed_draws_are_the_two_way_form(store: Store):
    fill(store, A, 0.1)
    for seed in (1, 2, 3):
        fill(store, {**B, "selection_seed": 0}, 0.2, seeds=(seed,))
        fill(store, {**B, "selection_seed": 1}, 0.25, seeds=(seed,))
    (task,) = told(store, "criterion=class_l2", "criterion=random").tasks
    assert task.differences[0].over == DRAWS
    assert "crossed" in " ".join(task.notes)


def test_one_shared_draw_is_said(store: Store):
    fill(store, A, 0.1)
    fill(store, {**B, "selection_seed": 4}, 0.2)
    (task,) = told(store, "criterion=class_l2", "criterion=random").tasks
    assert any(
        "one draw (selection_seed 4) is shared by seeds 1, 2, 3: their interval holds no spread"
        in note
        for note in task.notes
    )


def test_one_seed_with_several_draws_speaks_of_draws(store: Store):
    fill(store, A, 0.1, seeds=(1,))
    for draw in range(5):
        fill(store, {**B, "selection_seed": draw}, 0.2 + draw / 50, seeds=(1,))
    (task,) = told(store, "criterion=class_l2", "criterion=random").tasks
    assert (task.differences[0].over, task.differences[0].seeds) == (ONE_SEED, 1)
    assert task.differences[0].exploratory


def test_a_probe_without_seeds_is_paired_with_every_seed(store: Store):
    own = fill(store, A, 0.1)
    probe = wrong_at(LABELS, np.random.default_rng(9), 0.2)
    run_of(store, probe, LABELS, method="linear", seed=1)
    (task,) = told(store, "method=ict", "method=linear").tasks
    expected = [right.mean() - (probe == LABELS).mean() for right in own]
    assert task.differences[0].seeds == 3
    assert task.differences[0].mean == pytest.approx(np.mean(expected))


def test_other_seeds_are_compared_unpaired_and_it_is_said(store: Store):
    fill(store, A, 0.1, seeds=(1, 2, 3))
    fill(store, {"method": "bitfit"}, 0.2, seeds=(4, 5))
    (task,) = told(store, "method=ict", "method=bitfit").tasks
    assert len(task.differences) == 1
    assert "No seed is shared" in " ".join(task.notes)


def test_unequal_seeds_are_paired_on_those_that_both_have(store: Store):
    fill(store, A, 0.1, seeds=(1, 2, 3))
    fill(store, {"method": "bitfit"}, 0.2, seeds=(2, 3, 4, 5))
    (task,) = told(store, "method=ict", "method=bitfit").tasks
    assert task.differences[0].seeds == 2
    assert "Paired on the 2 seeds that both have, of 3 and 4." in task.notes


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_equal_answers_have_an_interval_and_no_difference(store: Store, share: float):
    """100 % on both sides, and 70 % with no image that flips."""
    said = wrong_at(LABELS, np.random.default_rng(1), share)
    for seed in (1, 2, 3):
        run_of(store, said, LABELS, seed=seed, **A)
        run_of(store, said, LABELS, seed=seed, method="bitfit")
    found = told(store, "method=ict", "method=bitfit")
    for verdict in found.verdicts:
        low, high = verdict.difference.interval()
        assert low < 0 < high
        assert not verdict.different


def test_several_tasks_are_told_one_by_one_and_together(store: Store):
    for task in ("digits", "count"):
        fill(store, {**A, "task": task}, 0.1)
        fill(store, {"method": "bitfit", "task": task}, 0.2)
    fill(store, {**A, "task": "sprites_loc"}, 0.1)
    found = told(store, "method=ict", "method=bitfit")
    assert [one.task for one in found.tasks] == ["digits", "count"]
    assert [v.difference.tasks for v in found.verdicts] == [2, 2]
    assert found.notes == ("Only 'method=ict' ran on sprites_loc.",)


def test_a_mean_over_tasks_names_every_kind_of_interval_in_it(store: Store):
    """Draws that were crossed with the seeds on one task are not passed off as seeds of both."""
    for task in ("digits", "count"):
        fill(store, {**A, "task": task}, 0.1)
        for draw in (0, 1) if task == "digits" else (0,):
            fill(store, {**B, "task": task, "selection_seed": draw}, 0.2)
    found = told(store, "criterion=class_l2", "criterion=random")
    assert DRAWS in found.verdicts[0].difference.over
    assert SEEDS in found.verdicts[0].difference.over


def test_sides_that_share_a_run_are_refused(store: Store):
    fill(store, A, 0.1)
    with pytest.raises(InputError, match="have 1 run in common"):
        told(store, "method=ict", "method=ict,seed=1")


def test_a_seed_that_collapsed_is_named(store: Store):
    """The mean of 90, 90 and 10 % is no accuracy of the method."""
    fill(store, {"method": "full"}, 0.1, seeds=(1, 2))
    fill(store, {"method": "full"}, 0.9, seeds=(3,))
    fill(store, {"method": "bitfit"}, 0.1)
    (one,) = told(store, "method=full", "method=bitfit").tasks
    (said,) = [note for note in one.notes if "collapsed" in note]
    assert "'method=full' lie more than 20 points apart" in said
    assert "(seed 3)" in said
    (other,) = told(store, "method=full,seed=1", "method=bitfit,seed=1").tasks
    assert not any("collapsed" in note for note in other.notes)


def test_old_files_are_held_to_their_labels_and_it_is_said(store: Store):
    fill(store, A, 0.1, digest=None)
    fill(store, {"method": "bitfit"}, 0.2)
    (task,) = told(store, "method=ict", "method=bitfit").tasks
    assert any("version 0.1.0" in note for note in task.notes)
    run_of(store, LABELS, LABELS[::-1].copy(), seed=3, method="lora", digest=None)
    with pytest.raises(InputError, match="tested on different images"):
        told(store, "method=ict", "method=lora")


def test_runs_without_answers_are_compared_by_their_accuracies(store: Store):
    fill(store, A, 0.1, answers=False)
    fill(store, {"method": "bitfit"}, 0.2)
    (task,) = told(store, "method=ict", "method=bitfit").tasks
    assert [d.over for d in task.differences] == [SEEDS]
    assert any("no answer for each image" in note for note in task.notes)


def test_a_class_with_one_image_is_said(store: Store):
    labels = np.array([0] * 20 + [1])
    a = run_of(store, labels, labels, seed=1, **A)
    b = run_of(store, np.zeros(21, int), labels, seed=1, method="bitfit")
    (task,) = told(store, a, b, by_class=True).tasks
    assert "One test image alone: class 1; it tells nothing." in task.notes


def test_what_cannot_be_compared_is_a_sentence(store: Store):
    fill(store, A, 0.1)
    fill(store, {**A, "ratio": 0.25}, 0.2)
    run_of(store, LABELS, LABELS, seed=1, method="bitfit", digest="b" * 64)
    run_of(store, LABELS[:64], LABELS[:64], seed=1, method="lora", limit=64)
    run_of(store, LABELS, LABELS, seed=1, method="full", task="count")
    ids = [row["run_id"] for row in store.table()]
    for a, b, words in (
        ("method=ict,ratio=0.125", "method=bitfit", "tested on different images"),
        ("method=ict,ratio=0.125", "method=lora", "limit is .* not the same test images"),
        ("method=ict", "method=bitfit", "holds several settings"),
        (ids[0], ids[0], "are the same runs"),
        ("method=ict,ratio=0.125", "method=full", "no task in common"),
        ("method=ict,ratio=0.5", "method=lora", "names no run"),
        ("methud=ict", "method=lora", "did you mean"),
        ("method=ict,ratio=x", "method=lora", "a ratio is a number"),
        ("study:none/grid", "method=lora", "no study"),
    ):
        with pytest.raises(InputError, match=words):
            told(store, a, b)


def test_imported_rows_are_refused_with_the_reason(store: Store, tmp_path):
    from ict.store.imported_results import import_results

    (tmp_path / "theirs.csv").write_text("method,task,test_accuracy\nVPT-Deep,digits,0.9\n")
    import_results(store, tmp_path / "theirs.csv")
    fill(store, A, 0.1)
    with pytest.raises(InputError, match="imported results: they have no answer for each"):
        told(store, "method=ict", "method=VPT-Deep")


def test_a_filter_takes_every_generic_set(store: Store):
    generic = run_of(store, LABELS, LABELS, seed=1, score_task="others", **A)
    run_of(store, LABELS, LABELS, seed=1, score_task="count", **A)
    run_of(store, LABELS, LABELS, seed=1, **A)
    (row,) = find_side("score_task=others", store).rows
    assert row.run_id == generic
    by_name = find_side("score_task=others/count/sprites_loc/sprites_ori", store)
    assert by_name.rows == (row,)
