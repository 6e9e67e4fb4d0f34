"""A run that dies at any of its file operations ends, resumed, as if nothing had happened."""

import contextlib
import errno
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

import ict.running.checkpoint
import ict.running.execute
from ict.data import ImageSet
from ict.errors import IctError
from ict.resolve import resolve
from ict.running import pipeline, run_images
from ict.running.checkpoint import Behind, Checkpoint, best_epoch, epoch_of
from ict.store import Store
from ict.training import Settings, Trainer

EPOCHS = 3
ROWS = [{"epoch": n, "val_accuracy": a, "seconds": 1.0} for n, a in enumerate((0.5, 0.7, 0.7), 1)]


class Flat(nn.Module):
    """A head alone, which trains in no time."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 2)

    def forward(self, images):
        return self.head(images.mean(dim=(2, 3)))

    def get_classifier(self):
        return self.head


def flat_model() -> Flat:
    torch.manual_seed(0)
    return Flat()


def trainer(model=None, epochs=EPOCHS) -> Trainer:
    images = torch.randint(0, 256, (6, 3, 4, 4), dtype=torch.uint8)
    settings = Settings(
        epochs=epochs, batch_size=3, lr=0.1, weight_decay=0.0, warmup_epochs=0, label_smoothing=0.0,
        seed=0, precision="fp32", mean=(0.5,) * 3, std=(0.5,) * 3,
    )  # fmt: skip
    return Trainer(model or flat_model(), ImageSet(images, torch.arange(6) % 2, 2), settings)


@pytest.fixture
def run(store):
    return store.create_run({"run_id": "one", "config": {}})


def test_the_best_epoch_is_the_first_with_the_highest_accuracy():
    assert best_epoch(ROWS) == 2
    assert best_epoch([]) is None
    assert best_epoch([{"val_accuracy": None}]) is None


def test_the_best_state_says_its_epoch(run):
    kept = Checkpoint(run)
    model = flat_model()
    kept.keep_best(model, 2)
    assert epoch_of(kept.best) == 2
    with torch.no_grad():
        model.head.weight.zero_()
    kept.load_best(model, 2)
    torch.testing.assert_close(model.head.weight, flat_model().head.weight)
    with pytest.raises(IctError, match=r"not the state after epoch 1, which val200 chose"):
        kept.load_best(model, 1)


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_a_file_that_tells_no_epoch_is_of_none(tmp_path, content):
    path = tmp_path / "best.safetensors"
    if content is not None:
        path.write_bytes(content)
    assert epoch_of(path) is None
    save_file({"a": torch.zeros(1)}, path)  # as 0.1.0 wrote it
    assert epoch_of(path) is None


def test_what_the_saved_state_needs_is_kept_until_the_next_save(run):
    """Epoch 2 is saved with its best; epoch 3 is better, and the run dies before the next save."""
    kept, one = Checkpoint(run), trainer()
    kept.keep_best(one.model, 2)
    kept.save(one, Behind(ROWS[:2]))
    kept.keep_best(one.model, 3)
    again = Checkpoint(run)
    assert again.restore(trainer(), select_by="val").rows == ROWS[:2]
    again.load_best(flat_model(), 2)
    again.keep_best(one.model, 3)  # the same epoch once more
    again.load_best(flat_model(), 2)
    again.save(one, Behind([*ROWS[:2], {**ROWS[2], "val_accuracy": 0.9}]))
    assert not again.best_before.exists()
    assert epoch_of(again.best) == 3


def test_the_last_epoch_is_always_saved(run, monkeypatch):
    kept, one = Checkpoint(run), trainer()
    kept.save(one, Behind(ROWS[:1]))
    kept._due = float("inf")
    kept.save(one, Behind(ROWS[:2]))
    assert json.loads((kept.folder / "state.json").read_text()) == {"epoch": 1}
    kept.save(one, Behind(ROWS))
    assert json.loads((kept.folder / "state.json").read_text()) == {"epoch": 3}


def test_lines_past_the_state_are_dropped_torn_ones_too(run):
    kept = Checkpoint(run)
    kept.save(trainer(), Behind(ROWS[:2]))
    kept.progress.write_text("".join(json.dumps(row) + "\n" for row in ROWS) + '{"epo')
    kept.test_curve.write_text('{"epoch": 1}\n{"ep\n{"epoch": 2}\n{"epoch": 3}\n')
    Checkpoint(run).restore(trainer(), select_by="last")
    assert [json.loads(line)["epoch"] for line in kept.progress.read_text().splitlines()] == [1, 2]
    assert [json.loads(line)["epoch"] for line in kept.test_curve.read_text().splitlines()] == [
        1,
        2,
    ]


class Killed(BaseException):
    """Stands for a process that is gone: nothing may catch it."""


class Disk:
    """Counts the file operations of a run and lets it die, or the disk be full, at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, *, kill: bool) -> None:
        self.folder, self.seen, self.fails_at, self.kill = str(folder), 0, None, kill
        for name in ("replace", "open", "unlink", "mkdir", "rmdir"):
            monkeypatch.setattr(os, name, self._watched(getattr(os, name)))

    def _watched(self, operation):
        def watched(path, *rest, **more):
            self._count(path, rest)
            return operation(path, *rest, **more)

        return watched

    def _count(self, path, rest) -> None:
        """Before an operation on a file of the run; a rename counts by where it goes."""
        target = rest[0] if rest and isinstance(rest[0], (str, os.PathLike)) else path
        if not str(target).startswith(self.folder) or "live.json" in str(target):
            return
        reads = rest and isinstance(rest[0], int) and rest[0] & os.O_ACCMODE == os.O_RDONLY
        if reads and not self.kill:  # a full disk can be read
            return
        self.seen += 1
        if self.fails_at is not None and self.seen >= self.fails_at:
            if self.kill:
                raise Killed
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))


