"""Stores as the pages meet them, made of plain files: runs in every state, scores of every shape."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from ict.locks import RunLock
from ict.studies import Study, create
from PIL import Image
from safetensors.numpy import save_file

from ict.config import RunConfig, run_id
from ict.scores import ChannelScores, to_bytes
from ict.selection import select
from ict.store import Run, Store
from ict.store.predictions import Predictions, write_predictions
from ict.tasks import load_split
from tests.result_documents import result_document

VIT_SMALL = ((12, 192),)
VIT_LARGE = ((24, 1024),)
SWIN_BASE = ((2, 128), (2, 256), (18, 512), (2, 1024))
SHAPES = {
    "ict_tiny": VIT_SMALL,
    "vit_large_patch16_224.augreg_in21k": VIT_LARGE,
    "swin_base_patch4_window7_224.ms_in22k": SWIN_BASE,
}
_FIELDS = frozenset(field.name for field in dataclasses.fields(RunConfig))
"""0.1.0, on which promises are tried, has fewer."""


def write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document))


def config(**fields: Any) -> RunConfig:
    """A resolved configuration, without looking for data or weights."""
    given: dict[str, Any] = {
        "task": "digits",
        "k": (24,),
        "weights": "sha256:00",
        "data": "bundled:digits@1",
    }
    given |= {"score_site": "attn", "score_task": fields.get("task", "digits")}
    given |= {"score_split": "train800", "selection_seed": None, "precision": "bf16"}
    given |= {"lora_rank": None}
    return RunConfig(**{**given, **fields})


def add_run(store: Store, *, day: int = 1, **fields: Any) -> Run:
    """A run folder with nothing but its config.json: status `created`."""
    wanted = config(**fields)
    run = Run(store.runs_dir / run_id(wanted))
    run.path.mkdir(parents=True, exist_ok=True)
    record = {"run_id": run.id, "config": wanted.to_dict(), "recipe": "quick", "recipe_fields": []}
    stamp = f"2026-01-{1 + day % 28:02d}T08:{day // 28 % 60:02d}:00.000Z"
    write(run.path / "config.json", {**record, "created_at": stamp, "command": None})
    return run


def add_progress(run: Run, epochs: int) -> None:
    """Curves that rise and flatten, with noise from the run's seed."""
    noise = np.random.default_rng(run.config["seed"])
    lines = []
    for epoch in range(1, epochs + 1):
        accuracy = 0.95 - 0.8 * np.exp(-epoch / 4) + noise.normal(0, 0.008)
        row = {"epoch": epoch, "train_loss": float(2.3 * np.exp(-epoch / 5) + 0.05)}
        row |= {"train_accuracy": float(accuracy), "val_accuracy": float(accuracy - 0.03)}
        row |= {
            "lr": 0.005 * (1 - epoch / (epochs + 1)),
            "seconds": 3.4,
            "images_per_second": 236.0,
        }
        lines.append(json.dumps(row))
    (run.path / "progress.jsonl").write_text("\n".join(lines) + "\n")
    (run.path / "log.txt").write_text("\n".join(f"epoch {i + 1}" for i in range(epochs)) + "\n")


def finish(run: Run, *, score_id: str | None = None, accuracy: float = 0.9) -> Run:
    """Everything that a run leaves when it is done."""
    fields = run.config
    add_progress(run, fields["epochs"] or 20)
    started = {"threads": 2, "device": "cpu", "slots": 1, "host": "somewhere", "pid": 1, "tries": 1}
    write(run.path / "execution.json", {**started, "started_at": "2026-01-01T08:00:00.000Z"})
    result = result_document(
        run_id=run.id, test_accuracy=accuracy, val_accuracy=accuracy - 0.01, train_accuracy=0.97,
        test_loss=0.31, train_loss=float(0.05 + 0.001 * fields["seed"]),
        test_balanced_accuracy=accuracy - 0.005, majority_accuracy=0.1, test_images=797,
        selected_epoch=fields["epochs"], adapter_parameters=7200, head_parameters=1930,
        trainable_parameters=9130, backbone_parameters=5_370_000, epochs=fields["epochs"],
        train_images=800, train_seconds=68.2 + (fields["seed"] - 42) / 100, score_seconds=3.1,
        images_per_second=236.0, peak_memory_bytes=812_000_000, device="cpu", threads=2,
        device_name="AMD EPYC", precision=fields["precision"],
        versions={"ict": "0.1.0", "torch": "2.9.0"}, score_id=score_id, official_data=True,
        started_at="2026-01-01T08:00:00.000Z", finished_at="2026-01-01T08:01:12.000Z",
    )  # fmt: skip
    write(run.path / "result.json", result)
    return run


