"""The last state of a run on disk, from which it resumes to the same numbers."""

import json
import time
from typing import Any

from safetensors import safe_open
from safetensors.torch import save as save_tensors
from torch import nn

from ict.adapters import load_trained_state, trained_state
from ict.files import atomic_write_bytes, atomic_write_json, make_folder, remove_file
from ict.store import Run
from ict.training import Trainer

_SHARE = 0.05  # of the time that saving may take: epochs on a GPU can be shorter than a save


class Checkpoint:
    """The last state of a run: one safetensors file, whose header holds the rows of progress."""

    def __init__(self, run: Run) -> None:
        self.folder = run.path / "checkpoint"
        self.state = self.folder / "state.safetensors"
        self.best = self.folder / "best.safetensors"
        self.progress = run.path / "progress.jsonl"
        self.test_curve = run.path / "test_curve.jsonl"
        self.earlier_seconds = 0.0
        self._due = 0.0  # on the clock of time.perf_counter

    def save(self, trainer: Trainer, rows: list[dict[str, Any]]) -> None:
        """Writes the state after the epochs of `rows`, or does not, soon after the last time."""
        started = time.perf_counter()
        if started < self._due:
            return
        make_folder(self.folder)
        content = save_tensors(trainer.state(), metadata={"rows": json.dumps(rows)})
        atomic_write_bytes(self.state, content)
        atomic_write_json(self.folder / "state.json", {"epoch": len(rows)})
        now = time.perf_counter()
        self._due = now + (now - started) / _SHARE

    def restore(self, trainer: Trainer) -> list[dict[str, Any]]:
        """Loads the state, drops lines of progress past it; gives its rows, [] to start anew."""
        rows: list[dict[str, Any]] = []
        if self.state.is_file():
            with safe_open(self.state, framework="pt") as file:
                rows = json.loads(file.metadata()["rows"])
                trainer.load_state({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
            self.earlier_seconds = float(sum(row["seconds"] for row in rows))
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        atomic_write_bytes(self.progress, lines.encode())
        if self.test_curve.is_file():
            kept = self.test_curve.read_text().splitlines(keepends=True)[: len(rows)]
            atomic_write_bytes(self.test_curve, "".join(kept).encode())
        return rows

    def keep_best(self, model: nn.Module) -> None:
        make_folder(self.folder)
        atomic_write_bytes(self.best, save_tensors(trained_state(model)))

    def load_best(self, model: nn.Module) -> None:
        load_trained_state(model, self.best)

    def remove(self) -> None:
        for name in ("state.safetensors", "best.safetensors", "state.json"):
            remove_file(self.folder / name)
        if self.folder.is_dir():
            self.folder.rmdir()
