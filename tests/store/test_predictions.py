"""`predictions.safetensors`: what was written comes back, older files too, and an odd one is said."""

import dataclasses

import numpy as np
import pytest
from safetensors.numpy import save_file

from ict.documents.records import Odd
from ict.store import Run
from ict.store.predictions import Predictions, read_predictions, write_predictions
from tests.odd_files import CORRUPTIONS

N = 5
WHOLE = Predictions(
    predictions=np.array([0, 1, 2, 2, 1]),
    labels=np.array([0, 1, 1, 2, 0]),
    probabilities=np.array([0.9, 0.5, 0.4, 1.0, 0.6], dtype=np.float32),
    losses=np.array([0.1, 0.7, 1.5, 0.0, 2.0], dtype=np.float32),
    test_sha256="5e" * 32,
    classes=3,
)


@pytest.fixture
def run(tmp_path) -> Run:
    (tmp_path / "a-run").mkdir()
    return Run(tmp_path / "a-run")


def test_what_a_run_wrote_is_read_again(run):
    assert read_predictions(run) is None
    write_predictions(run.path, WHOLE)
    found = read_predictions(run)
    assert isinstance(found, Predictions)
    assert len(found) == N
    for name, value in dataclasses.asdict(WHOLE).items():
        np.testing.assert_array_equal(getattr(found, name), value)
    assert found.losses.dtype == found.probabilities.dtype == np.float32
    assert found.labels.dtype == found.predictions.dtype == np.int64


def test_a_file_of_0_1_0_has_answers_and_nothing_else(run):
    first = ("predictions", "labels", "probabilities")
    save_file({name: getattr(WHOLE, name) for name in first}, run.predictions_path)
    found = read_predictions(run)
    for name in first:
        np.testing.assert_array_equal(getattr(found, name), getattr(WHOLE, name))
    assert (found.losses, found.test_sha256, found.classes) == (None, None, None)


def written(run: Run, **changed) -> str:
    """Why a file with such changes is not read; None in `changed` leaves a tensor out."""
    arrays = {
        name: getattr(WHOLE, name) for name in ("predictions", "labels", "probabilities", "losses")
    }
    metadata = {"test_sha256": WHOLE.test_sha256, "classes": "3"}
    for name, value in changed.items():
        (metadata if name in metadata else arrays)[name] = value
    arrays = {name: value for name, value in arrays.items() if value is not None}
    save_file(arrays, run.predictions_path, metadata=metadata)
    found = read_predictions(run)
    assert isinstance(found, Odd)
    assert found.path == run.predictions_path
    assert found.reason.endswith("; `ict remove` the run and ask for it again")
    return found.reason


def test_an_odd_file_is_said_in_one_clause(run):
    assert written(run, labels=None).startswith("has no tensor labels")
    assert "predictions has the shape (4,), not (5)" in written(run, predictions=np.zeros(4, int))
    assert "labels is of type F32" in written(run, labels=np.zeros(N, np.float32))
    assert "predictions has classes outside of 0 to 2" in written(run, predictions=np.full(N, 3))
    assert "labels has classes outside of 0 to 2" in written(run, labels=np.full(N, -1))
    assert "probabilities has values" in written(run, probabilities=np.full(N, np.nan, np.float32))
    assert "losses has values" in written(run, losses=np.full(N, np.nan, np.float32))
    assert "losses has values" in written(run, losses=np.full(N, -1, np.float32))
    assert "a true class with probability 0" in written(run, losses=np.full(N, np.inf, np.float32))
    assert "test_sha256 is '5e', not 64" in written(run, test_sha256="5e")
    assert "classes is 'many'" in written(run, classes="many")
    assert "has 0 images" in written(run, labels=np.zeros(0, int))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_whatever_lies_there_is_a_reason_or_nothing(run, name):
    write_predictions(run.path, WHOLE)
    CORRUPTIONS[name](run.predictions_path)
    found = read_predictions(run)
    assert found is None if name in ("empty", "dangling") else isinstance(found, Odd)
