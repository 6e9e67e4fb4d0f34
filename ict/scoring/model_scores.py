"""Scores of any timm model's channels, for a notebook."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

from ict.catalogue import SITE
from ict.criteria import CRITERION, Progress, Request, get_criterion
from ict.documents.identity import check_finite
from ict.errors import InputError, quoted
from ict.model.wrapping import bare
from ict.scores import ChannelScores
from ict.scoring.batches import Batch, batches_for


def score(
    model: nn.Module,
    data: Iterable[Any] | Callable[[], Iterable[Any]],
    *,
    site: str | Sequence[str] = SITE,
    criterion: str = CRITERION,
    tokens: str | None = None,
    classes: int | None = None,
    task: str | None = None,
    keep_images: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> ChannelScores:
    """Scores every channel of a timm model at one or more sites, for a notebook.

    `data` gives batches of normalised images (B, 3, S, S) and labels, as `ict.scoring.batches` reads
    them: a list, a DataLoader, or a function that starts the pass anew (some criteria take more than
    one). They are moved to the model's device and type of number. `classes` is found in a first look
    at the labels when it is not given; `task` names the scores in tables and files.

    Criteria with a gradient (`taylor`, `fisher`, `gradient`, and captum's) never use the model's own
    head: each image is judged by a linear head fitted on the other half of the images, logistic
    regression (`head="probe"`, the default) or class means (`head="ncm"`); `meta` says how well.

    A model inside torch.compile, DataParallel or PEFT is scored as the module inside, layers of PEFT
    included. The model is in evaluation mode while it is scored and is left as it was; inside
    `torch.inference_mode` or `no_grad` the numbers are the same. Raises InputError for an unknown
    site, criterion or tokens, and for a batch that is none.
    """
    check_finite(options)
    model = bare(model)
    if not isinstance(model, nn.Module):
        raise InputError(f"score needs a timm model, not {type(model).__name__}")
    if task is not None and not (isinstance(task, str) and task.strip()):
        raise InputError(f"task={quoted(task)}: give a name")
    chosen = get_criterion(criterion)
    sites = (site,) if isinstance(site, str) else tuple(site)
    was_training = model.training
    with torch.inference_mode(False), torch.enable_grad():
        again = batches_for(model, data)
        count, largest = _images_and_classes(again(), classes)
        request = Request(
            sites=sites,
            classes=largest,
            images=count,
            tokens=tokens or chosen.default_tokens,
            keep_images=keep_images,
            options=options,
            progress=progress,
        )
        try:
            computed = chosen.compute(model.eval(), again, request)
        finally:
            model.train(was_training)
    meta = {"criterion": criterion, "tokens": request.tokens, "classes": largest, **computed.meta}
    if task is not None:
        meta["task"] = task
    return ChannelScores(computed.arrays, meta, computed.labels)


def _images_and_classes(data: Iterable[Batch], classes: int | None) -> tuple[int, int]:
    """How many images there are, and classes: `classes`, or the highest label and one."""
    images, lowest, highest = 0, 0, -1
    for _, labels in data:
        images += len(labels)
        lowest, highest = min(lowest, int(labels.min())), max(highest, int(labels.max()))
    if not images:
        raise InputError("the data holds no batch: there is nothing to score")
    if lowest < 0 or (classes is not None and highest >= classes):
        raise InputError(
            f"labels from {lowest} to {highest}: give 0 to {(classes or highest + 1) - 1}"
        )
    return images, highest + 1 if classes is None else classes
