"""Scores of a task's channels by its name, kept in the store."""

import dataclasses
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ict import scores as score_files
from ict.adapter_gradients import bytes_of
from ict.catalogue import Backbone
from ict.criteria import ADAPTER_GRADIENT, Progress, Request, choice, get_criterion
from ict.data import ImageSet, batches, load_set
from ict.documents.adapter_gradient_files import is_gradient_file
from ict.errors import InputError
from ict.files import (
    atomic_write_bytes,
    atomic_write_json,
    check_writable,
    make_folder,
)
from ict.model.backbones import load_backbone, weights_notes
from ict.provenance import package_versions, peak_memory_bytes
from ict.scores import ChannelScores
from ict.scoring.inputs import Asked, Inputs
from ict.scoring.score_request import ScoreRequest
from ict.store import same_images
from ict.store.names import gradient_file, meta_file
from ict.store.score_folder import read_score
from ict.store.store import Store
from ict.tasks import Task, load_subset
from ict.tasks.decoded.tally import Tally
from ict.tasks.digests import ImageDigests
from ict.tasks.limits import Subset


def score_task(
    store: Store,
    request: ScoreRequest,
    *,
    task: Task | None = None,
    backbone: Backbone | None = None,
    weights_file: Path | None = None,
    root: Path | None = None,
    device: str = "cpu",
    batch_size: int | None = None,
    keep_images: bool = False,
    progress: Progress | None = None,
    images: ImageSet | None = None,
    digests: ImageDigests | None = None,
) -> Path:
    """The score file of `request`, computed unless the store has it whole (with sums if asked).

    Beside those by adapter_gradient lie the gradients themselves, `ict.store.names.gradient_file`.

    `task` and `backbone` are the request's, where they were looked up before. `batch_size` is 16 for images of 224
    pixels and up to 64 for smaller ones, unless it is given.
    Raises InputError if the store has it of other images than those of now (`digests`).
    """
    _check_batch(batch_size)
    path = store.score_file(request.score_id)
    inputs = Inputs.of(request, task=task, backbone=backbone, weights_file=weights_file, root=root)
    subset = request.subset_of(inputs.task)
    reading = _reading(request, subset, digests or ImageDigests())
    meta = read_score(path.parent)
    if isinstance(meta, dict):
        same_images.check_file(store, path.parent, meta, reading)
        if _has_gradients(path, request) and (not keep_images or _has_images(path)):
            return path
    check_writable(path, gradient_bytes_of(request, inputs.backbone))
    reading.now()  # before the images are read; the store is written to when there are scores
    started = time.perf_counter()
    computed = _compute(
        request,
        inputs,
        device=device,
        batch_size=batch_size,
        keep_images=keep_images,
        progress=progress,
        images=images,
    )
    meta = {
        **dataclasses.asdict(request),
        **computed.meta,
        **_described(request, inputs.backbone),
        "keep_images": keep_images,
        "images_sha256": reading.record(store),
        "seconds": time.perf_counter() - started,
        **_circumstances(device, computed.meta.get("notes", ())),
    }
    _write(path, dataclasses.replace(computed, meta=meta))
    return path


def _write(path: Path, scores: ChannelScores) -> None:
    """The score file; its meta.json last, as that says that all is there."""
    folder = make_folder(path.parent)
    if scores.gradients is not None:
        named = dataclasses.replace(scores.gradients, meta=scores.meta)
        atomic_write_bytes(gradient_file(folder), named.to_bytes())
    atomic_write_bytes(path, score_files.to_bytes(scores))
    atomic_write_json(meta_file(folder), scores.meta)


def _reading(request: ScoreRequest, subset: Subset, digests: ImageDigests) -> same_images.Reading:
    """The images that a score reads; a random choice reads none."""
    drawn = choice(request.criterion).criterion is None
    return same_images.Reading({} if drawn else {request.split: subset}, digests)


def _check_batch(size: int | None) -> None:
    if size is not None and size < 1:
        raise InputError(f"batch_size={size}: choose 1 or more images at once")


