"""A backbone and batches of a task, for a notebook."""

import math
from collections.abc import Iterator
from numbers import Integral
from pathlib import Path
from typing import Any

import torch
from timm.data import resolve_model_data_config
from torch import Tensor, nn

from ict.catalogue import BUNDLED, get_backbone
from ict.data import batches, open_set
from ict.errors import InputError, quoted
from ict.model.backbones import load_backbone
from ict.model.wrapping import bare
from ict.tasks import get_task, load_subset
from ict.tasks.limits import Subset, rule_for
from ict.weights import find


def backbone(
    name: str = BUNDLED,
    *,
    classes: int = 0,
    weights: str | Path | None = None,
    image_size: int | None = None,
    seed: int = 0,
) -> nn.Module:
    """A backbone with its weights, as runs load it: the bundled one, or timm's, by name.

    `weights` is a file, or "none" for random ones; without it they are the bundled or the hub's. The
    head of `classes` outputs is drawn from `seed`. Raises InputError for an unknown name, and weights
    that are not to be had.
    """
    _check_name("name", name)
    _check_whole("classes", classes, least=0)
    _check_whole("seed", seed, least=0)
    if image_size is not None:
        _check_whole("image_size", image_size, least=1)
    weights_found = find(get_backbone(name), weights, fetch=True)
    with torch.inference_mode(False):
        return load_backbone(
            name,
            weights=weights_found.identity,
            weights_file=weights_found.path,
            classes=classes,
            seed=seed,
            image_size=image_size,
        )


def _check_whole(name: str, value: Any, *, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InputError(f"{name}={quoted(value)}: give a whole number of {least} or more")


def _check_name(what: str, value: Any) -> None:
    if not isinstance(value, str):
        raise InputError(f"{what}={quoted(value)}: give a name")


class Loader:
    """Batches of one split of a task, each pass anew: images (B, 3, S, S) normalised, labels (B,)."""

    def __init__(
        self,
        task: str,
        split: str,
        model: nn.Module,
        *,
        batch_size: int = 32,
        limit: int | None = None,
        shuffle_seed: int | None = None,
    ) -> None:
        inner = bare(model)
        subset = Subset(get_task(task), split, limit, rule_for(limit))
        self.task, self.split, self.batch_size = subset.task.name, split, batch_size
        size, self.mean, self.std = _pixels(inner)
        chosen = load_subset(subset)
        self.class_names, self.classes = chosen.class_names, chosen.classes
        self._set = open_set(chosen, size)
        self._example = next(inner.parameters())
        seeded = shuffle_seed is not None
        self._order = torch.Generator().manual_seed(shuffle_seed or 0) if seeded else None

    def __len__(self) -> int:
        return math.ceil(len(self._set) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        kind: dict[str, Any] = {"dtype": self._example.dtype, "generator": self._order}
        on_cpu = batches(self._set, self.batch_size, mean=self.mean, std=self.std, **kind)
        for images, labels in on_cpu:
            yield images.to(self._example.device), labels.to(self._example.device)

    def __repr__(self) -> str:
        return (
            f"Loader({self.task}, {self.split}: {len(self._set)} images of {self.classes} classes)"
        )


def loader(
    task: str,
    split: str,
    model: nn.Module,
    *,
    batch_size: int = 32,
    limit: int | None = None,
    shuffle_seed: int | None = None,
) -> Loader:
    """Batches of a task's split with the pixels that `model` takes, on its device, in its type of number.

    Images are (B, 3, S, S), normalised; labels (B,) whole numbers from 0. Each pass begins anew.
    `split` is train800, val200, train800val200 or test; `limit` leaves so many images, of all classes;
    with `shuffle_seed` every pass has another order. The result has `classes` and `class_names`.
    Raises InputError for an unknown task or split, and a model that does not say its pixels.
    """
    _check_name("task", task)
    _check_whole("batch_size", batch_size, least=1)
    if shuffle_seed is not None:
        _check_whole("shuffle_seed", shuffle_seed, least=0)
    if limit is not None:
        _check_whole("limit", limit, least=1)
    return Loader(task, split, model, batch_size=batch_size, limit=limit, shuffle_seed=shuffle_seed)


def _pixels(model: nn.Module) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """Size, mean and std: the size that the model was made for, the rest from timm's configuration."""
    if not getattr(model, "pretrained_cfg", None):
        raise InputError(
            f"this {type(model).__name__} does not say which pixels it takes: make it with timm.create_model or "
            "ict.backbone"
        )
    said = resolve_model_data_config(model)
    made_for = getattr(getattr(model, "patch_embed", None), "img_size", None)
    size = made_for[0] if made_for else said["input_size"][-1]
    return int(size), tuple(said["mean"]), tuple(said["std"])
