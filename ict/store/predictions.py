"""What a run answered for each test image, as a file: `predictions.safetensors`.

One entry an image, in the order of the test list, for N images:

    predictions (N,) int64      the most probable class
    labels (N,) int64           the true one
    probabilities (N,) float32  of the class that was predicted
    losses (N,) float32         cross entropy of the true class, in nats, without label smoothing

The header holds `test_sha256`, the digest of the test list in its order (labels and images, see
`ict.tasks.digests.listed`), and `classes`, the number of classes. Version 0.1.0 wrote no `losses` and
no header.
"""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from ict.documents.bounded import whole_number
from ict.documents.records import Odd, odd
from ict.documents.tensor_files import check_shape, open_tensors, shapes
from ict.errors import InputError, quoted
from ict.files import atomic_write_bytes
from ict.store.names import PREDICTIONS
from ict.store.run_folder import Run

_ADVICE = "`ict remove` the run and ask for it again"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_IMAGES = 1 << 24
_WHOLE, _FLOAT = ("I32", "I64"), ("F16", "F32", "F64")


@dataclass(frozen=True, eq=False)
class Predictions:
    """A run's answers on its N test images, in the order of their list."""

    predictions: np.ndarray
    """(N,) int64."""
    labels: np.ndarray
    """(N,) int64."""
    probabilities: np.ndarray
    """(N,) float32, of the class that was predicted."""
    losses: np.ndarray | None = None
    """(N,) float32, cross entropy in nats. None where version 0.1.0 wrote the file."""
    test_sha256: str | None = None
    """Digest of labels and images in order: equal means the same test. None as above."""
    classes: int | None = None
    """How many classes the task has. None as above."""

    def __len__(self) -> int:
        return len(self.labels)


def read_predictions(run: Run) -> Predictions | Odd | None:
    """What `run` answered; None where it wrote none (it is not done, or the file was left behind)."""
    path = run.predictions_path
    try:
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode) and status.st_size == 0:
            return None
        with open_tensors(path) as file:
            return _read(file)
    except (OSError, InputError) as error:
        return odd(path, error, advice=_ADVICE)


def write_predictions(folder: Path, answers: Predictions) -> None:
    """Writes the file into a run's folder, whole or not at all. Raises StoreError."""
    arrays: dict[str, np.ndarray] = {
        "predictions": answers.predictions.astype(np.int64),
        "labels": answers.labels.astype(np.int64),
        "probabilities": answers.probabilities.astype(np.float32),
    }
    if answers.losses is not None:
        arrays["losses"] = answers.losses.astype(np.float32)
    said = {"test_sha256": answers.test_sha256, "classes": answers.classes}
    metadata = {name: str(value) for name, value in said.items() if value is not None}
    atomic_write_bytes(folder / PREDICTIONS, save(arrays, metadata=metadata))


def _read(file: Any) -> Predictions:
    """Raises InputError for what no run can have written."""
    by_name = shapes(file)
    (N,) = check_shape(by_name, "labels", (None,))
    if not 0 < N <= _MOST_IMAGES:
        raise InputError(f"has {N} images, not 1 to {_MOST_IMAGES}")
    metadata = file.metadata() or {}
    classes = _classes(metadata.get("classes"))
    labels = _answers(file, "labels", N, classes)
    predictions = _answers(file, "predictions", N, classes)
    probabilities = _floats(file, "probabilities", N)
    if not ((probabilities >= 0) & (probabilities <= 1.001)).all():  # rounding of a softmax
        raise InputError("probabilities has values that are not from 0 to 1")
    losses = _losses(file, N) if "losses" in by_name else None
    digest = metadata.get("test_sha256")
    if digest is not None and not _SHA256.fullmatch(digest):
        raise InputError(f"test_sha256 is {quoted(digest)}, not 64 hexadecimal digits")
    return Predictions(predictions, labels, probabilities, losses, digest, classes)


def _classes(text: str | None) -> int | None:
    number = None if text is None else whole_number(text)
    if text is not None and (number is None or number < 1):
        raise InputError(f"classes is {quoted(text)}, not a whole number from 1")
    return number


def _answers(file: Any, name: str, N: int, classes: int | None) -> np.ndarray:
    """The classes (N,) int64 of tensor `name`; InputError for one that the task has not."""
    values = _tensor(file, name, N, _WHOLE).astype(np.int64)
    high = None if classes is None else classes - 1
    if values.min() < 0 or (high is not None and values.max() > high):
        most = "" if high is None else f" to {high}"
        raise InputError(f"{name} has classes outside of 0{most}")
    return values


def _floats(file: Any, name: str, N: int) -> np.ndarray:
    return _tensor(file, name, N, _FLOAT).astype(np.float32)


def _losses(file: Any, N: int) -> np.ndarray:
    losses = _floats(file, "losses", N)
    if (losses == np.inf).any():
        raise InputError(
            "losses has values that are infinite, as of a true class with probability 0"
        )
    if not (losses >= -1e-3).all():
        raise InputError("losses has values that are negative or not finite")
    return losses


def _tensor(file: Any, name: str, N: int, kinds: tuple[str, ...]) -> np.ndarray:
    check_shape(shapes(file), name, (N,))
    kind = file.get_slice(name).get_dtype()
    if kind not in kinds:
        raise InputError(f"{name} is of type {kind}, not {' or '.join(kinds)}")
    values: np.ndarray = file.get_tensor(name)
    return values
