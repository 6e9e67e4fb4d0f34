"""The linear probe in a run: as the method `linear`, and as the start of another method's head."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from torch import nn

from ict.data import ImageSet
from ict.documents.number_words import number_words
from ict.files import append_line, remove_file
from ict.model.backbones import classification_head
from ict.store.live import Live, log
from ict.store.run_folder import Run
from ict.training.evaluation import evaluate, pooled_features
from ict.training.linear_probe import ProbeStep, fit_linear
from ict.training.probe import STRENGTHS, Probe, Try, fit_probe
from ict.training.settings import Forward


def fit_linear_run(
    run: Run,
    live: Live,
    model: nn.Module,
    sets: tuple[ImageSet, ImageSet | None],
    forward: Forward,
    *,
    version: int,
) -> tuple[dict[str, Any], list[str]]:
    """Fits the head of `model` on the first set; gives what `result.json` holds of it, and notes.

    One line of progress stays for every regularisation strength that was tried. `version` is
    `RunConfig.probe_version`.
    """
    train, val = sets
    started = time.perf_counter()
    remove_file(run.progress_path)
    features = pooled_features(model, train, forward, on_images=live.phase("features"))
    rate = len(train) / (time.perf_counter() - started)
    labels = train.labels.cpu().numpy()
    on_try = _progress(run, live, rate)
    head = classification_head(model)
    if version == 1:
        held_out = None
        if val is not None:
            held_out = pooled_features(model, val, forward), val.labels.cpu().numpy()
        step = fit_linear(head, (features, labels), held_out, on_step=on_try)
        extras = {
            "val_accuracy": step.val_accuracy if val is not None else None,
            "cross_validated_accuracy": None if val is not None else step.val_accuracy,
        }
        converged, limit = step.converged, "within 2,000 iterations"
        fitted: ProbeStep | Probe = step
        strength = step.inverse_regularisation
    else:
        probe = fit_probe(features, labels, on_try=on_try)
        probe.write(head)
        extras = {
            "val_accuracy": None if val is None else evaluate(model, val, forward).accuracy,
            "cross_validated_accuracy": probe.chosen.val_accuracy,
        }
        converged, limit = probe.converged, "to seven digits"
        fitted, strength = probe, probe.chosen.inverse_regularisation
    outcome = {
        **extras,
        "train_accuracy": fitted.train_accuracy,
        "train_loss": fitted.train_loss,
        "inverse_regularisation": strength,
        "selected_epoch": None,
        "images_per_second": rate,
        "best_test_accuracy": None,
        "best_test_epoch": None,
    }
    return outcome, [] if converged else [f"the linear probe did not converge {limit}"]


def start_from_probe(live: Live, model: nn.Module, train: ImageSet, forward: Forward) -> list[str]:
    """Gives the head of a model that answers as its frozen backbone the probe's weights; notes on it."""
    features = pooled_features(model, train, forward, on_images=live.phase("features"))
    probe = fit_probe(features, train.labels.cpu().numpy())
    probe.write(classification_head(model))
    chosen = probe.chosen
    said = (
        f"the head starts as the linear probe: C={number_words(chosen.inverse_regularisation)}, "
        f"cross-validated accuracy {chosen.val_accuracy:.3f}, loss {chosen.val_loss:.3f}"
    )
    return [said, *([] if probe.converged else ["that probe did not converge to seven digits"])]


def _progress(run: Run, live: Live, rate: float) -> Callable[[ProbeStep | Try], None]:
    tried: list[ProbeStep | Try] = []

    def on_try(step: ProbeStep | Try) -> None:
        tried.append(step)
        row = {**asdict(step), "epoch": len(tried), "lr": None, "images_per_second": rate}
        append_line(run.progress_path, json.dumps(row))
        live.report("training", len(tried), len(STRENGTHS), unit="regularisation strengths")
        log(
            run,
            f"C={number_words(step.inverse_regularisation)}: held-out accuracy {step.val_accuracy:.3f}",
        )

    return on_try
