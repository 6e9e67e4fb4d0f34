"""The calibration of a machine, as a real child process measures it."""

import pytest

from ict.errors import IctError
from ict.resolve import resolve
from ict.running import calibration
from ict.store.paces import Where, known_pace

HERE = Where("cpu", 1)


def test_a_child_measures_training_and_forward_passes_and_the_pace_is_kept():
    config = resolve({"task": "digits", "backbone": "ict_tiny"}, fetch=False).config.to_dict()
    pace = calibration.measure(config, HERE)
    assert pace == known_pace(config, HERE)
    # a step is a forward and a backward pass: slower, at most 20 times on any machine
    assert 1 < pace.forward_images_per_second / pace.train_images_per_second < 20
    assert pace.start_seconds > 0.2  # torch is imported


def test_what_goes_wrong_is_said_in_one_sentence():
    config = resolve({"task": "digits"}, fetch=False).config.to_dict()
    with pytest.raises(IctError, match=r"could not be measured: .*no_such"):
        calibration.measure({**config, "backbone": "no_such"}, HERE)
    assert known_pace({**config, "backbone": "no_such"}, HERE) is None
    assert not calibration.is_measuring(config, HERE)
