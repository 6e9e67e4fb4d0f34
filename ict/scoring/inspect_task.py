"""`ict inspect`: the pages of a task's channels, from names to a folder in the store."""

import dataclasses
import io
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import save

from ict.catalogue import (
    BUNDLED,
    SITE,
    Backbone,
    as_backbone,
    check_site,
)
from ict.criteria import Progress
from ict.data import batches, load_set
from ict.documents.identity import REQUESTS, canonical, digest, name_of
from ict.documents.tensor_files import open_tensors
from ict.errors import InputError, quoted
from ict.files import atomic_write_bytes, atomic_write_json, check_writable, make_folder
from ict.provenance import package_versions
from ict.scoring.inputs import Inputs
from ict.scoring.inspection import inspect_channels
from ict.scoring.score_request import ALL_TRAINED
from ict.scoring.task_scores import frozen_backbone
from ict.store import same_images
from ict.store.inspect_files import HIGHEST, LEVELS, ROWS, THUMBS, Inspection, read_inspection
from ict.store.names import meta_file
from ict.store.run_folder import utc_now
from ict.store.run_weights import weights_of
from ict.store.store import Store
from ict.tasks import SPLITS, Split, Task, as_task, fingerprint, load_subset
from ict.tasks.decoded.tally import Tally
from ict.tasks.digests import ImageDigests
from ict.tasks.limits import FIRST, TRAIN800, Subset, check_split_of_shots, rule_for
from ict.weights import Weights
from ict.weights import find as find_weights

THUMB = 96  # pixels
_ADAPTER = re.compile(r"(?:layers\.(?P<stage>\d+)\.)?blocks\.(?P<block>\d+)\..*adapter\.weight$")


@dataclass(frozen=True, kw_only=True)
class InspectRequest:
    """What makes an inspection what it is; its hash is its id."""

    task: str
    backbone: str
    weights: str
    data: str
    site: str = SITE
    split: str = "train800val200"
    run: str | None = None
    """A finished run whose adapter's weights stand beside the channels."""
    pixel_normalisation: str = "native"
    limit: int | None = None
    limit_rule: str = FIRST
    image_size: int | None = None
    shots: int | None = None
    shot_seed: int = 0
    shows: str = HIGHEST
    """Of which energies images are shown."""
    schema: int = 1

    @property
    def inspect_id(self) -> str:
        readable = f"{self.task}-{self.backbone}-{self.site}"
        return name_of(readable, digest(canonical(dataclasses.asdict(self), REQUESTS)))

    def subset_of(self, task: Task) -> Subset:
        """Which images of its `task` are looked at."""
        return Subset.asked(self, task, self.split)


def request_inspection(
    store: Store,
    *,
    task: str | Task,
    backbone: str | Backbone | None,
    site: str | None,
    run: str | None = None,
    split: str | None = None,
    weights: str | Path | None = None,
    pixel_normalisation: str | None = None,
    limit: int | None = None,
    image_size: int | None = None,
    shots: int | None = None,
    shot_seed: int | None = None,
    root: Path | None = None,
) -> tuple[InspectRequest, Path | None]:
    """The request and the weights file; backbone, site and pixels are the run's unless given.

    `split` is train800val200 by default, with shots train800.
    Raises InputError for what does not exist, and for a run that is not done or of another backbone.
    """
    config: dict[str, Any] = {}
    if run is not None:
        folder = store.run(run)
        run, config = folder.id, folder.config
        if not folder.has_adapter or config.get("method") != "ict":
            raise InputError(
                f"run {folder.id} is {folder.status()} or has no channel adapter to show"
            )
    shown = as_backbone(backbone or config.get("backbone") or BUNDLED)
    if config and config["backbone"] != shown.name:
        tuned = f"run {run} tunes {config['backbone']}, not {shown.name}"
        raise InputError(f"{tuned}; leave --backbone out")
    split = _split_of(split, shots)
    site = site or config.get("tune_site") or SITE
    check_site(shown, site)
    if run is not None:
        weights_found = Weights(
            str(config.get("weights")), weights_of(store.run(run), given=weights, backbone=shown)
        )
    else:
        weights_found = find_weights(shown, weights, fetch=True)
    found_task = as_task(task, root=root)
    request = InspectRequest(
        task=found_task.name,
        backbone=shown.name,
        weights=weights_found.identity,
        data=fingerprint(found_task, root=root, splits=(split,)),
        site=site,
        split=split,
        run=run,
        pixel_normalisation=pixel_normalisation or config.get("pixel_normalisation") or "native",
        limit=limit,
        limit_rule=rule_for(limit),
        image_size=shown.own_size(config.get("image_size") if image_size is None else image_size),
        shots=shots,
        shot_seed=0 if shots is None else shot_seed or 0,
        shows=LEVELS,
    )
    return request, weights_found.path


