"""The work of one run: images, model, scores, selection, training, test, files. Needs torch.

`ict.running.execute` owns lock, status and errors, and starts without torch.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ict.catalogue import get_backbone, pixel_statistics
from ict.config import RunConfig, ran_otherwise
from ict.criteria import choice
from ict.data import Augment, ImageSet, StreamedSet, load_set, open_set
from ict.errors import IctError, quoted
from ict.files import (
    append_line,
    atomic_write_bytes,
    atomic_write_json,
    read_json_lines,
)
from ict.model.adapters import count_parameters, trained_state_bytes
from ict.model.backbones import (
    load_backbone,
    redraw_head,
    use_fastest_attention,
    weights_notes,
)
from ict.provenance import device_name, package_versions, peak_memory_bytes
from ict.running.checkpoint import Checkpoint, best_epoch
from ict.running.probe_run import fit_linear_run, start_from_probe
from ict.scores import load_scores
from ict.scoring.task_scores import ScoreRequest, score_task
from ict.selection import Selection, select, select_random
from ict.store.live import Live, log
from ict.store.predictions import Predictions, write_predictions
from ict.store.run_folder import Run, utc_now
from ict.store.run_result import RunResult
from ict.store.run_weights import weights_of
from ict.store.same_images import UNRECORDED, check_run, recorded
from ict.store.store import Store
from ict.tasks import Split, fingerprint, get_task, load_split
from ict.tasks.decodable import check_decodable
from ict.tasks.digests import ImageDigests, listed
from ict.tasks.limits import limited, said
from ict.training.evaluation import Evaluation, evaluate
from ict.training.loop import EpochReport, Trainer
from ict.training.methods import prepare
from ict.training.settings import WARMUP_LR, Forward, Settings
from ict.training.step import make_repeatable


class Pipeline:
    """One execution of one run; `result()` does the work and gives what `result.json` will hold."""

    def __init__(self, run: Run, store: Store, execution: dict[str, Any]) -> None:
        self.run = run
        self.store = store
        stored = RunConfig.from_dict(run.config)
        stored.check_total()
        self.config = stored.as_run()
        self.device = execution["device"]
        self.threads = execution["threads"]
        self.started_at = execution["first_started_at"]
        sources = run.record.get("sources") or {}
        self.root = Path(sources["data_root"]) if sources.get("data_root") else None
        self.weights_file = Path(sources["weights_file"]) if sources.get("weights_file") else None
        self.backbone = get_backbone(self.config.backbone)
        self.task = get_task(self.config.task, root=self.root)
        self.live = Live(run.path / "live.json", self.config.epochs)
        self.digests = ImageDigests(self.root)
        self.notes: list[str] = []
        if ran := ran_otherwise(stored.to_dict()):
            self.notes.append(f"asked for by version 0.1.0: {ran}, and so it runs here")

    def result(self) -> RunResult:
        torch.set_num_threads(self.threads)
        make_repeatable(self.device)
        self._check_inputs()
        log(
            self.run,
            f"{self.run.id} on {self.device}, {self.threads} threads, {self.config.precision}",
        )
        train, val = self._load_training_images()
        self.test_images = self._open_test_images()
        selection, score_seconds = self._select(train)
        model = self._model(selection)
        counts = count_parameters(model)
        forward = self._forward()
        started = time.perf_counter()
        if self.config.method == "linear":
            outcome, said = fit_linear_run(
                self.run,
                self.live,
                model,
                (train, val),
                forward,
                version=self.config.probe_version,
            )
            self.notes += said
        else:
            outcome = self._fit(model, train, val, self._settings(forward))
        train_seconds = time.perf_counter() - started + outcome.pop("earlier_seconds", 0.0)
        test = self._test(model, forward)
        if isinstance(self.test_images, StreamedSet):  # read only now, hours after the check
            check_run(self.store, self.run, self.config, ImageDigests(self.root))
        self._write_model(model, test)
        return RunResult(
            run_id=self.run.id,
            test_accuracy=test.accuracy,
            test_loss=test.loss,
            test_balanced_accuracy=test.balanced_accuracy,
            majority_accuracy=test.majority_accuracy,
            test_images=len(test.labels),
            **outcome,
            **counts,
            epochs=self.config.epochs,
            train_images=len(train),
            train_seconds=train_seconds,
            score_seconds=score_seconds,
            peak_memory_bytes=peak_memory_bytes(self.device, self.notes),
            device=self.device,
            device_name=device_name(self.device, self.notes),
            threads=self.threads,
            precision=self.config.precision,
            score_id=selection.score_id if selection else None,
            official_data=self.task.official and len(test.labels) == self.test_size,
            versions=package_versions(self.notes),
            notes=tuple(self.notes),  # after all that adds to them
            started_at=self.started_at,
            finished_at=utc_now(),
        )

    def _check_inputs(self) -> None:
        """Data and weights must still be those that the id was made from."""
        now = fingerprint(self.config.task, root=self.root)
        if now != self.config.data:
            raise IctError(
                f"the files of task {quoted(self.config.task)} changed since this run was asked for; ask anew"
            )
        check_run(self.store, self.run, self.config, self.digests)
        if recorded(self.run.record) is None:
            log(self.run, UNRECORDED)
        if self.config.weights == "none":
            self.notes.append("random backbone weights (weights=none)")
            return
        self.weights_file = weights_of(self.run)

    def _load_training_images(self) -> tuple[ImageSet, ImageSet | None]:
        train = self._images(self.config.train_split)
        val = self._images("val200") if self.config.train_split == "train800" else None
        return train, val

    def _open_test_images(self) -> ImageSet | StreamedSet:
        """Before training, so that a file that cannot be read is said before hours of work."""
        split = self._split("test")
        self.test_size = len(split)  # `limit` may leave some out
        found = open_set(
            self._limited(split),
            self.backbone.image_size,
            progress=self.live.phase("loading test"),
        )
        if isinstance(found, StreamedSet):
            check_decodable(
                self.config.task,
                "test",
                digests=self.digests,
                limit=self.config.limit,
                rule=self.config.limit_rule,
                progress=self.live.phase("checking test"),
            )
        return found.to(self.device)

    def _images(self, name: str) -> ImageSet:
        return load_set(
            self._limited(self._split(name)),
            self.backbone.image_size,
            progress=self.live.phase(f"loading {name}"),
        ).to(self.device)

    def _split(self, name: str) -> Split:
        """The split, with what is short or left out noted for the result."""
        split = load_split(self.config.task, name, root=self.root)
        self.notes += [note for note in split.notes if note not in self.notes]
        limit = self.config.limit
        if limit is not None and limit < len(split):
            self.notes.append(f"{name}: {said(self.config.limit_rule, limit, len(split))}")
        return split

    def _limited(self, split: Split) -> Split:
        return limited(split, self.config.limit, self.config.limit_rule)

    def _select(self, train: ImageSet) -> tuple[Selection | None, float]:
        c = self.config
        if c.method != "ict":
            return None, 0.0
        started = time.perf_counter()
        if choice(c.criterion).selector == "random":
            selection = select_random(
                self.backbone.stages,
                site=c.tune_site,
                ks=c.k,
                blocks=c.blocks,
                seed=c.selection_seed,
                backbone=c.backbone,
                task=c.task if c.draws_by_task else None,
            )
        else:
            selection = self._scored_selection(train)
        atomic_write_json(self.run.path / "selection.json", selection.to_dict())
        return selection, time.perf_counter() - started

    def _scored_selection(self, train: ImageSet) -> Selection:
        """Top K (or lowest K) of the score file that this configuration names, computed if need be."""
        c = self.config
        order, criterion = choice(c.criterion)
        own_task = c.score_task == c.task
        same_images = own_task and c.score_split == c.train_split
        request = ScoreRequest(
            task=c.score_task,
            backbone=c.backbone,
            weights=c.weights,
            data=c.data if own_task else c.score_data,
            criterion=str(criterion),
            sites=(c.score_site,),
            tokens=c.tokens,
            split=c.score_split,
            pixel_normalisation=c.pixel_normalisation,
            limit=c.limit,
            limit_rule=c.limit_rule,
        )
        path = score_task(
            self.store,
            request,
            weights_file=self.weights_file,
            root=self.root,
            device=self.device,
            images=train if same_images else None,
            digests=self.digests,
            progress=self.live.phase("scoring"),
        )
        scores = load_scores(path, kinds=("",))
        log(self.run, f"scores {request.score_id}")
        chosen = select(scores, site=c.score_site, k=list(c.k), blocks=c.blocks, order=order)
        return Selection(c.tune_site, chosen.blocks, c.criterion, request.score_id, c.backbone)

    def _model(self, selection: Selection | None) -> nn.Module:
        c = self.config
        model = load_backbone(
            c.backbone,
            weights=c.weights,
            weights_file=self.weights_file,
            classes=self.task.classes,
            seed=c.generator_seed,
            drop_path=0.0 if c.drop_path is None else c.drop_path,  # linear reads none
        )
        if c.head_init == "uniform":
            redraw_head(model, seed=c.generator_seed)
        self.notes += weights_notes(model)
        use_fastest_attention(model, self.device, c.precision)
        return prepare(model, c, selection).to(self.device)

    def _forward(self) -> Forward:
        mean, std = pixel_statistics(self.config.backbone, self.config.pixel_normalisation)
        return Forward(precision=self.config.precision, mean=mean, std=std, threads=self.threads)

    def _settings(self, forward: Forward) -> Settings:
        c = self.config
        lr = c.lr * c.lr_multiplier
        meant = lr == 0 and c.zeros is not None  # otherwise version 0.1.0's: see RunConfig.zeros
        return Settings(
            **vars(forward),
            epochs=c.epochs,
            batch_size=c.batch_size,
            lr=lr,
            weight_decay=c.weight_decay,
            warmup_epochs=c.warmup_epochs,
            warmup_lr=0.0 if meant else WARMUP_LR,
            label_smoothing=c.label_smoothing,
            seed=c.generator_seed,
            augment=_augmentation(c.augment),
            schedule=c.schedule,
            head_lr=c.head_lr,
        )

    def _fit(
        self, model: nn.Module, train: ImageSet, val: ImageSet | None, settings: Settings
    ) -> dict[str, Any]:
        trainer = Trainer(model, train, settings)
        checkpoint = Checkpoint(self.run)
        behind = checkpoint.restore(trainer, select_by=self.config.select_by)
        rows = behind.rows
        if self.config.head_init == "probe" and not rows:
            behind.notes += start_from_probe(self.live, model, train, settings)
        for epoch in range(len(rows) + 1, settings.epochs + 1):
            rows.append(self._epoch(trainer, epoch, val, rows))
            if self.config.report_best_test:
                seen = evaluate(model, self.test_images, settings).accuracy
                append_line(
                    self.run.path / "test_curve.jsonl",
                    json.dumps({"epoch": epoch, "test_accuracy": seen}),
                )
            if self.config.select_by == "val" and best_epoch(rows) == epoch:
                checkpoint.keep_best(model, epoch)
            append_line(self.run.path / "progress.jsonl", json.dumps(rows[-1]))
            behind.notes += [note for note in trainer.step.notes if note not in behind.notes]
            checkpoint.save(trainer, behind)
        self.notes += behind.notes
        selected = settings.epochs
        if self.config.select_by == "val":
            selected = best_epoch(rows)
            checkpoint.load_best(model, selected)
        last = rows[selected - 1]
        return {
            "val_accuracy": last["val_accuracy"],
            "val_loss": last["val_loss"],
            "train_accuracy": last["train_accuracy"],
            "train_loss": last["train_loss"],
            "selected_epoch": selected,
            "images_per_second": float(np.median([row["images_per_second"] for row in rows])),
            "earlier_seconds": checkpoint.earlier_seconds,
            **self._optimistic(),
        }

    def _epoch(
        self, trainer: Trainer, epoch: int, val: ImageSet | None, rows: list[dict[str, Any]]
    ) -> dict[str, Any]:
        started = time.perf_counter()
        batch = trainer.settings.batch_size
        seconds_before = [row["seconds"] for row in rows[-5:]]

        def on_step(done: int, total: int) -> None:
            elapsed = time.perf_counter() - started
            an_epoch = float(np.mean(seconds_before)) if seconds_before else elapsed * total / done
            left = an_epoch * (trainer.settings.epochs - epoch + 1 - done / total)
            self.live.report(
                "training",
                done,
                total,
                unit="steps",
                epoch=epoch,
                rate=done * batch / elapsed,
                eta=left,
            )

        loss, accuracy, lr = trainer.epoch(epoch, on_step=on_step)
        training_seconds = time.perf_counter() - started
        checked = evaluate(trainer.model, val, trainer.settings) if val is not None else None
        report = EpochReport(
            epoch=epoch,
            train_loss=loss,
            train_accuracy=accuracy,
            val_accuracy=checked.accuracy if checked else None,
            val_loss=checked.loss if checked else None,
            lr=lr,
            seconds=time.perf_counter() - started,
            images_per_second=trainer.steps * min(batch, len(trainer.train)) / training_seconds,
        )
        shown = "" if checked is None else f", val {checked.accuracy:.3f}"
        log(
            self.run,
            f"epoch {epoch}: loss {loss:.4f}, train {accuracy:.3f}{shown}, {report.seconds:.1f} s",
        )
        return report.to_dict()

    def _test(self, model: nn.Module, forward: Forward) -> Evaluation:
        """The one look at the test set."""
        self.live.report("testing", 0, len(self.test_images))
        return evaluate(model, self.test_images, forward)

    def _optimistic(self) -> dict[str, Any]:
        """The best of all looks at the test set: the paper's way, never used to choose anything."""
        by_epoch = {}
        if self.config.report_best_test:
            seen = read_json_lines(self.run.path / "test_curve.jsonl")
            by_epoch = {row["epoch"]: row["test_accuracy"] for row in seen}
        best = max(by_epoch, key=lambda epoch: by_epoch[epoch], default=None)
        return {
            "best_test_epoch": best,
            "best_test_accuracy": None if best is None else by_epoch[best],
        }

    def _write_model(self, model: nn.Module, test: Evaluation) -> None:
        metadata = {"run_id": self.run.id, "config": self.config.to_dict()}
        path = self.run.path
        atomic_write_bytes(path / "adapter.safetensors", trained_state_bytes(model, metadata))
        images = self.digests.images(
            self.config.task, "test", self.config.limit, self.config.limit_rule
        )
        answers = Predictions(
            test.predictions,
            test.labels,
            test.probabilities,
            test.losses,
            test_sha256=listed(images, test.labels),
            classes=self.task.classes,
        )
        write_predictions(path, answers)


def _augmentation(name: str | None) -> Augment | None:
    if name != "randaugment":
        return None
    from ict.training.augment import randaugment

    return randaugment
