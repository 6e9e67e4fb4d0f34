"""From what is asked to a total configuration: recipe and defaults filled in, data and weights found.

Nothing below here fills in a default.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ict import weights as weight_files
from ict.catalogue import BUNDLED, RATIO, Backbone, check_blocks, get_backbone
from ict.config import (
    ABOUT,
    DEFAULTS,
    SCHEMA,
    SELECTOR,
    RunConfig,
    check,
    check_method,
    check_settable,
    check_size,
    ran_otherwise,
    run_id,
    typed,
)
from ict.criteria import CRITERION, UNIFORM, check_criterion, choice, own_tokens, spelled
from ict.errors import InputError, did_you_mean, quoted
from ict.machine import choose_device, prefers_bf16
from ict.methods.counts import counts_of
from ict.methods.method import Method
from ict.methods.registry import REGISTRY, chooses_channels
from ict.recipes import RECIPES, bundled_fields, check_rate, recipe_fields
from ict.selection import resolve_k
from ict.tasks import Task, fingerprint, get_task
from ict.tasks.others import Scored, asks_for_generic, scored_by
from ict.tasks.task import refuse_noise

_AS_RELEASED = {"schedule": "released", "head_init": "uniform"}
"""What recipe `released` sets beside `recipe_fields`: the rates and the start of the authors' code."""


PROBE_HEAD_RATE = 0.1
"""Share of `lr` at which a head that starts as the probe goes on, unless `head_lr` says otherwise.

Validation loss on digits with ict_tiny (300 images, 3 epochs, K = 24 at 0.02, seed 42): 0.435 at the
full rate, 0.389 at a tenth and at a hundredth of it; accuracies of 200 images do not tell them apart.
"""