def add_done(store: Store, *, score_id: str | None = None, **fields: Any) -> Run:
    """A finished run; with a score file, its selection as well."""
    accuracy = fields.pop("accuracy", 0.9)
    run = finish(add_run(store, **fields), score_id=score_id, accuracy=accuracy)
    if score_id:
        from ict.scores import load_scores

        scores = load_scores(store.score_dir(score_id))
        chosen = select(scores, site=run.config["tune_site"], k=run.config["k"])
        write(run.path / "selection.json", chosen.to_dict())
    return run


def add_failed(store: Store, **fields: Any) -> Run:
    run = add_run(store, **fields)
    add_progress(run, 3)
    write(run.path / "execution.json", {"threads": 2, "tries": 1})
    trace = 'Traceback (most recent call last):\n  File "run.py", line 1\nInputError: no image'
    message = "images/train800/000007.jpg cannot be decoded as an image: the file is empty"
    write(run.path / "error.json", {"message": message, "type": "InputError", "traceback": trace})
    return run


def add_killed(store: Store, **fields: Any) -> Run:
    run = add_run(store, **fields)
    add_progress(run, 5)
    write(run.path / "execution.json", {"threads": 2, "tries": 1})
    return run


def add_queued(store: Store, **fields: Any) -> Run:
    run = add_run(store, **fields)
    write(run.path / "queued", {"sequence": 1})
    return run


def add_running(store: Store, **fields: Any) -> tuple[Run, RunLock]:
    """A run whose lock is held as long as the second value lives."""
    run = add_run(store, **fields)
    add_progress(run, 6)
    write(run.path / "execution.json", {"threads": 2, "tries": 1})
    live = {"phase": "training", "done": 400, "total": 800, "unit": "images", "epoch": 7}
    live |= {"epochs": 20, "images_per_second": 241.5, "eta_seconds": 43.0}
    write(run.path / "live.json", {**live, "memory_bytes": 640_000_000, "updated_at": "2026"})
    lock = RunLock(run.path / "lock")
    assert lock.acquire()
    return run, lock


def add_foreign(store: Store) -> Path:
    """A folder that is no run, with a name that markdown and HTML would love to interpret."""
    path = store.runs_dir / "<b>my **notes**"
    path.mkdir(parents=True)
    (path / "todo.txt").write_text("buy milk")
    return path


def add_scores(
    store: Store,
    task: str = "digits",
    *,
    backbone: str = "ict_tiny",
    criterion: str = "class_l2",
    classes: int = 10,
    seed: int = 0,
) -> str:
    """A score file with heavy-tailed channels that are partly the backbone's and partly the task's."""
    stages = SHAPES[backbone]
    shared, own = np.random.default_rng(7), np.random.default_rng([seed, *task.encode()])
    arrays = {}
    for stage, (blocks, width) in enumerate(stages):
        base = shared.lognormal(0, 0.7, (blocks, 1, width))
        per_class = base * own.lognormal(0, 0.35, (blocks, classes, width)) * 40
        arrays[f"attn.{stage}.per_class"] = per_class.astype(np.float32)
        arrays[f"attn.{stage}"] = per_class.mean(axis=1).astype(np.float32)
    score_id = f"{task}-{backbone}-{criterion}-{seed:06x}"
    meta = {
        "score_id": score_id, "task": task, "split": "train800", "images": 800, "classes": classes,
        "backbone": backbone, "weights": "sha256:00", "criterion": criterion, "site": "attn",
        "tokens": "patch", "seconds": 3.1,
    }  # fmt: skip
    folder = store.score_dir(score_id)
    folder.mkdir(parents=True)
    (folder / "scores.safetensors").write_bytes(to_bytes(ChannelScores(arrays, meta)))
    write(folder / "meta.json", meta)
    return score_id


def add_inspection(store: Store, task: str = "digits", images: int = 3) -> Path:
    """Images that drive the channels of `ict_tiny`, in the files that `ict inspect` writes."""
    blocks, width = VIT_SMALL[0]
    draw, shape = np.random.default_rng(1), (blocks, width)
    tensors = {
        "images.0": draw.integers(0, images, (*shape, images), np.int32),
        "energies.0": draw.random((*shape, images), np.float32),
        "maps.0": draw.integers(0, 255, (*shape, images, 16), np.uint8),
        "map_range.0": np.tile(np.array([0, 5], np.float32), (*shape, 1)),
        "profile.0": draw.random((blocks, 10, width), np.float32).astype(np.float16),
        "histogram.0": draw.integers(0, 99, (*shape, 20), np.int32),
        "edges.0": np.tile(np.array([-2, 2], np.float32), (*shape, 1)),
        "adapter_in.0": np.full(shape, np.nan, np.float32),
        "adapter_out.0": np.full(shape, np.nan, np.float32),
        "labels": np.arange(images), "grid.0": np.array([4, 4]),
    }  # fmt: skip
    pictures = []
    for i in range(images):
        buffer = io.BytesIO()
        Image.new("RGB", (64, 64), (60 * i, 120, 200)).save(buffer, "WEBP")
        pictures.append(buffer.getvalue())
    offsets = np.cumsum([0, *map(len, pictures)])
    content = np.frombuffer(b"".join(pictures), np.uint8)
    thumbs = {"bytes": content, "offsets": offsets, "images": np.arange(images)}
    folder = store.inspect_dir / f"{task}-inspect"
    folder.mkdir(parents=True)
    save_file(tensors, folder / "inspect.safetensors")
    save_file(thumbs, folder / "thumbs.safetensors")
    meta = {"task": task, "backbone": "ict_tiny", "site": "attn", "stages": [[blocks, width]]}
    write(folder / "meta.json", meta)
    return folder