def small_run(store: Store, select_by: str):
    asked = {"task": "digits", "limit": 6, "epochs": EPOCHS, "batch_size": 3, "criterion": "random",
             "precision": "fp32", "select_by": select_by, "report_best_test": True, "lr": 0.3,
             "warmup_epochs": 0}  # fmt: skip
    return store.create_run(resolve(asked, weights="none").record())


@pytest.fixture
def flat_runs(monkeypatch):
    """Runs of a head alone on images of 8 pixels: a hundred of them take seconds. Gives epochs trained."""
    trained: list[int] = []
    epoch = Trainer.epoch

    def counted(self, number, **more):
        trained.append(number)
        return epoch(self, number, **more)

    def small(split, _size, **more):
        return load(split, 8, **more)

    load = run_images.load_set
    monkeypatch.setattr(run_images, "load_set", small)
    monkeypatch.setattr(run_images, "open_set", small)
    monkeypatch.setattr(pipeline, "build_model", lambda job, selection: ten_classes())
    monkeypatch.setattr(Trainer, "epoch", counted)
    monkeypatch.setattr(ict.running.checkpoint, "_SHARE", 1e9)  # every epoch is saved
    return trained


def ten_classes() -> Flat:
    model = flat_model()
    torch.manual_seed(1)
    model.head = nn.Linear(3, 10)
    return model


SAME = ("test_accuracy", "test_loss", "val_accuracy", "train_loss", "selected_epoch",
        "best_test_accuracy", "best_test_epoch", "notes")  # fmt: skip


def outcome(run) -> dict:
    result = json.loads((run.path / "result.json").read_text())
    return {name: result[name] for name in SAME}


def saved_epochs(run) -> int:
    """How many epochs the run's checkpoint has behind it."""
    state = run.path / "checkpoint/state.safetensors"
    if not state.exists():
        return 0
    with safe_open(state, framework="pt") as file:
        return len(json.loads(file.metadata()["rows"]))


@pytest.mark.parametrize("select_by", ["last", "val"])
@pytest.mark.parametrize("kill", [True, False], ids=["killed", "disk full"])
def test_dying_at_any_file_operation_loses_no_saved_epoch(
    tmp_path, monkeypatch, flat_runs, select_by, kill
):
    disk = Disk(monkeypatch, tmp_path, kill=kill)
    whole = small_run(Store(tmp_path / "whole"), select_by)
    disk.seen = 0
    execute(whole, tmp_path / "whole")
    operations, expected = disk.seen, outcome(whole)
    assert operations > 30
    for place in range(1, operations + 1):
        run = small_run(Store(tmp_path / str(place)), select_by)
        disk.seen, disk.fails_at = 0, place
        with contextlib.suppress(Killed):
            sentence = execute(run, tmp_path / str(place))
            assert sentence is None or (run.id in sentence and "disk is full" in sentence), place
        disk.fails_at = None
        had_result, saved = run.has("result.json"), saved_epochs(run)
        assert run.status() in ("done" if had_result else "killed", "failed", "created"), place
        flat_runs.clear()
        assert execute(run, tmp_path / str(place)) is None
        assert outcome(run) == expected, place
        assert flat_runs == ([] if had_result else list(range(saved + 1, EPOCHS + 1))), place
        assert run.status() == "done"
        assert not (run.path / "checkpoint").exists()


def execute(run, root: Path) -> str | None:
    """Runs it; gives the sentence of its failure."""
    try:
        ict.running.execute.run(run.id, Store(root), threads=1, device="cpu")
    except IctError as error:
        return str(error)
    return None
