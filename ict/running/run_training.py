"""The training of a run, epoch by epoch: progress, checkpoints, the epoch that is kept."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from ict.config import given
from ict.data import ImageSet
from ict.files import append_line, read_json_lines
from ict.running.checkpoint import Checkpoint, best_epoch
from ict.running.job import Job
from ict.running.probe_run import start_from_probe
from ict.running.run_compiling import how_to_compile, keep_outcome, was_compiled
from ict.running.run_images import RunImages
from ict.store.live import Live, log
from ict.training.evaluation import evaluate
from ict.training.loop import EpochReport, Trainer

Row = dict[str, Any]
_RECENT = 5  # epochs whose seconds tell how long those to come take


def train(job: Job, model: nn.Module, images: RunImages) -> Row:
    """Trains `model` in place, from its checkpoint if there is one, to the epoch that is kept.

    Gives what `result.json` holds of it, and `earlier_seconds`: those of starts before this one.
    """
    settings, by_val = job.settings, job.config.select_by == "val"
    how = how_to_compile(job, model, settings, images=len(images.train))
    settings = replace(settings, compile=how)
    trainer, checkpoint = Trainer(model, images.train, settings), Checkpoint(job.run)
    behind = checkpoint.restore(trainer, select_by=job.config.select_by)
    rows = behind.rows
    if job.config.head_init == "probe" and not rows:
        behind.notes += start_from_probe(job.live, model, images.train, settings)
    for number in range(len(rows) + 1, settings.epochs + 1):
        rows.append(_epoch(job, trainer, number, images.val, rows))
        if job.config.report_best_test:
            _look_at_test(job, model, images, number)
        if by_val and best_epoch(rows) == number:
            checkpoint.keep_best(model, number)
        append_line(job.run.progress_path, json.dumps(rows[-1]))
        keep_outcome(job, trainer.step)
        behind.notes += [note for note in trainer.step.notes if note not in behind.notes]
        checkpoint.save(trainer, behind)
    job.notes.extend(note for note in behind.notes if note not in job.notes)
    kept = settings.epochs
    if by_val:
        kept = given(best_epoch(rows))
        checkpoint.load_best(model, kept)
    measured = ("val_accuracy", "val_loss", "train_accuracy", "train_loss")
    return {
        **{name: rows[kept - 1][name] for name in measured},
        "selected_epoch": kept,
        "compiled": was_compiled(job),
        "images_per_second": float(np.median([row["images_per_second"] for row in rows])),
        "earlier_seconds": checkpoint.earlier_seconds,
        **_best_test(job),
    }


def _epoch(
    job: Job, trainer: Trainer, number: int, val: ImageSet | None, before: Sequence[Row]
) -> Row:
    """Trains one epoch and looks at the validation images; gives its line of `progress.jsonl`."""
    started = time.perf_counter()
    loss, accuracy, lr = trainer.epoch(number, on_step=_reporter(job.live, trainer, number, before))
    training_seconds = time.perf_counter() - started
    checked = None if val is None else evaluate(trainer.model, val, trainer.settings)
    batch = min(trainer.settings.batch_size, len(trainer.train))
    report = EpochReport(
        epoch=number,
        train_loss=loss,
        train_accuracy=accuracy,
        val_accuracy=checked.accuracy if checked else None,
        val_loss=checked.loss if checked else None,
        lr=lr,
        seconds=time.perf_counter() - started,
        images_per_second=trainer.steps * batch / training_seconds,
        steps=number * trainer.steps,
    )
    shown = "" if checked is None else f", val {checked.accuracy:.3f}"
    log(
        job.run,
        f"epoch {number}: loss {loss:.4f}, train {accuracy:.3f}{shown}, {report.seconds:.1f} s",
    )
    return report.to_dict()


def _reporter(
    live: Live, trainer: Trainer, number: int, before: Sequence[Row]
) -> Callable[[int, int], None]:
    """Tells `live.json` of every step, with the time that is left."""
    started = time.perf_counter()
    recent = [row["seconds"] for row in before[-_RECENT:]]
    settings = trainer.settings

    def on_step(done: int, total: int) -> None:
        elapsed = time.perf_counter() - started
        an_epoch = float(np.mean(recent)) if recent else elapsed * total / done
        live.report(
            "training",
            done,
            total,
            unit="steps",
            epoch=number,
            rate=done * settings.batch_size / elapsed,
            eta=an_epoch * (settings.epochs - number + 1 - done / total),
        )

    return on_step


def _look_at_test(job: Job, model: nn.Module, images: RunImages, number: int) -> None:
    """The paper's way, where it was asked for: kept apart, never used to choose anything."""
    seen = evaluate(model, images.test, job.settings).accuracy
    line = json.dumps({"epoch": number, "test_accuracy": seen})
    append_line(job.run.test_curve_path, line)


def _best_test(job: Job) -> Row:
    """The best of these looks; None without them."""
    by_epoch = {}
    if job.config.report_best_test:
        seen = read_json_lines(job.run.test_curve_path)
        by_epoch = {row["epoch"]: row["test_accuracy"] for row in seen}
    best = max(by_epoch, key=lambda epoch: by_epoch[epoch], default=None)
    accuracy = None if best is None else by_epoch[best]
    return {"best_test_epoch": best, "best_test_accuracy": accuracy}
