"""`ict causal`: the causal check of a task, from names to one JSON file in the store."""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ict.catalogue import Backbone, as_backbone, check_blocks, check_site
from ict.criteria import Progress, check_criterion, is_control, is_ranking, own_tokens
from ict.data import batches, load_set
from ict.documents.identity import REQUESTS, canonical, digest, name_of
from ict.errors import InputError, quoted
from ict.files import atomic_write_json, check_writable, make_folder
from ict.provenance import package_versions
from ict.scores import load_scores
from ict.scoring.causal import Plan, measure
from ict.scoring.inputs import Inputs
from ict.scoring.score_request import ScoreRequest
from ict.scoring.task_scores import frozen_backbone, score_task
from ict.store import same_images
from ict.store.causal_files import CausalCheck, read_check
from ict.store.run_folder import utc_now
from ict.store.store import Store
from ict.tasks import Task, as_task, fingerprint, load_subset
from ict.tasks.decoded.tally import Tally
from ict.tasks.digests import ImageDigests
from ict.tasks.limits import FIRST, Subset, rule_for
from ict.tasks.task import refuse_noise
from ict.weights import Weights
from ict.weights import find as find_weights

if TYPE_CHECKING:
    from ict.criteria import Batches

REPLACEMENTS = ("mean", "zero")
ZEROED = "zeroing breaks a network whatever the task where a channel acts as a bias; prefer mean"


@dataclass(frozen=True, kw_only=True)
class CausalRequest:
    """What makes a causal check what it is; its hash is its id."""

    task: str
    backbone: str
    weights: str
    data: str
    criteria: tuple[str, ...]
    plan: Plan
    pixel_normalisation: str = "native"
    limit: int | None = None
    limit_rule: str = FIRST
    image_size: int | None = None
    shots: int | None = None
    """So many images of each class of train800 give means and scores; val200 stays whole."""
    shot_seed: int = 0
    schema: int = 1

    @property
    def causal_id(self) -> str:
        readable = f"{self.task}-{self.backbone}-{self.plan.site}"
        return name_of(readable, digest(canonical(dataclasses.asdict(self), REQUESTS)))

    def subset_of(self, task: Task, split: str) -> Subset:
        """Which images of a split of its `task` are read."""
        return Subset.asked(self, task, split)

    def record(self) -> dict[str, Any]:
        """Flat, as the file holds it."""
        fields = dataclasses.asdict(self)
        return {"causal_id": self.causal_id, **fields.pop("plan"), **fields}


def check(
    store: Store,
    request: CausalRequest,
    *,
    task: Task | None = None,
    backbone: Backbone | None = None,
    weights_file: Path | None = None,
    root: Path | None = None,
    device: str = "cpu",
    batch_size: int = 50,
    progress: Progress | None = None,
) -> Path:
    """The causal check of `request` in the store, computed unless it is there and whole; scores likewise.

    `task` and `backbone` are the request's, where they were looked up before.
    """
    path = store.causal_file(request.causal_id)
    inputs = Inputs.of(request, task=task, backbone=backbone, weights_file=weights_file, root=root)
    read = {split: request.subset_of(inputs.task, split) for split in ("train800", "val200")}
    reading = same_images.Reading(read, ImageDigests())
    kept = read_check(path)
    if isinstance(kept, CausalCheck):
        same_images.check_file(store, path.parent, kept.said, reading)
        return path
    check_writable(path)
    reading.now()  # before the images are read
    started = time.perf_counter()
    rankings, score_ids = _scores(store, request, inputs, device=device)
    mean, std = inputs.backbone.pixels(request.pixel_normalisation)
    size, tally = inputs.backbone.image_size, Tally()

    def images_of(split: str) -> "Batches":
        loaded = load_set(load_subset(read[split]), size, tally=tally).to(device)
        return lambda: batches(loaded, batch_size, mean=mean, std=std)

    model = frozen_backbone(request, inputs, device=device)
    document = measure(
        model,
        images_of("train800"),
        images_of("val200"),
        plan=request.plan,
        classes=inputs.task.classes,
        scores=rankings,
        progress=progress,
    )
    record = {
        **request.record(),
        **document,
        "score_ids": score_ids,
        "images_sha256": reading.record(store),
        "seconds": time.perf_counter() - started,
        **_circumstances(request, device, tally),
    }
    make_folder(path.parent)
    atomic_write_json(path, record)
    return path


