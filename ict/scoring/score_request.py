"""What makes a score of a task what it is, and its id."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ict.catalogue import SITE, Backbone, as_backbone
from ict.criteria import CRITERION, own_tokens
from ict.documents.identity import REQUESTS, canonical, check_finite, digest, name_of
from ict.tasks import Task, as_task, fingerprint
from ict.tasks.limits import FIRST, TRAIN800, Subset, check_split_of_shots, rule_for
from ict.weights import find as find_weights

ALL_TRAINED = "train800val200"


@dataclass(frozen=True, kw_only=True)
class ScoreRequest:
    """What makes a score what it is; its hash is the score id."""

    task: str
    backbone: str
    weights: str
    data: str
    criterion: str = CRITERION
    sites: tuple[str, ...] = (SITE,)
    tokens: str = "patch"
    split: str = ALL_TRAINED
    pixel_normalisation: str = "native"
    limit: int | None = None
    limit_rule: str = FIRST
    image_size: int | None = None
    shots: int | None = None
    shot_seed: int = 0
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    schema: int = 1

    def __post_init__(self) -> None:
        check_finite(self.options)
        check_split_of_shots(self.split, self.shots)

    @property
    def score_id(self) -> str:
        readable = f"{self.task}-{self.backbone}-{self.criterion}-{'_'.join(self.sites)}"
        return name_of(readable, digest(canonical(dataclasses.asdict(self), REQUESTS)))

    def subset_of(self, task: Task) -> Subset:
        """Which images of its `task` are scored."""
        return Subset.asked(self, task, self.split)


def request_for(
    *,
    task: str | Task,
    backbone: str | Backbone,
    criterion: str,
    sites: tuple[str, ...],
    tokens: str | None,
    split: str | None,
    pixel_normalisation: str,
    limit: int | None,
    limit_rule: str | None = None,
    image_size: int | None = None,
    shots: int | None = None,
    shot_seed: int | None = None,
    weights: str | Path | None = None,
    root: Path | None = None,
    seed: int = 0,
    options: dict[str, Any] | None = None,
) -> tuple[ScoreRequest, Path | None]:
    """The request with weights and data identified, and the weights file. Raises InputError.

    `split` is train800val200 by default, with shots train800; `limit_rule` that of now unless an older
    request goes on.
    """
    found_task, found_backbone = as_task(task, root=root), as_backbone(backbone)
    found_weights = find_weights(found_backbone, weights, fetch=True)
    read = split or (ALL_TRAINED if shots is None else TRAIN800)
    request = ScoreRequest(
        task=found_task.name,
        backbone=found_backbone.name,
        weights=found_weights.identity,
        data=fingerprint(found_task, root=root, splits=(read,)),
        criterion=criterion,
        sites=sites,
        tokens=tokens or own_tokens(criterion),
        split=read,
        pixel_normalisation=pixel_normalisation,
        limit=limit,
        limit_rule=limit_rule or rule_for(limit),
        image_size=found_backbone.own_size(image_size),
        shots=shots,
        shot_seed=0 if shots is None else shot_seed or 0,
        seed=seed,
        options=options or {},
    )
    return request, found_weights.path
