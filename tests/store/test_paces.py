"""What a calibration says of a run: the arithmetic by hand, and which source is believed first."""

import os

import pytest

from ict.store import paces
from ict.store.paces import Pace, Where, expected_here, keep_pace, known_pace, seconds_at
from ict.store.run_rows import RunRow
from ict.tasks import get_task

PACE = Pace(train_images_per_second=200.0, forward_images_per_second=400.0, start_seconds=5.0)
CONFIG = {
    "task": "digits", "backbone": "ict_tiny", "method": "ict", "criterion": "class_l2", "epochs": 10,
    "train_split": "train800", "batch_size": 64, "precision": "fp32", "image_size": None,
}  # fmt: skip
HERE = Where("cpu", 2)


def test_a_run_is_scoring_and_epochs_with_validation_and_a_test():
    # 800 + 797 images forward, 10 × (800 trained on, 200 validated on)
    expected = (800 + 797) / 400 + 10 * (800 / 200 + 200 / 400)
    assert seconds_at(PACE, CONFIG, get_task("digits")) == pytest.approx(expected)


def test_a_run_without_scores_validation_or_steps_has_none_of_their_time():
    whole = {**CONFIG, "criterion": None, "train_split": "train800val200"}
    task = get_task("digits")
    assert seconds_at(PACE, whole, task) == pytest.approx(797 / 400 + 10 * 1000 / 200)
    probe = Pace(train_images_per_second=None, forward_images_per_second=400.0, start_seconds=5.0)
    linear = {**CONFIG, "method": "linear", "criterion": None, "epochs": None}
    assert seconds_at(probe, linear, task) == pytest.approx((797 + 800 + 200) / 400)


def test_a_limit_bounds_every_split():
    few = {**CONFIG, "limit": 100}
    expected = (100 + 100) / 400 + 10 * (100 / 200 + 100 / 400)
    assert seconds_at(PACE, few, get_task("digits")) == pytest.approx(expected)


def test_a_pace_is_known_for_the_same_kind_of_run_on_the_same_machine_only():
    assert known_pace(CONFIG, HERE) is None
    keep_pace(CONFIG, HERE, PACE)
    assert known_pace(CONFIG, HERE) == PACE
    assert known_pace({**CONFIG, "epochs": 3, "seed": 7, "task": "count"}, HERE) == PACE
    assert known_pace({**CONFIG, "image_size": 64}, HERE) is None
    assert known_pace({**CONFIG, "method": "full"}, HERE) is None
    assert known_pace(CONFIG, Where("cpu", 1)) is None


def test_a_pace_is_not_believed_after_a_day_nor_from_an_odd_file():
    keep_pace(CONFIG, HERE, PACE)
    path = paces.pace_file(CONFIG, HERE)
    status = path.stat()
    os.utime(path, (status.st_atime, status.st_mtime - paces.FRESH_SECONDS - 1))
    assert known_pace(CONFIG, HERE) is None
    for odd in ("{", '{"pace": {"forward_images_per_second": 0, "start_seconds": 1}}'):
        path.write_text(odd)
        assert known_pace(CONFIG, HERE) is None


def test_finished_runs_of_this_kind_are_believed_before_a_calibration():
    task = get_task("digits")
    same = {name: CONFIG[name] for name in ("task", "backbone", "method", "epochs")}
    columns = {**same, "status": "done", "train_seconds": 30.0, "threads": 2, "device": "cpu"}
    row = RunRow.of(columns)
    assert expected_here(CONFIG, [], task, HERE) is None
    keep_pace(CONFIG, HERE, PACE)
    by_pace = expected_here(CONFIG, [], task, HERE)
    assert (by_pace.runs, by_pace.start_seconds) == (None, 5.0)
    assert by_pace.seconds == seconds_at(PACE, CONFIG, task)
    by_runs = expected_here({**CONFIG, "epochs": 20}, [row], task, HERE)
    assert (by_runs.seconds, by_runs.runs) == (60.0, 1)
    assert expected_here(CONFIG, [row], task, Where("cpu", 1)) is None
    elsewhere = RunRow.of({**columns, "device_name": "Another CPU"})
    assert expected_here(CONFIG, [elsewhere], task, HERE) == by_pace
