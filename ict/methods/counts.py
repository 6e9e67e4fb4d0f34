"""Parameters that a run trains, from the architecture alone."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ict.catalogue import Backbone
from ict.methods.registry import get_method
from ict.tasks import Task

if TYPE_CHECKING:
    from ict.config import RunConfig


def counts_of(config: "RunConfig", backbone: Backbone, task: Task) -> dict[str, int]:
    """Of a resolved configuration: adapter (all but the head), head, both, backbone.

    Where `budget` shares K out over blocks, adapter and both are the most that they can be.
    """
    return _counts(backbone, task.classes, dataclasses.asdict(config))


def parameter_counts(
    backbone: Backbone,
    *,
    method: str,
    classes: int,
    ks: Sequence[int] | None = None,
    blocks: Sequence[int] | None = None,
    lora_rank: int | None = None,
) -> dict[str, int]:
    """The same of fields that are given one by one, as version 0.1.0 took them."""
    fields = {"method": method, "k": ks, "blocks": blocks, "lora_rank": lora_rank}
    return _counts(backbone, classes, fields)


def _counts(backbone: Backbone, classes: int, fields: Mapping[str, Any]) -> dict[str, int]:
    adapter = get_method(fields["method"]).count(backbone, fields)
    head = backbone.features * classes + classes
    return {
        "adapter_parameters": adapter,
        "head_parameters": head,
        "trainable_parameters": adapter + head,
        "backbone_parameters": backbone.parameters,
    }
