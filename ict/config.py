"""What a run is asked to do: its fields, their checks, and the id that follows from them."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ict.catalogue import BUNDLED, Backbone, check_blocks, check_site, get_backbone
from ict.documents.bounded import json_value, odd_word
from ict.documents.identity import canonical, digest, name_of
from ict.errors import InputError, NewerError, did_you_mean, quoted
from ict.tasks import SPLITS

SCHEMA = 1
NEUTRAL: dict[str, Any] = {
    "zeros": None,
    "limit_rule": "first",
    "draws_by_task": False,
    "schedule": "batch",
    "head_init": "random",
    "head_lr": None,
    "probe_version": 1,
}
"""Fields that version 0.1.0 had not → the value that means what it did: the one list of them.

A change of what a configuration computes is a field more here. `resolve` sets the value of NOW in new
requests that read the field, which get new ids; at the neutral value it stays out of the canonical
JSON, so that old folders keep theirs.
"""
CHOSEN = ("schedule", "head_init", "head_lr")
"""Later fields that are chosen, by a recipe or by name: their neutral value is the default still."""
NOW: dict[str, Any] = {"limit_rule": "stratified", "draws_by_task": True, "probe_version": 2}
"""What a new request resolves to where it reads the field (`reads_later`)."""
CRITERIA = (
    "class_l2",
    "l2",
    "variance",
    "taylor",
    "fisher",
    "gradient",
    "anova_f",
    "weight_norm",
    "grad_x_activation",
    "integrated_gradients",
    "conductance",
    "ablation",
    "random",
    "lowest",
)
_CHOICES: dict[str, tuple[str, ...]] = {
    "method": ("ict", "linear", "full", "bitfit", "lora"),
    "tokens": ("patch", "cls", "all"),
    "init": ("trunc_normal", "zero"),
    "augment": ("none", "randaugment"),
    "pixel_normalisation": ("native", "imagenet"),
    "train_split": ("train800", "train800val200"),
    "score_split": SPLITS[:3],
    "select_by": ("last", "val"),
    "precision": ("auto", "fp32", "bf16"),
    "limit_rule": ("first", "stratified"),
    "schedule": ("batch", "released"),
    "head_init": ("random", "uniform", "probe"),
}
_LATER_CHOICES: dict[str, tuple[Any, ...]] = {
    "zeros": (None, "as_written"),
    "draws_by_task": (False, True),
    "probe_version": (1, 2),
    **{name: allowed for name, allowed in _CHOICES.items() if name in NEUTRAL},
}
_OWN = ("schema", "data", "score_data", "zeros")
_MAY_BE_NONE = ("ratio", "blocks", "limit", "score_data", *NEUTRAL)
_ONE_FOR_ZERO = ("scale", "lr_multiplier")  # at 0, version 0.1.0 ran them as 1
_SELECTION_FIELDS = (
    "criterion tokens score_site tune_site score_task score_split score_data selection_seed k ratio "
    "blocks init scale scale_on_x"
).split()
SEEDLESS = ("linear",)
"""Methods that draw nothing: the probe's head is fitted to convergence from zero on fixed features."""
_TRAINING_FIELDS = (
    "epochs batch_size lr lr_multiplier weight_decay warmup_epochs drop_path label_smoothing augment "
    "select_by report_best_test"
).split()


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One run. `None` in a resolved configuration means that the method does not read the field."""

    task: str
    backbone: str = BUNDLED
    weights: str | None = None
    """`sha256:…`, `hub:name@revision` or `none` (random, always of seed 0)."""
    data: str | None = None
    """Fingerprint of the task's list files and file sizes."""
    method: str = "ict"
    criterion: str | None = "class_l2"
    tokens: str | None = None
    """`patch`, `cls` or `all`; what the criterion reads by default (gradients need `all`)."""
    score_site: str | None = None
    tune_site: str | None = "attn"
    score_task: str | None = None
    score_split: str | None = None
    score_data: str | None = None
    selection_seed: int | None = 0
    k: tuple[int, ...] | int | None = None
    ratio: float | None = None
    blocks: tuple[int, ...] | None = None
    """Blocks that carry an adapter, counted over all stages; None for all."""
    init: str | None = "trunc_normal"
    scale: float | None = 1.0
    scale_on_x: bool | None = False
    lora_rank: int | None = 3
    epochs: int | None = 20
    batch_size: int | None = 64
    lr: float | None = 0.001
    lr_multiplier: float | None = 1.0
    weight_decay: float | None = 0.0001
    warmup_epochs: int | None = 2
    drop_path: float | None = 0.0
    label_smoothing: float | None = 0.0
    augment: str | None = "none"
    pixel_normalisation: str = "native"
    train_split: str = "train800"
    select_by: str | None = "last"
    report_best_test: bool | None = False
    """Also look at the test set after every epoch; stored apart, marked optimistic, never selected by."""
    limit: int | None = None
    """Use only so many images of each split (for trials)."""
    seed: int | None = 42
    """Of the head, the adapter, the order of images. None for a method that reads none (`SEEDLESS`)."""
    precision: str = "auto"
    schema: int = SCHEMA
    zeros: str | None = None
    """`as_written` where a 0 means 0. None, as in version 0.1.0: a `scale` or `lr_multiplier` of 0
    runs as 1, and a warm-up to an `lr` of 0 begins at 1e-6."""
    limit_rule: str = "first"
    """Which images a `limit` leaves: `first` of the list, or `stratified` (`ict.tasks.limits`)."""
    draws_by_task: bool = False
    """Whether random channels depend on the task too; if not, all tasks share the draw of a seed."""
    schedule: str = "batch"
    """Of the rate: `batch` (warm-up and cosine step every batch) or `released` (the authors')."""
    head_init: str = "random"
    """How the head starts: `random` (truncated normal, 0.02), `uniform` as `nn.Linear` does, or as
    the converged linear `probe`, before which nothing else may change the network's answers."""
    head_lr: float | None = None
    """The head's own learning rate; None: that of the rest. A tenth of `lr` after a `probe` start."""
    probe_version: int = 1
    """Of the method `linear`: 1 stopped early and chose C on val200; 2 is `ict.training.probe`."""

    def __post_init__(self) -> None:
        for name in _FLOATS:
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise InputError(f"{name}={value}: give a finite number")

    @property
    def generator_seed(self) -> int:
        """What generators start from; where the method reads no seed, nothing that they draw lasts."""
        return 0 if self.seed is None else self.seed

    def to_dict(self) -> dict[str, Any]:
        """What is stored and hashed: later fields stay out at their neutral value."""
        record = canonical(dataclasses.asdict(self), NEUTRAL)
        return {key: list(v) if isinstance(v, tuple) else v for key, v in record.items()}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "RunConfig":
        """Reads a stored configuration. Raises InputError, saying so where a newer version wrote it."""
        if not isinstance(record, Mapping) or "task" not in record:
            raise InputError("the configuration names no task: config.json is not a run's")
        _check_age(record)
        return cls(**{name: typed(name, value) for name, value in record.items()})

    def as_run(self) -> "RunConfig":
        """With the values that a run of it computes with: what version 0.1.0 made of a 0, if it is its."""
        if self.zeros is not None:
            return self
        ones = {name: 1.0 for name in _ONE_FOR_ZERO if getattr(self, name) == 0}
        return dataclasses.replace(self, **ones)  # type: ignore[arg-type]

    def check_total(self) -> None:
        """Raises InputError if a field that the method reads has no value: nothing is filled in later."""
        may_be_none = {*_MAY_BE_NONE, *unread(self)}
        missing = [n for n in FIELDS if getattr(self, n) is None and n not in may_be_none]
        if self.score_task not in (None, self.task) and self.score_data is None:
            missing.append("score_data")
        if missing:
            raise InputError(
                f"config.json lacks {', '.join(missing)}, which method {self.method} reads; "
                "ask for the run anew"
            )


