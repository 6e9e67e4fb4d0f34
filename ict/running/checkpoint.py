"""The last state of a run on disk, from which it resumes to the same numbers."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from ict.documents.bounded import whole_number
from ict.documents.shapes import fields, list_of, maybe, measured, number, table_of, text, whole
from ict.documents.tensor_files import open_tensors
from ict.errors import IctError, InputError
from ict.files import (
    atomic_write_bytes,
    atomic_write_json,
    make_folder,
    read_json_lines,
    remove_file,
    rename,
)
from ict.model.adapters import load_trained_state, trained_state
from ict.plain_json import parse_json
from ict.store.live import log
from ict.store.run_folder import Run
from ict.training.loop import Trainer

_SHARE = 0.05  # of the time that saving may take: epochs on a GPU can be shorter than a save
_NUMBERS = table_of(maybe(measured))  # NaN, or nothing, where nothing was measured
_NEEDED = fields({"epoch": whole(1), "seconds": number})


def _check_row(row: Any, name: str) -> None:
    _NUMBERS(row, name)
    _NEEDED(row, name)


_HEADER = fields({"rows": list_of(_check_row)}, {"notes": list_of(text)})


@dataclass
class Behind:
    """What a run has behind it: one row an epoch, and what a user of its result should know."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Checkpoint:
    """The last state of a run: one safetensors file, whose header holds the rows of progress.

    `best.safetensors` is the state after the epoch with the best validation accuracy, and its header
    says which. One that the saved state needs stays as `best.before.safetensors` until the next save.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.folder = run.checkpoint_path
        self.state = run.state_path
        self.best = run.best_path
        self.best_before = run.best_before_path
        self.progress = run.progress_path
        self.test_curve = run.test_curve_path
        self.earlier_seconds = 0.0
        self._due = 0.0  # on the clock of time.perf_counter
        self._needed: int | None = None  # the best epoch of the rows that are saved

    def save(self, trainer: Trainer, behind: Behind) -> None:
        """Writes the state after the epochs of `behind`, or does not, soon after the last time.

        That of the last epoch is always written: a run that ends in its test begins there again.
        """
        started = time.perf_counter()
        if started < self._due and len(behind.rows) < trainer.settings.epochs:
            return
        make_folder(self.folder)
        header = {"rows": json.dumps(behind.rows), "notes": json.dumps(behind.notes)}
        atomic_write_bytes(self.state, save_tensors(trainer.state(), metadata=header))
        atomic_write_json(self.run.state_epoch_path, {"epoch": len(behind.rows)})
        self._needed = best_epoch(behind.rows)
        remove_file(self.best_before)
        now = time.perf_counter()
        self._due = now + (now - started) / _SHARE

    def restore(self, trainer: Trainer, *, select_by: str | None) -> Behind:
        """Loads the state and drops lines of progress past it; gives what is behind it, nothing at first.

        A state that cannot be read, or that needs a best epoch which is not kept, is not gone on from:
        the run is trained anew from its first epoch, and a note says so.
        """
        behind = Behind()
        if self.state.is_file():
            try:
                behind = self._load(trainer, select_by)
            except (OSError, ValueError) as error:
                behind.notes.append(f"trained anew from the first epoch: {self.state}: {error}")
                log(self.run, behind.notes[-1])
        self.earlier_seconds = float(sum(row["seconds"] for row in behind.rows))
        self._needed = best_epoch(behind.rows)
        _rewrite(self.progress, behind.rows)
        if self.test_curve.is_file():
            done = len(behind.rows)
            lines = read_json_lines(self.test_curve)
            seen = [
                row for row in lines if isinstance(row.get("epoch"), int) and row["epoch"] <= done
            ]
            _rewrite(self.test_curve, seen)
        return behind

    def _load(self, trainer: Trainer, select_by: str | None) -> Behind:
        with open_tensors(self.state, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        said = {
            name: parse_json(header[name].encode()) for name in ("rows", "notes") if name in header
        }
        _HEADER(said, "")
        behind = Behind(**said)
        if [row["epoch"] for row in behind.rows] != list(range(1, len(behind.rows) + 1)):
            raise ValueError("its rows are not one an epoch")
        if not _fits(trainer, tensors):
            raise ValueError("it was made for another model")
        best = best_epoch(behind.rows)
        if select_by == "val" and self._file_of(best) is None:
            raise ValueError(f"the state after epoch {best}, the best on val200, is not kept")
        trainer.load_state(tensors)
        return behind

    def keep_best(self, model: nn.Module, epoch: int) -> None:
        """Keeps the state after `epoch` as the best so far."""
        make_folder(self.folder)
        if self._needed is not None and epoch_of(self.best) == self._needed:
            rename(self.best, self.best_before)
        content = save_tensors(trained_state(model), metadata={"epoch": str(epoch)})
        atomic_write_bytes(self.best, content)

    def load_best(self, model: nn.Module, epoch: int) -> None:
        """Puts the state after `epoch` into the model; IctError if the one kept is of another epoch."""
        file = self._file_of(epoch)
        if file is None:
            raise IctError(
                f"{self.best} is not the state after epoch {epoch}, which val200 chose; "
                f"resume the run to train it anew: ict resume {self.run.id}"
            )
        load_trained_state(model, file)

    def _file_of(self, epoch: int | None) -> Path | None:
        """The file of the state after `epoch`, if it is kept."""
        files = (self.best, self.best_before)
        return next((f for f in files if epoch is not None and epoch_of(f) == epoch), None)


def best_epoch(rows: Sequence[dict[str, Any]]) -> int | None:
    """The first epoch with the highest validation accuracy; None where none was measured."""
    accuracies: list[Any] = [row.get("val_accuracy") for row in rows]
    return None if not accuracies or None in accuracies else 1 + int(np.argmax(accuracies))


def epoch_of(path: Path) -> int | None:
    """The epoch that a file of trained parameters says it is of; None if it does not, or is not there."""
    try:
        with open_tensors(path, framework="pt") as file:
            return whole_number((file.metadata() or {}).get("epoch", ""))
    except InputError:
        return None


def _fits(trainer: Trainer, tensors: dict[str, Tensor]) -> bool:
    """Whether the file has all trained parameters of this model, each with its moments or with none."""
    states = trainer.state().items()
    own = {n.removeprefix("parameter."): t for n, t in states if n.startswith("parameter.")}
    return all(_holds(tensors, name, parameter.shape) for name, parameter in own.items())


def _holds(tensors: dict[str, Tensor], name: str, shape: torch.Size) -> bool:
    """Whether a parameter and its moments are there in their shapes, as floating point."""
    moments = {f"step.{name}": torch.Size(), f"exp_avg.{name}": shape, f"exp_avg_sq.{name}": shape}
    there = [one for one in moments if one in tensors]
    wanted = {f"parameter.{name}": shape, **(moments if there else {})}
    return all(
        one in tensors and tensors[one].shape == size and tensors[one].is_floating_point()
        for one, size in wanted.items()
    )


def _rewrite(path: Path, rows: list[dict[str, Any]]) -> None:
    atomic_write_bytes(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