@dataclass(frozen=True)
class Resolved:
    """A checked configuration with nothing left open, its id, and where its inputs lie."""

    config: RunConfig
    run_id: str
    recipe: str
    recipe_fields: tuple[str, ...]
    sources: dict[str, str | None]
    tasks: Mapping[str, Task]
    """Those that it reads, by name."""
    backbone: Backbone
    """At its own image size."""
    weights: weight_files.Weights

    def weights_not_here(self) -> str | None:
        """What of its weights is not on this machine, where it was resolved without fetching; else None."""
        return weight_files.not_here(self.backbone, self.weights)

    def counts(self) -> dict[str, int]:
        """The parameters that it trains, from the architecture alone; at most these where `shares_k`."""
        return counts_of(self.config, self.backbone, self.tasks[str(self.config.task)])

    @property
    def shares_k(self) -> bool:
        """Whether K of each block follows from gradients, at no more parameters than one K for all."""
        return self.config.budget != UNIFORM

    def record(
        self, *, command: str | None = None, images: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """What a run's `config.json` holds; `images` are the digests of `ict.store.same_images`."""
        return {
            "schema": SCHEMA,
            "run_id": self.run_id,
            "config": self.config.to_dict(),
            "recipe": self.recipe,
            "recipe_fields": list(self.recipe_fields),
            "sources": self.sources,
            **({} if images is None else {"images_sha256": dict(images)}),
            "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "command": command,
        }


def resolve(
    asked: Mapping[str, Any],
    *,
    recipe: str = "quick",
    weights: str | Path | None = None,
    root: Path | None = None,
    device: str | None = None,
    fetch: bool = True,
) -> Resolved:
    """Checks what is asked, fills in the recipe and the defaults, and finds data and weights.

    `asked` maps RunConfig fields to values; what it sets, the recipe does not touch. `weights` is
    None (bundled or hub), a file, or "none". With `fetch` false nothing is downloaded or read: the
    id is then provisional. Raises InputError with one sentence for anything that cannot be run.
    """
    for name in asked:
        check_settable(name)
    if recipe not in RECIPES:
        raise InputError(
            f"no recipe {quoted(recipe)}; there are {', '.join(RECIPES)}{did_you_mean(recipe, RECIPES)}"
        )
    given = {n: _without_sign(typed(n, v)) for n, v in asked.items() if v is not None}
    if "criterion" in given:
        check_criterion(given["criterion"])
    if given.keys() & {SELECTOR, "criterion"}:
        own = given.get("criterion")
        given["criterion"] = spelled(given.pop(SELECTOR, choice(own).selector), own)
    task = get_task(_required_task(given), root=root)
    given["task"] = task.name
    backbone = get_backbone(given.get("backbone", BUNDLED))
    method = check_method(given.get("method", DEFAULTS["method"]))
    filled = _of_recipe(recipe, given, task=task, backbone=backbone.name, method=method.name)
    from_recipe = tuple(name for name in filled if name not in given)
    config = RunConfig(**{**filled, **given})
    check(config, backbone)
    weights_asked = given.get("weights") if weights is None else weights
    weights_found = weight_files.find(backbone, weights_asked, fetch=fetch)
    config = dataclasses.replace(
        config,
        weights=weights_found.identity,
        data=fingerprint(task, root=root, splits=config.splits) if fetch else None,
        precision=_precision(config.precision, device),
        image_size=backbone.own_size(config.image_size),
    )
    scored = _scored(config, task, root)
    config = _with_selection(config, backbone, scored, root=root, fetch=fetch)
    if recipe == "quick" and "lr" not in given:
        config = _with_quick_rate(config, method)
    config = _with_zeros(_as_read(config, given))
    if fetch:
        config.check_total()
    read = tuple(n for n in from_recipe if config.reads(n) and getattr(config, n) is not None)
    sources = {
        "weights_file": str(weights_found.path) if weights_found.path else None,
        "weights_sha256": weights_found.sha256,
        "data_root": str(root) if root else None,
    }
    tasks = {one.name: one for one in (task, *scored.tasks)}
    return Resolved(config, run_id(config), recipe, read, sources, tasks, backbone, weights_found)


def _of_recipe(
    recipe: str, given: Mapping[str, Any], *, task: Task, backbone: str, method: str
) -> dict[str, Any]:
    """What the recipe fills in beside what is given. InputError where it has no rate for the method."""
    filled = recipe_fields(recipe, task=task, backbone=backbone, method=method)
    if recipe == "quick":
        filled |= bundled_fields(task.name, backbone=backbone, method=method, given=given)
    if recipe == "released":
        filled |= _AS_RELEASED
    if "lr" not in given:
        check_rate(recipe, method)
    if "k" in given or "ratio" in given:
        filled.pop("k", None)
        filled.pop("ratio", None)
    if given.get("shots") is not None:  # val200 is not among the shots
        filled.pop("train_split", None)
    if "warmup_epochs" in filled:  # a warm-up longer than a short run would be all of it
        filled["warmup_epochs"] = min(filled["warmup_epochs"], {**filled, **given}["epochs"] // 2)
    return filled


def _scored(config: RunConfig, task: Task, root: Path | None) -> Scored:
    """The tasks whose scores choose the channels: the run's own unless another, or others, are named."""
    named, own = config.score_task, Scored(task.name, (task,))
    if named is None or not chooses_channels(config.method):
        return own
    split = _scored_split(config)
    if not asks_for_generic(named):
        return own if named == task.name else scored_by(named, task, split, root=root)
    if not config.reads("score_task"):
        return own
    if config.shots is not None:
        raise InputError(
            f"score_task={quoted(named)} with shots={config.shots}: a generic set is chosen by all images of "
            "the other tasks; leave one of the two out"
        )
    scored = scored_by(named, task, split, root=root)
    check_size("score_task", scored.name)
    return scored


def _scored_split(config: RunConfig) -> str:
    return config.score_split or config.train_split


def _with_selection(
    config: RunConfig, backbone: Backbone, scored: Scored, *, root: Path | None, fetch: bool
) -> RunConfig:
    """K per stage, and the site, task (`scored`) and split that the scores come from."""
    if not chooses_channels(config.method):
        return config
    ratio = RATIO if config.k is None and config.ratio is None else config.ratio
    other = scored.name != config.task
    split = _scored_split(config)
    return dataclasses.replace(
        config,
        k=resolve_k(backbone.widths, k=config.k, ratio=ratio),
        ratio=None,
        tokens=config.tokens or own_tokens(config.criterion or CRITERION),
        score_site=config.score_site or config.tune_site,
        score_task=scored.name,
        score_split=split,
        score_data=scored.fingerprint(split, root=root) if other and fetch else None,
        blocks=None if config.blocks is None else check_blocks(backbone, config.blocks),
    )


def _with_quick_rate(config: RunConfig, method: Method) -> RunConfig:
    """With the learning rate that follows from K, for a method that has one.

    Of this package's methods those without one take ICT's where a list of K is asked for, which they do
    not read: version 0.1.0 did, and ids of such runs follow from it.
    """
    rate = method.quick_rate
    if rate is None and method.name in REGISTRY:
        rate = REGISTRY[DEFAULTS["method"]].quick_rate
    if rate is None or not isinstance(config.k, tuple):
        return config
    return dataclasses.replace(config, lr=rate(max(config.k)))


def _as_read(config: RunConfig, given: Mapping[str, Any]) -> RunConfig:
    """With what nothing reads at None, or at its neutral value, so that it cannot change the id.

    What version 0.1.0 did otherwise is done as now where it is read, unless it was asked for by name.
    """
    values: dict[str, Any] = {}
    for name, one in ABOUT.items():
        if not config.reads(name):
            values[name] = one.neutral if one.is_later else None
        elif one.now is not None:
            values[name] = given.get(name, one.now)
    if config.head_init == "probe" and config.head_lr is None and config.reads("head_init"):
        values["head_lr"] = PROBE_HEAD_RATE * (config.lr or 0.0)
    return dataclasses.replace(config, **values)


def _with_zeros(config: RunConfig) -> RunConfig:
    """Says that zeros are meant, where version 0.1.0 would have run something else."""
    as_written = ran_otherwise(config.to_dict()) is not None
    return dataclasses.replace(config, zeros="as_written" if as_written else None)


def _without_sign(value: Any) -> Any:
    """-0.0 as 0.0, which is the same question; anything else as it is."""
    return 0.0 if isinstance(value, float) and value == 0 else value


def _precision(asked: str, device: str | None) -> str:
    if asked != "auto":
        return asked
    return "bf16" if prefers_bf16(choose_device(device)) else "fp32"


def _required_task(given: Mapping[str, Any]) -> str:
    if "task" not in given:
        raise InputError("no task given; `ict tasks` lists what can be trained on here")
    refuse_noise(given["task"])
    return given["task"]