_TYPE_WORDS: dict[Any, str] = {
    int: "a whole number", float: "a number", bool: "true or false", str: "text",
}  # fmt: skip
_LIST_WORDS = "a list of whole numbers such as [0,1]"
FIELDS = tuple(field.name for field in dataclasses.fields(RunConfig))
_TYPES = typing.get_type_hints(RunConfig)
_OPTIONS = {
    name: typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for name, hint in _TYPES.items()
}
_FLOATS = tuple(name for name, hint in _TYPES.items() if float in typing.get_args(hint))


def parse_setting(text: str) -> tuple[str, Any]:
    """Reads `field=value` as `--set` takes it. Raises InputError for an unknown field or wrong type."""
    name, separator, value = text.partition("=")
    if not separator:
        raise InputError(f"--set {quoted(text)}: write field=value")
    name = {"test_curve": "report_best_test"}.get(name.strip(), name.strip())
    check_settable(name)
    return name, typed(name, json_value(value, f"--set {name}"))


def run_id(config: RunConfig) -> str:
    """Readable prefix and 12 hex digits of the SHA-256 of the configuration's canonical JSON."""
    k = "-k" + "_".join(map(str, sorted(set(config.k)))) if isinstance(config.k, tuple) else ""
    control = f"-{config.criterion}" if config.criterion not in (None, "class_l2") else ""
    prefix = f"{config.task}-{config.backbone}-{config.method}{k}{control}"
    return name_of(prefix, digest(config.to_dict()))


