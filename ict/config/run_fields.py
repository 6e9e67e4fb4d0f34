"""What a run may be asked: every field, with everything that is known about it."""

from dataclasses import dataclass
from typing import Final

from ict.catalogue import BUNDLED, INITS, SITE
from ict.config.fields import MOST_SEED, about
from ict.config.readers import (
    DRAWS,
    FEW_SHOT,
    GRADIENT,
    LIMITED,
    LORA,
    PROBE,
    SCORES,
    SEED,
    SELECTION,
    TRAINING,
)
from ict.criteria import BUDGETS, CRITERION, NORMS, TOKENS, UNIFORM
from ict.documents.names import SPLITS
from ict.methods.registry import REGISTRY, outside

SCHEMA: Final = 1


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)  # `RunConfig` has them
class RunFields:
    """Type, default, limits, choices, reader and meaning of each field; `RunConfig` is what uses them."""

    task: str = about(help="What is trained on; `ict tasks` lists them.")
    backbone: str = about(BUNDLED, help="The frozen network; `ict backbones` lists them.")
    weights: str | None = about(
        None, help="`sha256:…`, `hub:name@revision` or `none` (random, always of seed 0)."
    )
    data: str | None = about(
        None, help="Fingerprint of the task's list files and file sizes.", settable=False
    )
    method: str = about(
        "ict",
        help="What is trained beside the head.",
        choices=tuple(REGISTRY),
        more_choices=outside,
    )
    criterion: str | None = about(
        CRITERION,
        help="How channels are scored; `lowest:NAME` takes the last K, `selector` says more.",
        read_by=SELECTION,
    )
    tokens: str | None = about(
        None,
        help="Which tokens the criterion reads, `head`: those that the head pools; its own by default "
        "(gradients need `all`).",
        read_by=SCORES,
        choices=TOKENS,
    )
    score_site: str | None = about(
        None, help="Where channels are scored; `tune_site` by default.", read_by=SCORES
    )
    tune_site: str | None = about(SITE, help="Where channels are tuned.", read_by=SELECTION)
    score_task: str | None = about(
        None,
        help="The task whose images are scored; `task` by default; `others` for all the others here, "
        "each with the same weight; `noise` for images of noise.",
        read_by=SCORES,
    )
    score_split: str | None = about(
        None,
        help="The images that are scored; `train_split` by default.",
        read_by=SCORES,
        choices=SPLITS[:3],
    )
    score_data: str | None = about(
        None,
        help="Fingerprint of `score_task`, where it is another task, or others.",
        read_by=SCORES,
        may_be_none=True,
        settable=False,
    )
    selection_seed: int | None = about(
        0, help="Of the draw of random channels.", read_by=DRAWS, limits=(0, MOST_SEED)
    )
    k: tuple[int, ...] | int | None = about(
        None, help="Channels of each block; several for several stages.", read_by=SELECTION
    )
    ratio: float | None = about(
        None, help="K as a share of the width.", read_by=SELECTION, may_be_none=True
    )
    blocks: tuple[int, ...] | None = about(
        None,
        help="Blocks that carry an adapter, counted over all stages; all by default.",
        read_by=SELECTION,
        may_be_none=True,
    )
    init: str | None = about(
        "trunc_normal",
        help="How the adapter starts: small random weights, or `zero`.",
        read_by=SELECTION,
        choices=INITS,
    )
    scale: float | None = about(
        1.0,
        help="Factor of the adapter's output.",
        read_by=SELECTION,
        limits=(-1e3, 1e3),
        zero_ran_as_one=True,
    )
    scale_on_x: bool | None = about(
        False, help="Whether `scale` multiplies the tuned channels too.", read_by=SELECTION
    )
    lora_rank: int | None = about(
        3, help="Rank of LoRA's matrices.", read_by=LORA, limits=(1, 4096)
    )
    epochs: int | None = about(
        20, help="Passes over the training split.", read_by=TRAINING, limits=(1, 100_000)
    )
    batch_size: int | None = about(
        64, help="Images of a step.", read_by=TRAINING, limits=(1, 65_536)
    )
    lr: float | None = about(
        0.001, help="Learning rate at its peak.", read_by=TRAINING, limits=(0, 1e3)
    )
    lr_multiplier: float | None = about(
        1.0,
        help="Factor of `lr`: what a search goes over.",
        read_by=TRAINING,
        limits=(0, 1e6),
        zero_ran_as_one=True,
    )
    weight_decay: float | None = about(0.0001, help="AdamW's.", read_by=TRAINING, limits=(0, 1e3))
    warmup_epochs: int | None = about(
        2, help="Epochs until the rate is at its peak.", read_by=TRAINING, limits=(0, 100_000)
    )
    drop_path: float | None = about(
        0.0, help="Share of residual branches left out.", read_by=TRAINING, limits=(0, 0.99)
    )
    label_smoothing: float | None = about(
        0.0, help="Share of the target given to all classes.", read_by=TRAINING, limits=(0, 0.99)
    )
    augment: str | None = about(
        "none",
        help="What is done to training images.",
        read_by=TRAINING,
        choices=("none", "randaugment"),
    )
    pixel_normalisation: str = about(
        "native",
        help="Mean and standard deviation of pixels: the backbone's own, or ImageNet's.",
        choices=("native", "imagenet"),
    )
    train_split: str = about(
        "train800", help="The images trained on.", choices=("train800", "train800val200")
    )
    select_by: str | None = about(
        "last",
        help="Which epoch is kept: the last, or the best on val200.",
        read_by=TRAINING,
        choices=("last", "val"),
    )
    report_best_test: bool | None = about(
        False,
        help="Also look at the test set after every epoch; stored apart, marked optimistic, never "
        "selected by.",
        read_by=TRAINING,
    )
    limit: int | None = about(
        None, help="Only so many images of each split.", limits=(1, 10**9), may_be_none=True
    )
    seed: int | None = about(
        42, help="Of head, adapter, order of images.", read_by=SEED, limits=(0, MOST_SEED)
    )
    precision: str = about(
        "auto",
        help="Of the backbone's arithmetic; `auto` takes what is faster here.",
        choices=("auto", "fp32", "bf16"),
    )
    schema: int = about(SCHEMA, help="Version of the configuration.", settable=False)
    zeros: str | None = about(
        None,
        help="`as_written` where a 0 means 0. None, as in version 0.1.0: a `scale` or `lr_multiplier` "
        "of 0 runs as 1, and a warm-up to an `lr` of 0 begins at 1e-6.",
        choices=(None, "as_written"),
        neutral=None,
        settable=False,
    )
    limit_rule: str = about(
        "first",
        help="Which images a `limit` leaves: the `first` of the list, or `stratified` by class.",
        read_by=LIMITED,
        choices=("first", "stratified"),
        neutral="first",
        now="stratified",
    )
    draws_by_task: bool = about(
        False,
        help="Whether random channels depend on the task too; if not, all tasks share a seed's draw.",
        read_by=DRAWS,
        choices=(False, True),
        neutral=False,
        now=True,
    )
    schedule: str = about(
        "batch",
        help="Of the rate: warm-up and cosine step every `batch`, or as the authors `released` it.",
        read_by=TRAINING,
        choices=("batch", "released"),
        neutral="batch",
    )
    head_init: str = about(
        "random",
        help="How the head starts: `random` (truncated normal, 0.02), `uniform` as `nn.Linear` does, "
        "or as the converged linear `probe`, before which nothing else may change the answers.",
        read_by=TRAINING,
        choices=("random", "uniform", "probe"),
        neutral="random",
    )
    head_lr: float | None = about(
        None,
        help="The head's own learning rate; that of the rest by default, a tenth after a `probe` start.",
        read_by=TRAINING,
        limits=(0, 1e3),
        neutral=None,
    )
    image_size: int | None = about(
        None,
        help="Side of images in pixels; by default the backbone's, of a run first the recipe's.",
        limits=(1, 8192),
        neutral=None,
    )
    shots: int | None = about(
        None,
        help="Few-shot training: so many images of each class of train800, and no others; scores follow.",
        limits=(1, 10**6),
        neutral=None,
    )
    shot_seed: int = about(
        0,
        help="Of the draw of shots; those of fewer shots are among those of more.",
        read_by=FEW_SHOT,
        limits=(0, MOST_SEED),
        neutral=0,
    )
    probe_version: int = about(
        1,
        help="1 stopped early and chose C on val200; 2 converges, C by cross-validation.",
        read_by=PROBE,
        choices=(1, 2),
        neutral=1,
        now=2,
    )
    selector_norm: str = about(
        "unit",
        help="Of the first step that a gradient selector makes largest: of length 1 (`unit`), or of one "
        "size in every weight, as Adam's first (`sign`).",
        read_by=GRADIENT,
        choices=NORMS,
        neutral="unit",
    )
    whiten: bool = about(
        False,
        help="Whether each channel is divided by its own size (rms on the scored images) before the "
        "adapter reads it: steps of equal size of Δ; the same functions. Needs `init` zero.",
        read_by=SELECTION,
        choices=(False, True),
        neutral=False,
    )
    budget: str = about(
        UNIFORM,
        help="How a gradient selector shares K out over blocks: `uniform`, or for the largest first step in "
        "a norm (`unit`, `sign`) at no more parameters than with K in each; `k` stays what was asked.",
        read_by=GRADIENT,
        choices=BUDGETS,
        neutral=UNIFORM,
    )
