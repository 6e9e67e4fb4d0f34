"""Recipes fill in the training fields of a run; what they set is recorded beside its configuration."""

from typing import Any

from ict.errors import InputError, quoted
from ict.tasks import Task
from ict.tasks.vtab import recipe as authors_recipe

RECIPES = ("quick", "paper", "released")
QUICK_K = 24
QUICK_LEAST_K = 3

# ICT's rate: the best on val200 of digits with ict_tiny of 0.005, 0.01, 0.02 and 0.04 (98.0, 98.0,
# 98.5 and 98.0 %, seed 42; `ict train digits --set lr=…`). The others are usual values, not searched.
_QUICK: dict[str, dict[str, Any]] = {
    "ict": {"lr": 0.02, "weight_decay": 0.0001, "drop_path": 0.0},
    "full": {"lr": 0.0005, "weight_decay": 0.05, "drop_path": 0.1},
    "bitfit": {"lr": 0.005, "weight_decay": 0.0001, "drop_path": 0.0},
    "lora": {"lr": 0.005, "weight_decay": 0.0001, "drop_path": 0.0},
    "linear": {},
}


def quick_rate(k: int) -> float:
    """ICT's learning rate in recipe `quick`: 0.02 at K = 24, ∝ 1/K, and level below K = 3.

    Under Adam every weight moves by about the rate in a step, so an adapter's output moves with K
    times the rate. Of three rules this one keeps the loss on val200 flattest over K = 3, 24, 96
    (`python -m bench.k_step`); below 3 none was tried. Version 0.1.0 had 0.02 up to K = 24.
    """
    return _QUICK["ict"]["lr"] * QUICK_K / max(k, QUICK_LEAST_K)


def check_rate(recipe: str, method: str) -> None:
    """Raises InputError where a recipe has no learning rate for a method, so that one must be given.

    The authors searched their rates for SCT (and on the test set); full tuning of flowers at their
    0.05 is no baseline. Baselines are searched on val200, as VPT did (KMnP/vpt, `tune_vtab.py`, type
    `finetune`: rates 0.005, 0.001, 0.0005, 0.0001 for 256 images a batch, in proportion for others).
    """
    if recipe != "quick" and method in ("full", "bitfit", "lora"):
        raise InputError(
            f"recipe {quoted(recipe)}: the authors' rates were searched for SCT, not for {method}; pass "
            "--set lr=…, or choose one on val200 with [tune] in a study (VPT tried 0.005, 0.001, 0.0005 "
            "and 0.0001 × batch size / 256)"
        )


def recipe_fields(recipe: str, *, task: Task, backbone: str, method: str) -> dict[str, Any]:
    """The RunConfig fields that a recipe sets for a task, a backbone and a method.

    `quick`: 20 epochs on train800, for a look on any machine. `paper`: the authors' learning rate,
    weight decay, drop path, scale, augmentation and label smoothing of each VTAB task (the CSV in
    `ict/tasks`), 100 epochs on all 1,000 images, ImageNet pixel statistics. `released`: the same
    as the authors' published ViT code runs it, with the scale left out; its schedule and its head's start
    are set by `ict.resolve`. Of both, the rate is SCT's alone (`check_rate`). Raises InputError for a task
    that the authors did not train on.
    """
    if recipe == "quick":
        return {"epochs": 20, "warmup_epochs": 2, "batch_size": 64, **_QUICK[method]}
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
    if method == "ict":
        fields |= {"k": row["k"], "scale": row["scale"], "scale_on_x": row["scale_on_x"]}
        if recipe == "released":
            fields |= {"scale": 1.0, "scale_on_x": False}
    return fields