def ran_otherwise(config: Mapping[str, Any]) -> str | None:
    """Where a stored configuration is of version 0.1.0, which ran a 0 of it as something else: how.

    None for every other. Such a run is kept and listed, and what is asked for now has another id.
    """
    if config.get("zeros") is not None:
        return None
    ran = [f"{name}=0 ran as 1 under 0.1.0" for name in _ONE_FOR_ZERO if _is_zero(config.get(name))]
    if _warms_up_to_zero(config):
        ran.append("lr=0 ran with a warm-up from 1e-6 under 0.1.0")
    return "; ".join(ran) or None


def _warms_up_to_zero(config: Mapping[str, Any]) -> bool:
    epochs = config.get("warmup_epochs")
    warms_up = isinstance(epochs, (int, float)) and epochs > 0
    return warms_up and _is_zero(config.get("lr"))


def _is_zero(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == 0


def unread(config: RunConfig) -> list[str]:
    """Fields that the method does not read, nor anything that it does without them."""
    names: list[str] = []
    if config.method != "ict":
        names += _SELECTION_FIELDS
    elif config.criterion == "random":
        names += ["tokens", "score_site", "score_task", "score_split", "score_data"]
        if config.k == tuple(get_backbone(config.backbone).widths):  # all channels: nothing to draw
            names += ["selection_seed"]
    else:
        names += ["selection_seed"]
    if config.method == "linear":
        names += _TRAINING_FIELDS
    if config.method in SEEDLESS:
        names += ["seed"]
    if config.method != "lora":
        names += ["lora_rank"]
    return names


def reads_later(config: RunConfig) -> set[str]:
    """The later fields that a run of `config` reads; the others stay at their neutral value."""
    drawn = config.method == "ict" and config.criterion == "random"
    reads = {
        "limit_rule": config.limit is not None,
        "draws_by_task": drawn and "selection_seed" not in unread(config),
        "probe_version": config.method == "linear",
        **dict.fromkeys(CHOSEN, config.method != "linear"),
    }
    return {name for name, read in reads.items() if read}


def check(config: RunConfig, backbone: Backbone) -> None:
    """Raises InputError for a choice, site, block or number that cannot be run."""
    for name in _CHOICES:
        value = getattr(config, name)
        if value is not None:
            check_choice(name, value)
    if config.criterion is not None:
        check_criterion(config.criterion)
    if config.method == "ict":
        check_site(backbone, config.tune_site or "attn")
        check_site(backbone, config.score_site or config.tune_site or "attn")
        check_blocks(backbone, config.blocks)
    _check_numbers(config)
    _check_start(config)
    if config.select_by == "val" and config.train_split != "train800":
        raise InputError("select_by=val needs train_split=train800: val200 must not be trained on")
    if config.select_by == "val" and config.score_split not in (None, "train800"):
        raise InputError("select_by=val needs score_split=train800: scores must not see val200")


def _check_start(config: RunConfig) -> None:
    """Raises InputError where the head cannot start as the probe: the network answers otherwise."""
    if config.head_init != "probe" or config.method != "ict":
        return
    if config.init != "zero":
        raise InputError(
            f"head_init=probe needs init=zero: with init={config.init} the adapter changes the "
            "features that the probe was fitted on"
        )
    if config.scale_on_x and config.scale != 1:
        raise InputError(
            f"head_init=probe needs scale=1 where scale_on_x is set: scale={config.scale:g} changes "
            "the features that the probe was fitted on"
        )


def check_criterion(criterion: str) -> None:
    """Raises InputError for a criterion that does not exist; `lowest:NAME` is one for every NAME."""
    prefix, _, base = criterion.partition(":")
    allowed = CRITERIA if prefix != "lowest" or not base else CRITERIA[:-2]
    name = base if prefix == "lowest" and base else criterion
    if name not in allowed:
        raise InputError(
            f"no criterion {quoted(criterion)}; there are {', '.join(CRITERIA)}{did_you_mean(name, CRITERIA)}"
        )


def _check_numbers(config: RunConfig) -> None:
    limits: dict[str, tuple[float, float]] = {
        "epochs": (1, 100_000),
        "batch_size": (1, 65_536),
        "lr": (0, 1e3),
        "lr_multiplier": (0, 1e6),
        "weight_decay": (0, 1e3),
        "warmup_epochs": (0, 100_000),
        "drop_path": (0, 0.99),
        "label_smoothing": (0, 0.99),
        "scale": (-1e3, 1e3),
        "limit": (1, 10**9),
        "lora_rank": (1, 4096),
        "head_lr": (0, 1e3),
        "probe_version": (1, 2),
        "seed": (0, 2**31 - 1),
        "selection_seed": (0, 2**31 - 1),
    }
    for name, (low, high) in limits.items():
        value = getattr(config, name)
        if value is not None and not low <= value <= high:
            raise InputError(f"{name}={quoted(value)}: choose {low:.12g} to {high:.12g}")
    warmup, epochs = config.warmup_epochs, config.epochs
    if warmup is not None and epochs is not None and warmup > epochs:
        raise InputError(f"warmup_epochs={warmup}: choose at most the {epochs} epochs")


def check_choice(name: str, value: str) -> None:
    """Raises InputError, with the nearest, unless `value` is one of the field's choices."""
    if value not in _CHOICES[name]:
        hint = did_you_mean(value, _CHOICES[name])
        raise InputError(f"{name}={quoted(value)}: choose one of {', '.join(_CHOICES[name])}{hint}")


def _check_field(name: str) -> None:
    if name not in FIELDS:
        raise InputError(
            f"no field {quoted(name)} in a run's configuration{did_you_mean(name, FIELDS)}"
        )


def check_settable(name: str) -> None:
    """Raises InputError for a field that does not exist or that follows from others."""
    _check_field(name)
    if name in _OWN:
        raise InputError(f"{name} is not to be set: it follows from the task and the program")


def _check_age(record: Mapping[str, Any]) -> None:
    """Raises NewerError for a configuration that only a newer version can read."""
    schema = record.get("schema", SCHEMA)
    unknown = [str(name) for name in record if name not in FIELDS]
    newer = "a newer version of ict wrote it; update ict to read it"
    if isinstance(schema, int) and schema > SCHEMA:
        raise NewerError(
            f"the configuration has schema {quoted(schema)}, this version reads {SCHEMA}: {newer}"
        )
    if unknown:
        raise NewerError(f"no field {quoted(unknown[0])} in a run's configuration: {newer}")
    for name, allowed in _LATER_CHOICES.items():
        if record.get(name, NEUTRAL[name]) not in allowed:
            raise NewerError(f"{name}={quoted(record[name])} is not known: {newer}")


def _float(name: str, value: float) -> float:
    """`value` as a finite float."""
    try:
        number = float(value)
    except OverflowError:  # a whole number beyond any float
        number = math.inf
    if not math.isfinite(number):
        raise InputError(f"{name}={quoted(value)}: give a finite number")
    return number


def check_size(name: str, value: Any) -> None:
    """Raises InputError for a number or a text that is longer than any field has, or a list of such."""
    for one in value if isinstance(value, (list, tuple)) else (value,):
        if isinstance(one, int) and one.bit_length() > 63:
            raise InputError(f"{name}={quoted(one)}: no field takes a number of so many digits")
        if isinstance(one, str) and (odd := odd_word(one)):
            raise InputError(f"{name}={quoted(one)}: the text {odd}")


def typed(name: str, value: Any) -> Any:
    """`value` as the field's type says; an InputError names the field and what it takes."""
    _check_field(name)
    check_size(name, value)
    options = _OPTIONS[name]
    if value is None and type(None) in options:
        return None
    if isinstance(value, (list, tuple)) and any(typing.get_origin(o) is tuple for o in options):
        if all(isinstance(item, int) and not isinstance(item, bool) for item in value):
            return tuple(value)
    elif isinstance(value, bool):
        if bool in options:
            return value
    elif isinstance(value, int) and int in options:
        return value
    elif isinstance(value, (int, float)) and float in options:
        return _float(name, value)
    elif isinstance(value, str) and str in options:
        return value
    if str in options and isinstance(value, (int, float)):
        return str(value)
    names = [_TYPE_WORDS.get(o, _LIST_WORDS) for o in options if o is not type(None)]
    raise InputError(f"{name}={quoted(value)}: give {' or '.join(names)}")


if not typing.TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        from ict.public.old_names import moved  # `resolve` was here in version 0.1.0

        return moved(__name__, name)