def _circumstances(request: CausalRequest, device: str, tally: Tally) -> dict[str, Any]:
    """On which images, where, when and with what a check was made; notes of all that."""
    notes = [ZEROED] if request.plan.replacement == "zero" else []
    notes += tally.notes
    versions = package_versions(notes)
    return {
        "train_split": "train800",
        "validation_split": "val200",
        "device": device,
        "created_at": utc_now(),
        "versions": versions,
        "notes": notes,
    }


def _scores(
    store: Store, request: CausalRequest, inputs: Inputs, *, device: str
) -> tuple[dict[str, list[np.ndarray]], dict[str, str]]:
    """The scores (D,) of every block by criterion, on train800, computed where the store lacks them."""
    rows, ids = {}, {}
    for scored in score_requests(request, inputs):
        path = score_task(
            store,
            scored,
            task=inputs.task,
            backbone=inputs.backbone,
            weights_file=inputs.weights_file,
            device=device,
        )
        rows[scored.criterion] = [
            row for stage in load_scores(path, kinds=("",)).site(request.plan.site) for row in stage
        ]
        ids[scored.criterion] = scored.score_id
    return rows, ids


def score_requests(request: CausalRequest, inputs: Inputs) -> list[ScoreRequest]:
    """One a criterion. Weights of the hub go by the digest of their file, as version 0.1.0 had it.

    `data` is the same where only train800 is read: all lists were found sound for the check.
    """
    weights = Weights(request.weights, inputs.weights_file)
    return [
        ScoreRequest(
            task=request.task,
            backbone=request.backbone,
            weights=weights.sha256 or request.weights,
            data=request.data,
            criterion=criterion,
            sites=(request.plan.site,),
            tokens=own_tokens(criterion),
            split="train800",
            pixel_normalisation=request.pixel_normalisation,
            limit=request.limit,
            limit_rule=request.limit_rule,
            image_size=request.image_size,
            shots=request.shots,
            shot_seed=request.shot_seed,
        )
        for criterion in request.criteria
    ]


def request_check(
    *,
    task: str | Task,
    backbone: str | Backbone,
    criteria: Sequence[str],
    plan: Plan,
    weights: str | Path | None = None,
    root: Path | None = None,
    pixel_normalisation: str = "native",
    limit: int | None = None,
    image_size: int | None = None,
    shots: int | None = None,
    shot_seed: int | None = None,
) -> tuple[CausalRequest, Path | None]:
    """The request with weights and data identified, and the weights file. Raises InputError."""
    if plan.replacement not in REPLACEMENTS:
        raise InputError(
            f"replacement={quoted(plan.replacement)}: choose one of {', '.join(REPLACEMENTS)}"
        )
    for criterion in criteria:
        check_criterion(criterion)
        if is_control(criterion):
            raise InputError(
                f"criterion {quoted(criterion)}: random and lowest orders are always compared"
            )
        if not is_ranking(criterion):
            raise InputError(
                f"criterion {quoted(criterion)} ranks no channels, in whose order they could be replaced; "
                "choose another"
            )
    found_task, found_backbone = as_task(task, root=root), as_backbone(backbone)
    refuse_noise(found_task.name, "no accuracy can be measured on it")
    check_site(found_backbone, plan.site)
    check_blocks(found_backbone, plan.blocks)
    found_weights = find_weights(found_backbone, weights, fetch=True)
    request = CausalRequest(
        task=found_task.name,
        backbone=found_backbone.name,
        weights=found_weights.identity,
        data=fingerprint(found_task, root=root),
        criteria=tuple(dict.fromkeys(criteria)),
        plan=plan,
        pixel_normalisation=pixel_normalisation,
        limit=limit,
        limit_rule=rule_for(limit),
        image_size=found_backbone.own_size(image_size),
        shots=shots,
        shot_seed=0 if shots is None else shot_seed or 0,
    )
    return request, found_weights.path