def _circumstances(device: str, notes: Iterable[str]) -> dict[str, Any]:
    """Where a score was computed and with what; what could not be found out is among the notes."""
    said = list(notes)
    memory, versions = peak_memory_bytes(device, said), package_versions(said)
    return {
        "precision": "fp32",
        "device": device,
        "peak_memory_bytes": memory,
        "versions": versions,
        "notes": said,
    }


def _described(request: ScoreRequest, backbone: Backbone) -> dict[str, Any]:
    """What the metadata of a score file says beside its request: id, site, stages, pixels."""
    mean, std = backbone.pixels(request.pixel_normalisation)
    return {
        "score_id": request.score_id,
        "site": request.sites[0] if len(request.sites) == 1 else None,
        "stages": [list(stage) for stage in backbone.stages],
        "pixel_mean": list(mean),
        "pixel_std": list(std),
    }


def frozen_backbone(request: Asked, inputs: Inputs, *, device: str) -> nn.Module:
    """The backbone without a head that a score, causal check or inspection reads, on `device`."""
    return load_backbone(
        inputs.backbone,
        weights=request.weights,
        weights_file=inputs.weights_file,
        classes=0,
        image_size=request.image_size,
    ).to(device)


def _compute(
    request: ScoreRequest,
    inputs: Inputs,
    *,
    device: str,
    batch_size: int | None,
    keep_images: bool,
    progress: Progress | None,
    images: ImageSet | None,
) -> ChannelScores:
    selector, criterion = choice(request.criterion)
    if criterion is None:
        return _random_scores(request, inputs)
    backbone = inputs.backbone
    # before the images: a file that does not fit is said at once
    model = frozen_backbone(request, inputs, device=device)
    tally = Tally()
    if images is None:
        images = load_set(
            load_subset(request.subset_of(inputs.task)), backbone.image_size, tally=tally
        )
    images = images.to(device)
    mean, std = backbone.pixels(request.pixel_normalisation)
    if batch_size is None:
        batch_size = usual_batch(backbone.image_size)
    chosen = get_criterion(criterion)
    computed = chosen.compute(
        model,
        lambda: batches(images, batch_size, mean=mean, std=std, dtype=torch.float32),
        Request(
            sites=request.sites,
            classes=images.classes,
            images=len(images),
            tokens=request.tokens,
            keep_images=keep_images,
            options=request.options,
            progress=progress,
        ),
    )
    arrays = computed.arrays
    if selector == "lowest":
        arrays = {key: -array if key.count(".") == 1 else array for key, array in arrays.items()}
    meta = {**computed.meta, "images": len(images), "classes": images.classes}
    if notes := [*weights_notes(model), *tally.notes]:
        meta["notes"] = notes
    return ChannelScores(arrays, meta, computed.labels, computed.gradients)


def usual_batch(image_size: int) -> int:
    """Images at once where nobody asks for a number: 16 of 224 pixels, up to 64 of fewer."""
    return max(16, min(64, 16 * 224**2 // image_size**2))


def _random_scores(request: ScoreRequest, inputs: Inputs) -> ChannelScores:
    """Uniform scores in [0, 1), a function of `seed` alone: their top K is a uniform draw of K."""
    generator = np.random.Generator(np.random.PCG64(request.seed))
    arrays = {
        f"{site}.{stage}": generator.random(shape, dtype=np.float32)
        for site in request.sites
        for stage, shape in enumerate(inputs.backbone.stages)
    }
    return ChannelScores(arrays, {"images": 0, "classes": inputs.task.classes})


def gradient_bytes_of(request: ScoreRequest, backbone: Backbone) -> int:
    """What the gradients of a request take on the disk, and in memory; 0 for another criterion."""
    if choice(request.criterion).criterion != ADAPTER_GRADIENT:
        return 0
    return bytes_of(backbone.stages, len(request.sites))


def _has_gradients(path: Path, request: ScoreRequest) -> bool:
    """Whether the gradients beside a score file are there whole, where its criterion has some."""
    if choice(request.criterion).criterion != ADAPTER_GRADIENT:
        return True
    return is_gradient_file(gradient_file(path.parent))


def _has_images(path: Path) -> bool:
    try:
        return bool(score_files.load_scores(path, kinds=()).labels is not None)
    except InputError:
        return False
