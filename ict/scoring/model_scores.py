"""Scores of any timm model's channels, for a notebook."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral
from typing import Any

import torch
from torch import nn

from ict.catalogue import SITE
from ict.criteria import CRITERION, TOKENS, Computed, Progress, Request, get_criterion
from ict.documents.identity import check_finite
from ict.errors import InputError, quoted
from ict.model.wrapping import bare
from ict.scores import ChannelScores
from ict.scoring.batches import Batch, batches_for
from ict.tasks.lists import MAX_LABEL
from ict.tasks.vtab import are_sparse


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

    `data` gives batches of normalised images (B, 3, S, S) and labels (B,), as `ict.scoring.batches` reads
    them: a list, a DataLoader, or a function that starts the pass anew (some criteria take more than
    one). They are moved to the model's device and type of number. `classes` is found in a first look
    at the labels when it is not given; `task` names the scores in tables and files.

    Criteria with a gradient (`taylor`, `fisher`, `gradient`, `adapter_gradient`, and captum's) never use the
    model's own head: each image is judged by a linear head fitted on the other half of the images, logistic
    regression (`head="probe"`, the default) or class means (`head="ncm"`); `meta` says how well.

    A model inside torch.compile, DataParallel or PEFT is scored as the module inside, layers of PEFT
    included. The model is in evaluation mode while it is scored and is left as it was, module by module;
    inside `torch.inference_mode` or `no_grad` the numbers are the same. Raises InputError for an unknown
    site, criterion or tokens, for a batch that is none, and, unless `classes` is given, for labels that
    are no numbers of classes (0, 1 and 40,000).
    """
    check_finite(options)
    model = bare(model)
    if not isinstance(model, nn.Module):
        raise InputError(f"score needs a timm model, not {type(model).__name__}")
    if task is not None and not (isinstance(task, str) and task.strip()):
        raise InputError(f"task={quoted(task)}: give a name")
    chosen = get_criterion(_one_name(criterion, "criterion"))
    tokens = chosen.default_tokens if tokens is None else tokens
    if tokens not in TOKENS:
        raise InputError(f"tokens={quoted(tokens)}: choose one of {', '.join(TOKENS)}")
    sites = _sites(site)
    _check_classes(classes)
    with torch.inference_mode(False), torch.enable_grad():
        again = batches_for(model, data)
        count, largest = _images_and_classes(again(), classes)
        request = Request(
            sites=sites,
            classes=largest,
            images=count,
            tokens=tokens,
            keep_images=keep_images,
            options=options,
            progress=progress,
        )
        with _evaluating(model):
            computed = chosen.compute(model, again, request)
    meta = {"criterion": criterion, "tokens": request.tokens, "classes": largest, **computed.meta}
    if task is not None:
        meta["task"] = task
    return _named(computed, meta)


def _named(computed: Computed, meta: dict[str, Any]) -> ChannelScores:
    """The scores with `meta`, which their gradients have too."""
    gradients = computed.gradients and replace(computed.gradients, meta=meta)
    return ChannelScores(computed.arrays, meta, computed.labels, gradients)


def _one_name(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{what}={quoted(value)}: give a name")
    return value


def _sites(site: Any) -> tuple[str, ...]:
    names = (site,) if isinstance(site, str) else site
    if not isinstance(names, (list, tuple)) or not names:
        raise InputError(f"site={quoted(site)}: give a name, or a list of names")
    return tuple(dict.fromkeys(_one_name(name, "site") for name in names))


def _check_classes(classes: Any) -> None:
    whole = isinstance(classes, Integral) and not isinstance(classes, bool)
    if classes is not None and not (whole and 1 <= classes <= MAX_LABEL + 1):
        raise InputError(
            f"classes={quoted(classes)}: give a whole number from 1 to {MAX_LABEL + 1}"
        )


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """All modules in evaluation mode; after it each in the mode that it was in."""
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _images_and_classes(data: Iterable[Batch], classes: int | None) -> tuple[int, int]:
    """How many images there are, and classes: `classes`, or the highest label and one."""
    images, lowest, highest = 0, 0, -1
    used: set[int] = set()
    for _, labels in data:
        images += len(labels)
        lowest, highest = min(lowest, int(labels.min())), max(highest, int(labels.max()))
        used.update(labels.unique().tolist())
    if not images:
        raise InputError("the data holds no batch: there is nothing to score")
    if lowest < 0 or (classes is not None and highest >= classes):
        raise InputError(
            f"labels from {lowest} to {highest}: give 0 to {(classes or highest + 1) - 1}"
        )
    if classes is None and (highest > MAX_LABEL or are_sparse(used)):
        raise InputError(
            f"labels go up to {highest}, and only {len(used)} are used: number the classes from 0, or say "
            f"how many there are (classes=)"
        )
    return images, highest + 1 if classes is None else int(classes)
