"""Finished runs with made-up answers for each test image, without training anything."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ict.config import resolve
from ict.store import Store
from ict.store.predictions import Predictions, write_predictions
from tests.result_documents import result_document

TEST = "a" * 64


def run_of(
    store: Store,
    predictions: np.ndarray,
    labels: np.ndarray,
    *,
    digest: str | None = TEST,
    answers: bool = True,
    losses: np.ndarray | None = None,
    change: Mapping[str, Any] | None = None,
    **asked: Any,
) -> str:
    """A done run that was asked for as `asked`, with these answers; `change` are fields of its config.

    Its losses are 0.5 nats on every image unless others are given; without a digest it has none, as of 0.1.0.
    """
    resolved = resolve({"task": "digits", "epochs": 1, "warmup_epochs": 0, **asked}, weights="none")
    record = resolved.record()
    record["config"] = {**record["config"], **(change or {})}
    run = store.create_run(record)
    right = predictions == labels
    if losses is None:
        losses = np.full(len(labels), 0.5)
    result = result_document(
        run_id=run.id,
        test_accuracy=float(right.mean()),
        test_images=len(labels),
        test_loss=0.5,
    )
    if answers:
        said = Predictions(
            predictions=predictions.astype(np.int64),
            labels=labels.astype(np.int64),
            probabilities=np.full(len(labels), 0.9, np.float32),
            losses=losses.astype(np.float32) if digest else None,
            test_sha256=digest,
            classes=int(labels.max()) + 1 if digest else None,
        )
        write_predictions(run.path, said)
    (run.path / "result.json").write_text(json.dumps(result))
    return run.id


def wrong_at(labels: np.ndarray, generator: np.random.Generator, share: float) -> np.ndarray:
    """Answers of which a `share`, drawn image by image, are wrong."""
    classes = int(labels.max()) + 1
    return np.where(generator.random(len(labels)) < share, (labels + 1) % classes, labels)
