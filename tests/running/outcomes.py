"""What a run computed, bit for bit, without times, memory and dates."""

from pathlib import Path

from safetensors import safe_open

from ict.store import Run

_OF_THE_MOMENT = (
    "seconds",
    "images_per_second",
    "peak_memory_bytes",
    "load_seconds",
    "score_seconds",
    "train_seconds",
    "test_seconds",
    "started_at",
    "finished_at",
)
_TENSORS = ("adapter.safetensors", "predictions.safetensors")


def outcome(run: Run) -> dict[str, object]:
    """The numbers of result.json and of progress.jsonl, the selection, and the tensors of the other files."""
    result = run.result()
    assert result is not None, run.log_tail()
    return {
        "result": _lasting(result.to_dict()),
        "rows": [*map(_lasting, run.progress())],
        "selection": run.selection(),
        **{name: _tensors(run.path / name) for name in _TENSORS},
    }


def _tensors(path: Path) -> dict[str, object]:
    """Metadata, whose order in the file is random, and the bytes of each tensor."""
    with safe_open(path, "np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        shown = {n: (str(t.dtype), t.shape, t.tobytes()) for n, t in tensors.items()}
        return {"metadata": file.metadata(), **shown}


def _lasting(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name not in _OF_THE_MOMENT}
