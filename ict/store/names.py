"""What the files of a store are called. The store says it here; everybody else asks a `Run` or a score folder."""

from pathlib import Path

from ict.documents.names import LINKS, SCORES, score_file  # noqa: F401 -- read below the store, too

CONFIG = "config.json"
EXECUTION = "execution.json"
PROGRESS = "progress.jsonl"
TEST_CURVE = "test_curve.jsonl"
SELECTION = "selection.json"
ADAPTER = "adapter.safetensors"
PREDICTIONS = "predictions.safetensors"
RESULT = "result.json"
ERROR = "error.json"
LIVE = "live.json"
JOB = "job.json"  # of a run: its Slurm job; in jobs/: what was asked for
LOG = "log.txt"
LOCK = "lock"
QUEUED = "queued"  # a marker
CANCELLED = "cancelled"  # a marker
ENDED = "ended.json"  # how a job ended
LABEL = "label.json"  # what people call the run; no part of what it is
LABEL_LOCK = "label.lock"
CHECKPOINT = "checkpoint"  # folder of what a run resumes from

GRADIENTS = "adapter_gradient.safetensors"  # beside the scores of criterion adapter_gradient
META = "meta.json"  # of scores and of an inspection
CAUSAL = "causal.json"
STUDY = "study.json"
STUDY_FILE = "study.toml"  # what was asked for, where the app wrote it
INDEX = "index.json"
SOUND = "sound.json"
BASKET = "figures.json"
BASKET_LOCK = "figures.lock"
TABLE = "table.json"


def meta_file(folder: Path) -> Path:
    """What says what scores, or an inspection, are of, in their folder."""
    return folder / META


def gradient_file(folder: Path) -> Path:
    """The gradients of dense adapters in a score folder."""
    return folder / GRADIENTS


class _At:
    """The path of one file of a folder."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __get__(self, folder: "RunPaths", _: type) -> Path:
        return folder.path.joinpath(*self._names)


class RunPaths:
    """Where the files of a run's folder lie, there or not."""

    path: Path
    config_path = _At(CONFIG)
    execution_path = _At(EXECUTION)
    progress_path = _At(PROGRESS)
    test_curve_path = _At(TEST_CURVE)
    selection_path = _At(SELECTION)
    adapter_path = _At(ADAPTER)
    predictions_path = _At(PREDICTIONS)
    result_path = _At(RESULT)
    error_path = _At(ERROR)
    live_path = _At(LIVE)
    job_path = _At(JOB)
    log_path = _At(LOG)
    lock_path = _At(LOCK)
    queued_path = _At(QUEUED)
    cancelled_path = _At(CANCELLED)
    label_path = _At(LABEL)
    label_lock_path = _At(LABEL_LOCK)
    checkpoint_path = _At(CHECKPOINT)
    state_path = _At(CHECKPOINT, "state.safetensors")
    state_epoch_path = _At(CHECKPOINT, "state.json")
    best_path = _At(CHECKPOINT, "best.safetensors")
    best_before_path = _At(CHECKPOINT, "best.before.safetensors")
