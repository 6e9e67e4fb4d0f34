"""What a score, causal check or inspection reads beside its request, looked up once and passed from there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from ict.catalogue import Backbone, as_backbone
from ict.tasks import Task, as_task


class Asked(Protocol):
    """What says which task, backbone, weights and image size are meant."""

    @property
    def task(self) -> str: ...
    @property
    def backbone(self) -> str: ...
    @property
    def weights(self) -> str: ...
    @property
    def image_size(self) -> int | None: ...


@dataclass(frozen=True)
class Inputs:
    """The task, backbone and weights file of a request."""

    task: Task
    backbone: Backbone
    """At the request's image size."""
    weights_file: Path | None

    @classmethod
    def of(
        cls,
        request: Asked,
        *,
        task: Task | None,
        backbone: Backbone | None,
        weights_file: Path | None,
        root: Path | None,
    ) -> Self:
        """Those of `request`; a task and a backbone that were looked up before are taken as they are."""
        return cls(
            as_task(task or request.task, root=root),
            as_backbone(backbone or request.backbone).at(request.image_size),
            weights_file,
        )