def add_study(store: Store, name: str = "k_ratio") -> Study:
    """A study of three K and two seeds with random channels and a linear probe; two runs are missing.

    But for its 4 epochs its settings are those of `config`.
    """
    same = {"image_size": 64, "batch_size": 64, "warmup_epochs": 2}
    same = {name: value for name, value in same.items() if name in _FIELDS}
    document = {
        "name": name, "base": {"task": "digits", "epochs": 4, **same},
        "grid": {"ratio": [0.03125, 0.125, 0.5], "seed": [42, 44]},
        "compare": [{"name": "random-K", "criterion": "random"}, {"name": "linear", "method": "linear"}],
    }  # fmt: skip
    study = create(store, document)
    for i, member in enumerate(study.run_ids[:-2]):
        finish(store.run(member), accuracy=0.8 + 0.01 * (i % 6))
    return study


def add_many(store: Store, runs: int = 500) -> None:
    """`runs` finished runs: tasks × K × seeds, with controls."""
    tasks = ("digits", "sprites_loc", "sprites_ori", "count")
    noise = np.random.default_rng(3)
    for i in range(runs):
        k = (3, 6, 12, 24, 48, 96, 192)[i // 4 % 7]
        fields: dict[str, Any] = {"task": tasks[i % 4], "k": (k,), "seed": 42 + i // 28, "day": i}
        accuracy = 0.6 + 0.06 * np.log2(k / 3) / 1.2 + noise.normal(0, 0.01)
        add_done(store, accuracy=float(min(accuracy, 0.99)), **fields)


def tiny_study(store: Store) -> None:
    """A handful of runs and scores that fill every page."""
    ids = {task: add_scores(store, task) for task in ("digits", "sprites_loc", "sprites_ori")}
    add_scores(store, "digits", criterion="l2", seed=5)
    for task, score_id in ids.items():
        for seed in (42, 44, 82):
            add_done(store, task=task, seed=seed, score_id=score_id, accuracy=0.9 + seed / 4000)
    for k, accuracy in ((3, 0.78), (12, 0.87), (48, 0.94), (96, 0.95), (192, 0.955)):
        for seed in (42, 44):
            add_done(store, k=(k,), seed=seed, accuracy=accuracy + seed / 9000, day=k)
    off = {"k": None, "criterion": None, "tune_site": None, "score_task": None}
    add_done(store, method="linear", accuracy=0.82, **off)
    add_done(store, method="full", accuracy=0.951, **off)


def add_answers(run: Run, *, wrong: float) -> Predictions:
    """Answers on the test images of digits, of which a share is wrong; drawn from the run's id."""
    labels = load_split("digits", "test").labels
    generator = np.random.default_rng([*run.id.encode()])
    hard = np.arange(len(labels)) % 5 == 0  # images that every method errs on more
    errs = generator.random(len(labels)) < wrong * np.where(hard, 3, 0.5)
    certain = generator.uniform(0.2, 1, len(labels)).astype(np.float32)
    said = np.where(errs, (labels + generator.integers(1, 4, len(labels))) % 10, labels)
    losses = np.where(errs, 2.0, 0.1).astype(np.float32)
    answers = Predictions(said, labels, certain, losses, test_sha256="a" * 64, classes=10)
    write_predictions(run.path, answers)
    result = json.loads((run.path / "result.json").read_text())
    write(run.path / "result.json", {**result, "test_accuracy": float((~errs).mean())})
    return answers


def add_answered_study(store: Store, name: str = "answered") -> Study:
    """K/D = 1/8 against random channels, three seeds each, with answers on the images of digits."""
    document = {
        "name": name, "base": {"task": "digits", "epochs": 4, "ratio": 0.125},
        "grid": {"seed": [42, 44, 82]}, "compare": [{"name": "random-K", "criterion": "random"}],
    }  # fmt: skip
    study = create(store, document)
    for run in map(store.run, study.run_ids):
        finish(run)
        add_answers(run, wrong=0.1 if run.config["criterion"] == "random" else 0.06)
    return study