def _split_of(split: str | None, shots: int | None) -> str:
    """The split that is looked at. Raises InputError for one that is not, or has no shots."""
    split = split or (ALL_TRAINED if shots is None else TRAIN800)
    check_split_of_shots(split, shots)
    if split not in SPLITS[:3]:
        raise InputError(f"split={quoted(split)}: choose one of {', '.join(SPLITS[:3])}")
    return split


def inspect_task(
    store: Store,
    request: InspectRequest,
    *,
    task: Task | None = None,
    backbone: Backbone | None = None,
    weights_file: Path | None = None,
    root: Path | None = None,
    device: str = "cpu",
    batch_size: int = 32,
    progress: Progress | None = None,
) -> Path:
    """The folder of the inspection, computed unless it is there; `meta.json` is written last.

    `task` and `backbone` are the request's, where they were looked up before.
    """
    folder = store.inspect_dir / request.inspect_id
    inputs = Inputs.of(request, task=task, backbone=backbone, weights_file=weights_file, root=root)
    subset = request.subset_of(inputs.task)
    reading = same_images.Reading({request.split: subset}, ImageDigests())
    if isinstance(kept := read_inspection(folder), Inspection):
        same_images.check_file(store, folder, dict(kept.meta), reading)
        return folder
    check_writable(folder / ROWS)
    reading.now()  # before the images are read
    started = time.perf_counter()
    sized, split = inputs.backbone, load_subset(subset)
    tally = Tally()
    images = load_set(split, sized.image_size, tally=tally).to(device)
    model = frozen_backbone(request, inputs, device=device)
    mean, std = sized.pixels(request.pixel_normalisation)
    pages = inspect_channels(
        model,
        lambda: batches(images, batch_size, mean=mean, std=std),
        site=request.site,
        classes=images.classes,
        images=len(images),
        progress=progress,
    )
    run = store.run(request.run) if request.run else None
    adapter = run.adapter_path if run else None
    highest_alone = request.shows == HIGHEST
    arrays = pages.arrays(highest_alone=highest_alone) | adapter_norms(adapter, sized)
    make_folder(folder)
    atomic_write_bytes(folder / ROWS, save(arrays))
    thumbs = _thumbs(split, pages.shown(highest_alone=highest_alone), sized.image_size)
    atomic_write_bytes(folder / THUMBS, save(thumbs))
    meta = {
        **_said_of(request, sized, split),
        "images_sha256": reading.record(store),
        "tune_site": run.config.get("tune_site") if run else None,
        "bytes": sum((folder / name).stat().st_size for name in (ROWS, THUMBS)),
        "seconds": time.perf_counter() - started,
        "device": device,
        "created_at": utc_now(),
        "versions": package_versions(),
        "notes": tally.notes,
    }
    atomic_write_json(meta_file(folder), meta)
    return folder


def _said_of(request: InspectRequest, backbone: Backbone, split: Split) -> dict[str, Any]:
    """What an inspection says of itself that does not depend on where it is computed."""
    return {
        **dataclasses.asdict(request),
        "inspect_id": request.inspect_id,
        "stages": [list(stage) for stage in backbone.stages],
        "heads": list(backbone.heads),
        "images": len(split.labels),
        "classes": split.classes,
        "class_names": split.class_names,
        "tokens": "patch",
        "driven_by": "Σ_t a² over patch tokens",
    }


def adapter_norms(path: Path | None, backbone: Backbone) -> dict[str, np.ndarray]:
    """‖W[:, c]‖ (what is read from c) and ‖W[c, :]‖ (what is written to it), NaN where none is."""
    arrays = {
        f"adapter_{way}.{stage}": np.full(shape, np.nan, dtype=np.float32)
        for way in ("in", "out")
        for stage, shape in enumerate(backbone.stages)
    }
    if path is None:
        return arrays
    try:
        with open_tensors(path) as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except InputError as error:
        raise InputError(f"{path}: not a readable adapter ({error})") from error
    for name, weight in tensors.items():
        place = _ADAPTER.search(name)
        if place is None:
            continue
        stage, block = int(place["stage"] or 0), int(place["block"])
        own = name.removesuffix("weight")
        read = tensors[f"{own}indices"]
        written = tensors.get(f"{own}writes", read)
        arrays[f"adapter_in.{stage}"][block, read] = np.linalg.norm(weight, axis=0)
        arrays[f"adapter_out.{stage}"][block, written] = np.linalg.norm(weight, axis=1)
    return arrays


def _thumbs(split: Split, shown: list[int], size: int) -> dict[str, np.ndarray]:
    """One WebP for each image that is shown, one behind the other; images without a size of their own at `size`."""
    pictures = []
    for index in shown:
        picture = split.image(index, size).resize((THUMB, THUMB), Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        picture.save(buffer, format="WEBP", quality=80)
        pictures.append(buffer.getvalue())
    offsets = np.cumsum([0, *map(len, pictures)], dtype=np.int64)
    return {
        "bytes": np.frombuffer(b"".join(pictures), dtype=np.uint8),
        "offsets": offsets,
        "images": np.array(shown, dtype=np.int64),
    }
