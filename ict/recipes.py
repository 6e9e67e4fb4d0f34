"""Recipes fill in the training fields of a run; what they set is recorded beside its configuration."""

from collections.abc import Collection
from typing import Any, Final

from ict.catalogue import BUNDLED
from ict.errors import InputError, quoted
from ict.methods.registry import chooses_channels, get_method
from ict.tasks import Task
from ict.tasks.vtab import recipe as authors_recipe

RECIPES = ("quick", "paper", "released")
_QUICK: Final = {"epochs": 20, "warmup_epochs": 2, "batch_size": 64}
_QUICK_BUNDLED: Final[dict[str, dict[str, Any]]] = {
    "digits": {
        "image_size": 48,
        "epochs": 8,
        "warmup_epochs": 1,
        "batch_size": 32,
        "label_smoothing": 0.1,
    },
    "sprites_loc": {"image_size": 32},
    "sprites_ori": {"image_size": 48},
    "count": {"image_size": 48},
}
"""What recipe `quick` sets otherwise for a task with `ict_tiny`, whose own images have 64 pixels.

The smallest images that cost no accuracy that could be told, measured on all 800 training images with
the linear probe, ICT and full tuning; on digits a schedule of a quarter of the work too. Numbers, and how
they were chosen: assets/backbones/MODEL_CARD.md, "Smaller images" and "A shorter schedule".
"""
_PARTS_OF_TASK: Final = frozenset({"limit", "shots"})


def check_rate(recipe: str, method: str) -> None:
    """Raises InputError where a recipe has no learning rate for a method, so that one must be given.

    The authors searched their rates for SCT (and on the test set); full tuning of flowers at their
    0.05 is no baseline. Baselines are searched on val200, as VPT did (KMnP/vpt, `tune_vtab.py`, type
    `finetune`: rates 0.005, 0.001, 0.0005, 0.0001 for 256 images a batch, in proportion for others).
    """
    method_found = get_method(method)
    if recipe != "quick" and method_found.trains_in_steps and not method_found.authors_rate:
        raise InputError(
            f"recipe {quoted(recipe)}: the authors' rates were searched for SCT, not for {method}; pass "
            "--set lr=…, or choose one on val200 with [tune] in a study (VPT tried 0.005, 0.001, 0.0005 "
            "and 0.0001 × batch size / 256)"
        )


def recipe_fields(recipe: str, *, task: Task, backbone: str, method: str) -> dict[str, Any]:
    """The RunConfig fields that a recipe sets for a task, a backbone and a method.

    `quick`: 20 epochs on train800, for a look on any machine; `bundled_fields` go before it. `paper`: the authors' learning rate,
    weight decay, drop path, scale, augmentation and label smoothing of each VTAB task (the CSV in
    `ict/tasks`), 100 epochs on all 1,000 images, ImageNet pixel statistics. `released`: the same
    as the authors' published ViT code runs it, with the scale left out; its schedule and its head's start
    are set by `ict.resolve`. Of both, the rate is SCT's alone (`check_rate`). Raises InputError for a task
    that the authors did not train on.
    """
    if recipe == "quick":
        return {**_QUICK, **get_method(method).quick}
    row = authors_recipe(task.name)
    if row is None:
        raise InputError(
            f"recipe {quoted(recipe)} has no entry for task {quoted(task.name)}; use recipe 'quick'"
        )
    fields = {
        **{name: row[name] for name in ("lr", "weight_decay", "drop_path", "label_smoothing")},
        **{name: row[name] for name in ("batch_size", "epochs", "warmup_epochs")},
        "augment": "randaugment" if row["augment"] else "none",
        "train_split": "train800val200",
        "pixel_normalisation": "imagenet",
    }
    if chooses_channels(method):
        fields |= {"k": row["k"], "scale": row["scale"], "scale_on_x": row["scale_on_x"]}
        if recipe == "released":
            fields |= {"scale": 1.0, "scale_on_x": False}
    return fields


def bundled_fields(
    task: str, *, backbone: str, method: str, given: Collection[str]
) -> dict[str, Any]:
    """What recipe `quick` sets otherwise for a bundled task with the bundled backbone; {} for others.

    What the method says of itself goes before. Also {} where `given`, the names of the fields that are
    asked for, leave a part of the task's images only (`limit`, `shots`): that was not measured.
    """
    if backbone != BUNDLED or _PARTS_OF_TASK & set(given):
        return {}
    own = get_method(method).quick
    return {name: v for name, v in _QUICK_BUNDLED.get(task, {}).items() if name not in own}
