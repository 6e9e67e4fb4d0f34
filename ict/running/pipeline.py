"""The work of one run: images, channels, model, training, test, files. Needs torch.

`ict.running.execute` owns lock, status and errors, and starts without torch.
"""

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ict.config import given
from ict.data import StreamedSet
from ict.files import atomic_write_bytes
from ict.methods.registry import get_method
from ict.model.adapters import count_parameters, trained_state_bytes
from ict.model.backbones import (
    add_head,
    load_backbone,
    redraw_head,
    use_fastest_attention,
    weights_notes,
)
from ict.model.class_token import class_token_notes
from ict.provenance import device_name, package_versions, peak_memory_bytes
from ict.running.job import Job
from ict.running.kept import Kept
from ict.running.probe_run import fit_linear_run
from ict.running.run_channels import choose_channels
from ict.running.run_images import RunImages, load_images
from ict.running.run_training import train
from ict.selection import Selection
from ict.store.live import log
from ict.store.predictions import Predictions, write_predictions
from ict.store.run_folder import Run, utc_now
from ict.store.run_result import RunResult
from ict.store.same_images import Reading, check_run
from ict.store.store import Store
from ict.tasks.digests import ImageDigests, listed
from ict.training.evaluation import Evaluation, evaluate
from ict.training.methods import prepare
from ict.training.step import make_repeatable
from ict.weights import stamp_of


def result_of(
    run: Run, store: Store, execution: Mapping[str, Any], kept: Kept | None = None
) -> RunResult:
    """Does the work of a run and gives what `result.json` will hold; model and answers are written."""
    torch.set_num_threads(execution["threads"])
    make_repeatable(execution["device"])
    job = Job.of(run, store, execution, kept or Kept())
    log(run, f"{run.id} on {job.device}, {job.threads} threads, {job.config.precision}")
    started = time.perf_counter()
    images = load_images(job)
    load_seconds = time.perf_counter() - started
    chosen = choose_channels(job, images.train)
    model = build_model(job, chosen.selection)
    counts = count_parameters(model, adds=get_method(job.config.method).adds)
    started = time.perf_counter()
    outcome = fitted(job, model, images)
    train_seconds = time.perf_counter() - started + outcome.pop("earlier_seconds", 0.0)
    started = time.perf_counter()
    test = tested(job, model, images)
    test_seconds = time.perf_counter() - started
    if isinstance(images.test, StreamedSet):  # read only now, hours after the check
        check_run(store, run, Reading.of_run(job.config, job.tasks, ImageDigests()))
    _write(job, model, test)
    return RunResult(
        run_id=run.id,
        test_accuracy=test.accuracy,
        test_loss=test.loss,
        test_balanced_accuracy=test.balanced_accuracy,
        majority_accuracy=test.majority_accuracy,
        test_images=len(test.labels),
        **(outcome | counts),
        epochs=job.config.epochs,
        train_images=len(images.train),
        load_seconds=load_seconds,
        score_seconds=chosen.seconds,
        train_seconds=train_seconds,
        test_seconds=test_seconds,
        peak_memory_bytes=peak_memory_bytes(job.device, job.notes),
        device=job.device,
        device_name=device_name(job.device, job.notes),
        threads=job.threads,
        precision=job.config.precision,
        score_id=chosen.selection.score_id if chosen.selection else None,
        official_data=job.task.official and images.whole_test,
        versions=package_versions(job.notes),
        notes=tuple(job.notes),  # after all that adds to them
        started_at=job.started_at,
        finished_at=utc_now(),
    )


def build_model(job: Job, selection: Selection | None) -> nn.Module:
    """The backbone with its weights and head, and what the method adds to it, on the run's device."""
    c = job.config
    model = _headless(job)
    add_head(model, job.task.classes, seed=c.generator_seed)
    if c.head_init == "uniform":
        redraw_head(model, seed=c.generator_seed)
    job.notes.extend(weights_notes(model))
    use_fastest_attention(model, job.device, c.precision)
    prepared = prepare(model, c, selection).to(job.device)
    job.notes.extend(class_token_notes(prepared))
    return prepared


def _headless(job: Job) -> nn.Module:
    """The backbone without a head, built unless an earlier run of this process has: same weights."""
    c = job.config
    drop_path = 0.0 if c.drop_path is None else c.drop_path  # linear reads none

    def made_of() -> tuple[object, ...]:
        stamp = job.weights_file and stamp_of(job.weights_file)
        return job.backbone, c.weights, job.weights_file, stamp, drop_path, c.image_size

    def build() -> nn.Module:
        return load_backbone(
            job.backbone,
            weights=given(c.weights),
            weights_file=job.weights_file,
            classes=0,
            drop_path=drop_path,
            image_size=c.image_size,
        )

    return job.kept.backbone(made_of, build)


def fitted(job: Job, model: nn.Module, images: RunImages) -> dict[str, Any]:
    """Trains `model` in place, or fits its head to convergence; gives what `result.json` holds of it."""
    if get_method(job.config.method).trains_in_steps:
        return train(job, model, images)
    outcome, notes = fit_linear_run(
        job.run,
        job.live,
        model,
        (images.train, images.val),
        job.forward,
        version=job.config.probe_version,
    )
    job.notes.extend(notes)
    return outcome


def tested(job: Job, model: nn.Module, images: RunImages) -> Evaluation:
    """The one look at the test set."""
    job.live.report("testing", 0, len(images.test))
    return evaluate(model, images.test, job.forward)


def _write(job: Job, model: nn.Module, test: Evaluation) -> None:
    metadata = {"run_id": job.run.id, "config": job.config.to_dict()}
    atomic_write_bytes(job.run.adapter_path, trained_state_bytes(model, metadata))
    shown = job.digests.images(job.subset("test"))
    answers = Predictions(
        test.predictions,
        test.labels,
        test.probabilities,
        test.losses,
        test_sha256=listed(shown, test.labels),
        classes=job.task.classes,
    )
    write_predictions(job.run.path, answers)
